#!/bin/bash
# Waiting fetches and idle groups: starts a server on FOLDER and looks at it. usage: bench/idle.sh BUILD FOLDER [OPTIONS of idle]
set -euo pipefail
build=$1 folder=$2
shift 2
port=$((20000 + RANDOM % 10000))
mkdir -p "$folder"
rm -rf "$folder/idle-data"
"$build/imago" serve --data-dir "$folder/idle-data" --kafka "127.0.0.1:$port" --set net.connections_max=12000 --set net.connections_per_ip_max=12000 >"$folder/idle.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$folder/idle-data"' EXIT
for _ in $(seq 100); do grep -q "serving kafka on" "$folder/idle.log" && break; sleep 0.1; done
"$build/imago" topic create idle --brokers "127.0.0.1:$port" --partitions 10000 >/dev/null
"$build/imago" topic create idle-one --brokers "127.0.0.1:$port" --partitions 1 >/dev/null
"$build/idle" "127.0.0.1:$port" idle --pid "$server" "$@"
