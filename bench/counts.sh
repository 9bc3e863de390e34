#!/bin/bash
# Counts what a message costs (bench/counts.cc) and compares it with bench/counts.budget. Fails where it grew.
# What the clock decides differs from run to run (a write done at once or handed over, retention's turn): a cell that is over its
# budget is counted again, five times in all, and its least counts. One that grew is over it every time.
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

# verdict COUNTED BUDGET
verdict() {
    awk -v got="$1" -v budget="$2" 'BEGIN { print (got > budget ? "OVER" : (got < 0.85 * budget ? "low" : "ok")) }'
}

# tell NAME WHAT COUNTED BUDGET
tell() {
    local said
    said=$(verdict "$3" "$4")
    printf '%-16s %-26s %12s of %-10s %s\n' "$1" "$2" "$3" "$4" "$said"
    [[ $said != OVER ]] || failed=1
}

declare -A counted  # by what is counted: the least so far of the cell at hand

# note WHAT COUNTED BUDGET: false if the least is over the budget
note() {
    [[ $3 != - ]] || return 0
    counted[$1]=$(awk -v got="$2" -v before="${counted[$1]:-}" 'BEGIN { print (before == "" || got < before ? got : before) }')
    [[ $(verdict "${counted[$1]}" "$3") != OVER ]]
}

# count CELL INSTRUCTIONS|-: runs it, and leaves what it printed in $scratch/out, its instructions a message in $instructions_counted
count() {
    instructions_counted=
    if [[ $2 == - ]]; then
        "$build/counts" "$1" >"$scratch/out" || exit 1
        return
    fi
    # Debian's callgrind has no AVX-512: glibc and ours choose by what it says the processor can do.
    valgrind --tool=callgrind --callgrind-out-file=/dev/null '--toggle-collect=imago::(anonymous namespace)::measured_part*' \
        "$build/counts" "$1" >"$scratch/out" 2>"$scratch/valgrind" || { cat "$scratch/valgrind"; exit 1; }
    local messages collected
    messages=$(awk '$1 == "messages" { print $2 }' "$scratch/out")
    collected=$(awk '/Collected :/ { print $4 }' "$scratch/valgrind")
    instructions_counted=$(awk -v i="$collected" -v m="$messages" 'BEGIN { printf "%.0f", i / m }')
}

while read -r cell instructions allocations flushes; do
    [[ -n $cell && $cell != \#* ]] || continue
    (($# == 0)) || [[ " $* " == *" $cell "* ]] || continue
    counted=()
    for ((turn = 1; turn <= 5; ++turn)); do
        count "$cell" "$instructions"
        within=1
        note instructions "$instructions_counted" "$instructions" || within=0
        note allocations "$(awk '$1 == "allocations_per_message" { print $2 }' "$scratch/out")" "$allocations" || within=0
        note flushes "$(awk '$1 == "flushes_per_group" { print $2 }' "$scratch/out")" "$flushes" || within=0
        ((within == 0)) || break
    done
    [[ $instructions == - ]] || tell "$cell" "instructions a message" "${counted[instructions]}" "$instructions"
    [[ $allocations == - ]] || tell "$cell" "allocations a message" "${counted[allocations]}" "$allocations"
    [[ $flushes == - ]] || tell "$cell" "flushes a group" "${counted[flushes]}" "$flushes"
done <"$here/counts.budget"
((failed == 0)) || echo "more than the budget: see bench/counts.budget"
exit $failed
