#!/bin/bash
# Counts what a message costs (bench/counts.cc) and compares it with bench/counts.budget. Fails where it grew.
# usage: bench/counts.sh BUILD [CELL...]
set -uo pipefail
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v valgrind >/dev/null; then
    echo "skipped counts: valgrind is missing (apt-get install valgrind)"
    exit 77
fi
# Large copies as loops of vector moves on every processor, not as one instruction that counts by the byte on some.
export GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1073741824
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# over NAME WHAT COUNTED BUDGET
over() {
    local verdict
    verdict=$(awk -v got="$3" -v budget="$4" 'BEGIN { print (got > budget ? "OVER" : (got < 0.85 * budget ? "low" : "ok")) }')
    printf '%-16s %-26s %12s of %-10s %s\n' "$1" "$2" "$3" "$4" "$verdict"
    [[ $verdict != OVER ]] || failed=1
}

while read -r cell instructions allocations flushes; do
    [[ -n $cell && $cell != \#* ]] || continue
    (($# == 0)) || [[ " $* " == *" $cell "* ]] || continue
    if [[ $instructions == - ]]; then
        "$build/counts" "$cell" >"$scratch/out" || exit 1
    else
        # Debian's callgrind has no AVX-512: glibc and ours choose by what it says the processor can do.
        valgrind --tool=callgrind --callgrind-out-file=/dev/null '--toggle-collect=imago::(anonymous namespace)::measured_part*' \
            "$build/counts" "$cell" >"$scratch/out" 2>"$scratch/valgrind" || { cat "$scratch/valgrind"; exit 1; }
        messages=$(awk '$1 == "messages" { print $2 }' "$scratch/out")
        collected=$(awk '/Collected :/ { print $4 }' "$scratch/valgrind")
        over "$cell" "instructions a message" "$(awk -v i="$collected" -v m="$messages" 'BEGIN { printf "%.0f", i / m }')" "$instructions"
    fi
    [[ $allocations == - ]] ||
        over "$cell" "allocations a message" "$(awk '$1 == "allocations_per_message" { print $2 }' "$scratch/out")" "$allocations"
    [[ $flushes == - ]] ||
        over "$cell" "flushes a group" "$(awk '$1 == "flushes_per_group" { print $2 }' "$scratch/out")" "$flushes"
done <"$here/counts.budget"
((failed == 0)) || echo "more than the budget: see bench/counts.budget"
exit $failed
