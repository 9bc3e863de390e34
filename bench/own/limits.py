"""What the machine itself can do: the figures that the cells are held against, measured beside them."""
import concurrent.futures
import json
import mmap
import os
import threading
import time

from rig import Failed, call, loopback_limit

PIECE = 1 << 20


#: As many groups as the store has under way when there is much to write.
DEPTH = 4


def durable_writes(rig, folder, depth=DEPTH):
    """MB/s of direct, durable writes into blocks that were written before, `depth` at a time, by their size."""
    out = call([rig.build / "disk_limit", folder, "--seconds", 0.3, "--rounds", 3, "--depth", depth, "--json"])
    return {each["block"]: each["mb_s"] for each in map(json.loads, out.splitlines())}


def durable_write(sizes, bytes_a_write):
    """The same for any size: a write costs a fixed time and some for each byte, so between two sizes its time is on a line."""
    blocks = sorted(sizes)
    wanted = min(max(bytes_a_write, blocks[0]), blocks[-1])
    high = next(block for block in blocks if block >= wanted)
    low = max((block for block in blocks if block < high), default=high)
    times = {block: block / sizes[block] for block in (low, high)}
    share = (wanted - low) / (high - low) if high > low else 0
    return wanted / (times[low] + share * (times[high] - times[low]))


def sequential_read(paths, depth, bytes_max=2 << 30):
    """MB/s of direct reads of 1 MiB over these files, `depth` at a time."""
    places = [(path, at) for path in paths for at in range(0, os.path.getsize(path) - PIECE + 1, PIECE)][:bytes_max // PIECE]
    if not places:
        raise Failed("nothing to read")
    files = {path: os.open(path, os.O_RDONLY | os.O_DIRECT) for path in {path for path, _ in places}}
    next_place = iter(places)
    lock = threading.Lock()

    def read_some():
        buffer = mmap.mmap(-1, PIECE)
        done = 0
        while True:
            with lock:
                place = next(next_place, None)
            if place is None:
                return done
            done += os.preadv(files[place[0]], [buffer], place[1])

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(depth) as pool:
        total = sum(each.result() for each in [pool.submit(read_some) for _ in range(depth)])
    took = time.monotonic() - began
    for descriptor in files.values():
        os.close(descriptor)
    return total / took / 1e6


def tcp_copy():
    """MB/s of one connection over loopback, a process on either side, nothing looked at."""
    return loopback_limit(1.0)
