#!/bin/bash
# The usual cells over loopback: starts a server on FOLDER, measures the disk before and after, prints one line a cell.
# usage: bench/loopback.sh BUILD FOLDER [SECONDS]
set -euo pipefail
build=$1 folder=$2 seconds=${3:-3}
port=$((20000 + RANDOM % 10000))
mkdir -p "$folder"
"$build/imago" serve --data-dir "$folder/loopback-data" --kafka "127.0.0.1:$port" >"$folder/loopback.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$folder/loopback-data"' EXIT
for _ in $(seq 100); do grep -q "serving kafka on" "$folder/loopback.log" && break; sleep 0.1; done

cell() { # QUEUES, then options of `imago bench produce`
    local queues=$1
    shift
    "$build/imago" bench produce -b "127.0.0.1:$port" -t "q$queues" --queues "$queues" --pid "$server" --seconds "$seconds" \
        --warm-up "$(awk "BEGIN { print $seconds / 6 }")" "$@"
}

echo "load: $(cut -d' ' -f1-3 /proc/loadavg)"
"$build/disk_limit" "$folder" --seconds 0.3 --rounds 3
cell 16 --message 1024 --records 16 --batches 16 --window 8
cell 16 --message 100 --records 160 --batches 16 --window 8
cell 1000 --message 1024 --records 1 --batches 250 --window 8
cell 10000 --message 1024 --records 1 --batches 250 --window 8
cell 16 --message 100 --records 1 --batches 1 --window 64
cell 16 --message 100 --records 1 --batches 1 --window 1
"$build/disk_limit" "$folder" --seconds 0.3 --rounds 3
