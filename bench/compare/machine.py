"""The machine: is it quiet, what can its disk and its loopback do at best, and a cage for memory."""
import json
import mmap
import os
import pathlib
import random
import socket
import statistics
import subprocess
import time


class Canary:
    """A few durable writes of 4 KiB and a loop that only computes. When they take longer than before, so does what is
    measured, and it is not the server's doing."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / f"canary-{os.getpid()}"
        self.path.write_bytes(b"\0" * (4 << 20))
        flags = os.O_WRONLY | os.O_DSYNC
        try:
            self.file = os.open(self.path, flags | os.O_DIRECT)
        except OSError:  # a file system without direct I/O
            self.file = os.open(self.path, flags)
        os.fsync(self.file)
        self.block = mmap.mmap(-1, 4096)
        self.block.write(random.randbytes(4096))

    def sing(self, verses=5):
        """Microseconds: the median durable write, the median loop, of the best verse: a neighbour that stays spoils them all."""
        best = {"write_us": float("inf"), "loop_us": float("inf")}
        for verse in range(verses):
            writes, loops = [], []
            for i in range(100):
                start = time.perf_counter()
                os.pwrite(self.file, self.block, (verse * 100 + i) * 4096)
                writes.append(time.perf_counter() - start)
            for _ in range(7):
                start = time.perf_counter()
                sum(range(100_000))
                loops.append(time.perf_counter() - start)
            best["write_us"] = min(best["write_us"], statistics.median(writes) * 1e6)
            best["loop_us"] = min(best["loop_us"], statistics.median(loops) * 1e6)
        return best

    def close(self):
        os.close(self.file)
        self.path.unlink()


def moved(before, after):
    """By how much the worse of the two figures moved, either way."""
    return max(max(before[key], after[key]) / min(before[key], after[key]) - 1 for key in before)


def settle(patience=3.0):
    """What was written and not flushed must not be in the way of what is measured next, nor what a server does afterwards."""
    os.sync()
    end = time.monotonic() + patience
    last = written_sectors()
    while time.monotonic() < end:
        time.sleep(0.1)
        now = written_sectors()
        if (now - last) * 512 < 1 << 20:
            return
        last = now


def written_sectors():
    return sum(int(path.read_text().split()[6]) for path in pathlib.Path("/sys/block").glob("[a-z]*/stat")
               if not path.parts[3].startswith(("loop", "ram", "zram", "dm-", "md")))


def disk_limit(build, folder):
    """Durable sequential writes, one in flight, by block size."""
    done = subprocess.run([str(build / "disk_limit"), str(folder), "--seconds", "0.3", "--rounds", "1", "--json"], check=True,
                          capture_output=True, text=True, timeout=120)
    found = {}
    for line in done.stdout.splitlines():
        one = json.loads(line)
        found[str(one["block"])] = {"mb_s": one["mb_s"], "p50_us": one["p50_us"]}
    return found


COPIED = 512 << 20  # more than any processor's cache


def loopback_limit(seconds=0.5):
    """MB/s of one TCP connection that copies 1 MiB at a time, out of memory as messages are and not again and again out of a processor's
    cache, without the pacing that imago turns off between local ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if child == 0:
        try:
            # Written to, or all its pages were the one of zeros.
            memory = memoryview(b"m" * COPIED)
            with socket.create_connection(listener.getsockname()) as out:
                out.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
                end, at = time.monotonic() + seconds, 0
                while time.monotonic() < end:
                    out.sendall(memory[at:at + (1 << 20)])
                    at = (at + (1 << 20)) % COPIED
        finally:
            os._exit(0)
    reading, _ = listener.accept()
    into = bytearray(1 << 20)
    start, got = time.monotonic(), 0
    while count := reading.recv_into(into):
        got += count
    took = time.monotonic() - start
    os.waitpid(child, 0)
    reading.close()
    listener.close()
    return got / took / 1e6


def busy_share(seconds=2.0):
    """How much of the processors others use while nothing of ours runs."""
    def take():
        fields = [int(word) for word in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return sum(fields), fields[3] + fields[4]
    all_before, idle_before = take()
    time.sleep(seconds)
    all_after, idle_after = take()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


class ReadAhead:
    """128 KiB while this runs, where it may be set."""

    def __init__(self):
        self.files = {path: path.read_text().strip() for path in pathlib.Path("/sys/block").glob("*/queue/read_ahead_kb")
                      if not path.parts[3].startswith(("loop", "ram", "zram"))}

    def __enter__(self):
        self.set = {}
        for path in self.files:
            try:
                path.write_text("128")
            except OSError:
                pass
            self.set[path.parts[3]] = path.read_text().strip()
        return self

    def __exit__(self, *_):
        for path, value in self.files.items():
            try:
                path.write_text(value)
            except OSError:
                pass


def has_fua():
    """By disk: whether one durable write is one request there (1) or a write and a flush (0)."""
    return {path.parts[3]: path.read_text().strip() for path in pathlib.Path("/sys/block").glob("*/queue/fua")
            if not path.parts[3].startswith(("loop", "ram", "zram"))}


class Cage:
    """A memory cgroup of its own for one server: page cache that it causes counts too. Version 2 or 1, what the system has."""

    def __init__(self, limit):
        self.limit = limit
        name = f"imago-compare-{os.getpid()}"
        own = dict(line.split(":", 2)[1:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines())
        tried = []
        if "memory" in own:
            tried.append((pathlib.Path("/sys/fs/cgroup/memory" + own["memory"]) / name, "memory.limit_in_bytes"))
        if "" in own:
            tried.append((pathlib.Path("/sys/fs/cgroup" + own[""]).parent / name, "memory.max"))
        self.why = "this system has no memory cgroups"
        for folder, file in tried:
            try:
                folder.mkdir()
                (folder / file).write_text(str(limit))
                self.folder = folder
                return
            except OSError as error:
                self.why = f"{folder / file}: {error.strerror}"
                if folder.exists():
                    folder.rmdir()
        self.folder = None

    def enter(self):
        """Of a child, before it becomes the server."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def close(self):
        for _ in range(100):
            if self.folder is None or not self.folder.exists():
                return
            try:
                self.folder.rmdir()
            except OSError:  # a process of it is ending still
                time.sleep(0.05)
