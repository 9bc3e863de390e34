#!/usr/bin/env python3
"""imago and its peers side by side: every cell in turn on every peer, in one run on one machine.

usage: bench/compare/run.py BUILD [--rounds 5] [--seconds 5] [--cells a,b] [--peers x,y] [--out FOLDER] [--list]

Each round of a cell starts every peer on a fresh folder, in alternating order (A-B-C, C-B-A, ...). FOLDER gets report.json,
report.md and a plot for each cell. Ratios are made within a round and their median is told with the smallest and largest.
Cells where imago loses or misses its goal come first. Read-ahead of the disks is set to 128 KiB meanwhile, if that is allowed
(maps of index files read 8 MiB at each touch otherwise, on machines set so), and told in the report."""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import peers as all_of  # noqa: E402
import report  # noqa: E402
from cells import CELLS  # noqa: E402


class Failed(Exception):
    pass


def options_of(load):
    """["--a", 1, ...] as a dictionary."""
    return {load[i].lstrip("-"): load[i + 1] for i in range(2, len(load), 2)}


def call(command, timeout):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise Failed((done.stderr or done.stdout).strip()[-500:] or f"exit {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


class Drivers:
    """The programs that make the load."""

    def __init__(self, build, seconds):
        self.build, self.seconds = build, seconds
        self.franz_path = build / "compare-franz"

    def make_franz(self):
        if not self.franz_path.exists():
            raise Failed("franz-go is not built: bench/compare/setup BUILD")
        return self.franz_path

    def bench(self, server, words, more=()):
        return call([self.build / "imago", "bench", words[0], "-b", server.address, "-t", "compare", "--json", "--pid",
                     server.process.pid, *words[1:], *more], 1200)

    def fill(self, server, queues, message=1024, mebibytes=512):
        """The same bytes for every server."""
        many = queues > 1000
        records, batches = (1, 250) if many else (16, 16)
        words = ["fill", "--queues", queues, "--message", message, "--records", records, "--batches", batches, "--bytes",
                 mebibytes << 20]
        return self.bench(server, words)["messages"]

    def run(self, peer, server, load):
        kind, what = load[0], load[1]
        options = options_of(load)
        if peer.protocol == "redis":
            return self.redis(server, options)
        if kind == "bench" and what == "consume":
            self.fill(server, options["queues"])
            return self.bench(server, ["consume", *load[2:]], ["--seconds", 120])
        if kind == "bench":
            timed = [] if what == "create" else ["--seconds", self.seconds]
            return self.bench(server, load[1:], timed)
        franz = self.make_franz()
        if what == "produce":
            # The topic is there before the client comes, in the same way on every server.
            self.bench(server, ["create", "--queues", options["queues"]])
            command = [franz, "produce", "-brokers", server.address, "-topic", "compare", "-queues", options["queues"],
                       "-message", options["message"], "-seconds", self.seconds]
        else:
            messages = self.fill(server, options["queues"])
            command = [franz, "consume", "-brokers", server.address, "-topic", "compare", "-messages", messages]
        before = all_of.processor_seconds(server.process.pid)
        got = call(command, 1200)
        # The warm-up is in it: per message this is an upper bound, the same for all.
        used = all_of.processor_seconds(server.process.pid) - before
        share = got["seconds"] / (got["seconds"] + (1 if what == "produce" else 0))
        got["server_cpu_seconds_per_million"] = used * share / got["messages"] * 1e6
        return got

    def redis(self, server, options):
        """redis-benchmark, Redis' own load: XADD of the same values to as many streams."""
        connections = options.get("connections", 1)
        requests = 200_000 if connections > 1 else 20_000
        value = "x" * options["message"]
        before = all_of.processor_seconds(server.process.pid)
        done = subprocess.run(["redis-benchmark", "-p", str(server.port), "-c", str(connections), "-n", str(requests), "-r",
                               str(options["queues"]), "--csv", "XADD", "stream:__rand_int__", "*", "v", value],
                              capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise Failed(done.stderr[-300:])
        # "test","rps","avg","min","p50","p95","p99","max" in ms; the name of the test may hold commas.
        fields = [field.strip('"') for field in done.stdout.strip().splitlines()[-1].rsplit(",", 7)]
        rate, p50, p99 = float(fields[1]), float(fields[4]), float(fields[6])
        used = all_of.processor_seconds(server.process.pid) - before
        return {"messages": requests, "messages_per_second": rate, "server_cpu_seconds_per_million": used / requests * 1e6,
                "times_us": {"of": "ack", "p50": p50 * 1000, "p99": p99 * 1000}}


def figure_of(got, figure):
    if figure in got:
        return got[figure]
    return got.get("times_us", {}).get(figure)


def measure(cell, peer, drivers):
    try:
        server = peer.start()
    except all_of.Missing as why:
        return {"error": f"not installed: {why}"}
    try:
        got = drivers.run(peer, server, cell["load"])
        got["resident_bytes"] = all_of.resident_bytes(server.process.pid)
        got["value"] = figure_of(got, cell["figure"])
        if got["value"] is None:
            return {"error": f"no figure {cell['figure']}"}
        return got
    except (Failed, subprocess.TimeoutExpired, subprocess.CalledProcessError) as why:
        return {"error": str(why)}
    finally:
        all_of.stop(server)


class ReadAhead:
    """128 KiB while this runs, where it may be set."""

    def __init__(self):
        self.files = {path: path.read_text().strip() for path in pathlib.Path("/sys/block").glob("*/queue/read_ahead_kb")}

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


def busy_share(seconds=2.0):
    """How much of the processors others use while nothing of ours runs."""
    def take():
        fields = [int(word) for word in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return sum(fields), fields[3] + fields[4]
    all_before, idle_before = take()
    time.sleep(seconds)
    all_after, idle_after = take()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--cells", help="names, comma separated; default: all")
    parser.add_argument("--peers", help="names, comma separated; default: all")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("compare-report"))
    parser.add_argument("--list", action="store_true", help="the cells and peers, nothing else")
    args = parser.parse_args()
    peers = [peer for peer in all_of.all_peers(args.build) if args.peers is None or peer.name in args.peers.split(",")]
    cells = [cell for cell in CELLS if args.cells is None or cell["name"] in args.cells.split(",")]
    if args.list:
        for cell in cells:
            print(f"{cell['name']:20} {cell['title']}")
        for peer in peers:
            print(f"{peer.name:20} {peer.settings}")
        return 0
    drivers = Drivers(args.build, args.seconds)
    subprocess.run([str(HERE / "setup"), str(args.build)], check=True, stdout=sys.stderr)
    busy = busy_share()
    if busy > 0.05:
        print(f"the machine is not quiet: others use {100 * busy:.0f} % of it; the report says so", file=sys.stderr)
    with ReadAhead() as read_ahead:
        facts = {"machine": platform.platform(), "processors": os.cpu_count(), "busy_before": busy,
                 "read_ahead_kb": read_ahead.set, "rounds": args.rounds, "seconds": args.seconds,
                 "settings": {peer.name: peer.settings for peer in peers}, "when": time.strftime("%Y-%m-%d %H:%M")}
        results = {}
        for cell in cells:
            mine = [peer for peer in peers if cell["peers"] is None or peer.name in cell["peers"]]
            runs = {peer.name: [] for peer in mine}
            for number in range(args.rounds):
                for peer in mine if number % 2 == 0 else reversed(mine):
                    got = measure(cell, peer, drivers)
                    runs[peer.name].append(got)
                    shown = got["error"] if "error" in got else f"{got['value']:.6g} {cell['unit']}"
                    print(f"{cell['name']:20} round {number + 1} {peer.name:15} {shown}", flush=True)
            results[cell["name"]] = runs
            report.write(args.out, facts, cells, results)
    print(f"{args.out / 'report.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
