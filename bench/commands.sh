#!/bin/bash
# Each command of `imago bench` once, briefly, so that none rots: what it prints must be a measurement of something.
# usage: bench/commands.sh BUILD FOLDER
set -euo pipefail
build=$1 folder=$2
port=$((20000 + RANDOM % 10000))
mkdir -p "$folder"
rm -rf "$folder/data"
"$build/imago" serve --data-dir "$folder/data" --kafka "127.0.0.1:$port" >"$folder/server.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$folder/data"' EXIT
for _ in $(seq 100); do grep -q "serving kafka on" "$folder/server.log" && break; sleep 0.1; done

bench() {
    local out
    out=$("$build/imago" bench "$@" -b "127.0.0.1:$port" --pid "$server" --json)
    echo "$out"
    if grep -qE '"messages":0[,}]' <<<"$out" || ! grep -q '"messages_per_second"' <<<"$out"; then
        echo "bench $1 measured nothing" >&2
        exit 1
    fi
}
"$build/imago" bench create -t some --queues 16 -b "127.0.0.1:$port" --json | grep -q '"seconds"'
bench fill -t some --queues 16 --bytes 4M
bench produce -t some --seconds 0.2 --warm-up 0.1
bench produce -t some --seconds 0.2 --warm-up 0.1 --rate 2000 --records 1 --batches 1 --connections 4
bench produce -t skewed --queues 100 --zipf 1 --seconds 0.2 --warm-up 0.1 --batches 8
bench consume -t some
bench end-to-end -t live --seconds 0.3 --warm-up 0.1 --rate 500 --fan-out 2
bench sweep -t swept --queues 1,20 --seconds 0.1 --warm-up 0.05
bench backlog -t late --backlog 20M --rate 2000 --seconds 0.2 --warm-up 0.1
if "$build/imago" bench produce -b 127.0.0.1:1 2>"$folder/refused"; then
    echo "a server that is not there was measured" >&2
    exit 1
fi
grep -q "Is a server running there" "$folder/refused"
