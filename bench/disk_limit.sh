#!/bin/sh
# The durable write limit of a folder's disk, by our own ring and, as a second opinion, by fio with the same blocks:
# a zero-filled file, overwritten in order with O_DIRECT and O_DSYNC, one write in flight.
#   bench/disk_limit.sh BUILD_FOLDER DATA_FOLDER [SECONDS]
set -eu
if [ $# -lt 2 ]; then
    sed -n '2,4s/^# *//p' "$0" >&2
    exit 2
fi
seconds=${3:-1}
"$1/disk_limit" "$2" --seconds "$seconds"
if ! command -v fio >/dev/null; then
    echo "fio is not installed: no second opinion" >&2
    exit 0
fi
file=$2/disk-limit-fio-$$.tmp
trap 'rm -f "$file"' EXIT INT TERM
dd if=/dev/zero of="$file" bs=1M count=256 oflag=direct conv=fsync status=none
echo "fio $(fio --version), io_uring, one round of $seconds s"
for block in 4k 16k 64k 256k 1m; do
    fio --name=limit --filename="$file" --size=256m --overwrite=1 --rw=write --bs=$block --direct=1 --sync=dsync \
        --ioengine=io_uring --iodepth=1 --time_based --runtime="$seconds" --output-format=terse --terse-version=3 |
        awk -F';' -v block=$block '{
            for (i = 1; i <= NF; ++i) {
                if ($i ~ /^50.000000%=/) { if (!p50 || p50 == 0) { split($i, v, "="); p50 = v[2] } }
                if ($i ~ /^99.000000%=/) { if (!p99 || p99 == 0) { split($i, v, "="); p99 = v[2] } }
                if ($i ~ /^99.900000%=/) { if (!p999 || p999 == 0) { split($i, v, "="); p999 = v[2] } }
            }
            printf "%9s %10.1f MB/s, p50 %s us, p99 %s us, p99.9 %s us\n", block, $48 * 1.024 / 1000, p50, p99, p999
        }'
done
