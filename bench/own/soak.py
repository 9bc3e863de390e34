#!/usr/bin/env python3
"""A server under a steady load for a long time: segments are recycled, retention and checkpoints go on meanwhile.

usage: bench/own/soak.py BUILD [--minutes 30] [--rate 20000] [--out FILE] [--data FOLDER]

Producers write at a fixed rate (open loop: a request's time counts from when it was due). One consumer reads the tail from the
first message to the last; another reads all that is kept, from the oldest message on, over and over. Every offset of every queue
must come, in order, to both. Each interval (a minute; less in a short run) one line tells the acknowledgement times, memory, open
files, files and bytes of the data folder. Ends with 1 if an offset is left out, a message is refused, something grows that should
not, nothing was recycled, or `imago log check` finds anything."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from rig import Failed, Rig, call  # noqa: E402

QUEUES = 16
MIB = 1 << 20


class Reader:
    """`imago consume`, every offset looked at."""

    def __init__(self, rig, server, *words):
        self.next, self.count, self.wrong = {}, 0, []
        self.process = subprocess.Popen([rig.build / "imago", "consume", "soak", "--brokers", server.address, "-f", "%p %o\n", *words],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            queue, offset = map(int, line.split())
            wanted = self.next.get(queue, offset)
            if offset != wanted and len(self.wrong) < 10:
                self.wrong.append(f"queue {queue}: offset {offset} came, {wanted} should have")
            self.next[queue] = offset + 1
            self.count += 1

    def finish(self, patience=60):
        """What it said on standard error, once it has ended by itself."""
        self.thread.join(patience)
        if self.thread.is_alive():
            self.process.kill()
            raise Failed("a consumer did not come to its end")
        said = self.process.stderr.read().decode(errors="replace")
        self.process.wait()
        return said.strip()

    def stop(self):
        self.process.terminate()
        return self.finish()


class CatchUp(threading.Thread):
    """Reads what is kept from the oldest message to the newest, again and again."""

    def __init__(self, rig, server):
        super().__init__(daemon=True)
        self.rig, self.server, self.stopping = rig, server, False
        self.passes, self.overtaken, self.count, self.wrong = 0, 0, 0, []

    def run(self):
        while not self.stopping and not self.wrong:
            reader = Reader(self.rig, self.server, "-o", "beginning", "-e")
            try:
                said = reader.finish(600)
            except Failed as why:
                self.wrong.append(str(why))
                return
            self.count += reader.count
            self.wrong += reader.wrong
            if reader.process.returncode == 0:
                self.passes += 1
            elif "OUT_OF_RANGE" in said:
                # Retention took what it was about to read: that is told, and it is not a gap.
                self.overtaken += 1
            else:
                self.wrong.append(f"imago consume: {said or reader.process.returncode}")


def folder_use(folder):
    files, used = 0, 0
    for path in folder.rglob("*"):
        try:
            used += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue  # given back or renamed just now
        files += 1
    return files, used


def grew(lines, key, slack):
    """True if the last third lies above the middle one by more than a tenth and `slack`."""
    third = max(1, len(lines) // 3)
    middle = max(line[key] for line in lines[third:2 * third] or lines[:1])
    last = min(line[key] for line in lines[-third:])
    return last > 1.1 * middle + slack


def soak(rig, args, tell):
    seconds = 60 * args.minutes
    interval = min(60, max(3, seconds / 8))
    # Small enough that all of it comes round many times.
    segment = 16 if seconds < 300 else 64
    kept = 8 * segment * MIB // QUEUES
    server = rig.server(f"data.segment_size={segment}MiB", "data.cache_size=32MiB", f"data.checkpoint_interval={4 * segment}MiB",
                        f"retention.size={kept}")
    lines, wrong = [], []
    with server:
        server.start()
        rig.create(server, "soak", QUEUES)
        tail = Reader(rig, server, "-o", "beginning")
        catch_up = CatchUp(rig, server)
        until = time.monotonic() + seconds
        produced = 0
        while time.monotonic() < until - 0.5:
            got = rig.bench(server, "produce", topic="soak", queues=QUEUES, message=1024, records=5, batches=QUEUES, rate=args.rate,
                            warm_up=0, seconds=min(interval, max(0.5, until - time.monotonic())))
            if not lines:
                catch_up.start()
            produced += got["messages"]
            files, used = folder_use(server.folder / "data")
            now = server.metrics()
            lines.append({"messages": got["messages"], "messages_per_second": got["messages_per_second"], "ack_us": got["times_us"],
                          "memory": server.memory(), "descriptors": len(os.listdir(f"/proc/{server.pid}/fd")), "files": files,
                          "bytes": used, "checkpoints": now["imago_checkpoints_total"], "tail_read": tail.count,
                          "caught_up": catch_up.passes})
            tell(lines[-1])
            # A short run is made on machines that do other things too: it says what must be there, not how fast.
            if args.minutes >= 5 and got["messages_per_second"] < 0.8 * args.rate:
                wrong.append(f"only {got['messages_per_second']:.0f} of {args.rate} messages a second")
            if tail.wrong or catch_up.wrong:
                break
        catch_up.stopping = True
        catch_up.join(600)
        # Where every queue ends, from a reader of its own: the tail must have come there.
        last = Reader(rig, server, "-o", "-1", "-e")
        last.finish()
        deadline = time.monotonic() + 30
        while tail.next != last.next and time.monotonic() < deadline and not tail.wrong:
            time.sleep(0.05)
        if tail.next != last.next:
            wrong.append(f"the tail ends at {tail.next}, the queues at {last.next}")
        said = tail.stop()
        wrong += tail.wrong + catch_up.wrong
        if tail.process.returncode != 0:
            wrong.append(f"the tail's consumer: {said}")
        if tail.count < produced:
            wrong.append(f"{produced} messages were acknowledged in the intervals, {tail.count} came to the tail")
        if catch_up.passes == 0:
            wrong.append("the catch-up consumer never came to the end")
        rolled = tail.count * 1024 // (segment * MIB)
        segments = len(server.segments())
        if segments > 8 + 8:
            wrong.append(f"{segments} segments are kept, of {rolled} that were written: nothing is given back")
        if rolled < 12:
            wrong.append(f"only {rolled} segments were written: too short to say anything")
        if lines[-1]["checkpoints"] < 3:
            wrong.append("fewer than three checkpoints were written")
        for key, slack in (("memory", 8 * MIB), ("descriptors", 8), ("files", 4), ("bytes", 2 * segment * MIB)):
            if grew(lines, key, slack):
                wrong.append(f"{key} grew: {[line[key] for line in lines]}")
        server.stop()
        try:
            call([rig.build / "imago", "log", "check", server.folder / "data"])
        except Failed as why:
            wrong.append(f"imago log check: {why}")
    total = {"minutes": args.minutes, "rate": args.rate, "messages": tail.count, "segments_written": rolled, "segments_kept": segments,
             "checkpoints": lines[-1]["checkpoints"], "caught_up": catch_up.passes, "caught_up_messages": catch_up.count,
             "overtaken_by_retention": catch_up.overtaken, "worst_p99.9_us": max(line["ack_us"]["p99.9"] for line in lines),
             "wrong": wrong}
    return total, lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=20_000)
    parser.add_argument("--out", type=pathlib.Path, help="JSON of all intervals")
    parser.add_argument("--data", type=pathlib.Path)
    args = parser.parse_args()
    began = time.monotonic()

    def tell(line):
        times = line["ack_us"]
        print(f"{(time.monotonic() - began) / 60:6.1f} min {line['messages_per_second']:8.0f} msg/s  ack p50 {times['p50']:.0f} p99 "
              f"{times['p99']:.0f} p99.9 {times['p99.9']:.0f} max {times['max']:.0f} us  {line['memory'] / MIB:.1f} MiB, "
              f"{line['descriptors']} descriptors, {line['files']} files, {line['bytes'] / MIB:.0f} MiB on disk, "
              f"{line['checkpoints']:.0f} checkpoints, tail {line['tail_read']}, caught up {line['caught_up']}x", flush=True)

    total, lines = soak(Rig(args.build.resolve(), 5, args.data), args, tell)
    if args.out:
        args.out.write_text(json.dumps({"total": total, "intervals": lines}, indent=1))
    print(json.dumps(total))
    return 1 if total["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
