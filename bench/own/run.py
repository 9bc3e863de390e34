#!/usr/bin/env python3
"""imago on its own: each figure against its own limit, measured beside it in the same run on the same machine.

usage: bench/own/run.py BUILD [--cells a,b] [--rounds 3] [--seconds 5] [--out FOLDER] [--data FOLDER] [--list]

A cell starts servers on fresh folders below DATA (default: the system's folder for temporary files; 20 GB free are wanted on a real
disk). FOLDER gets report.json, report.md and line plots (SVG). Missed goals come first. A cell that fails is told with its error."""
import argparse
import os
import pathlib
import platform
import resource
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import appends  # noqa: E402
import curves  # noqa: E402
import figures  # noqa: E402
import many_queues  # noqa: E402
import reading  # noqa: E402
import resting  # noqa: E402
from rig import Failed, Rig, busy_share  # noqa: E402

# Name, function, and whether one round of it is enough: what takes minutes, and curves, whose points are many.
CELLS = [
    ("empty", resting.empty, False),
    ("idle", resting.idle, True),
    ("append", appends.in_process, True),
    ("loopback", appends.over_loopback, False),
    ("speed", many_queues.speed, False),
    ("sustained", many_queues.sustained, True),
    ("restart", many_queues.restart, False),
    ("million", many_queues.million, True),
    ("memory", reading.in_memory, False),
    ("live", reading.live, False),
    ("backlog", reading.backlog, False),
    ("cold", reading.cold_one, True),
    ("curve-queues", curves.queues, True),
    ("curve-connections", curves.connections, True),
    ("curve-groups", curves.groups, True),
]


def read_ahead():
    return {path.parts[3]: path.read_text().strip() for path in pathlib.Path("/sys/block").glob("*/queue/read_ahead_kb")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--cells", help="names, comma separated; default: all")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("own-report"))
    parser.add_argument("--data", type=pathlib.Path, help="where servers keep their data meanwhile")
    parser.add_argument("--list", action="store_true", help="the cells, nothing else")
    args = parser.parse_args()
    if args.list:
        for name, cell, _ in CELLS:
            print(f"{name:20} {(cell.__doc__ or '').splitlines()[0] if cell.__doc__ else ''}")
        return 0
    wanted = args.cells.split(",") if args.cells else [name for name, _, _ in CELLS]
    unknown = set(wanted) - {name for name, _, _ in CELLS}
    if unknown:
        parser.error(f"no such cell: {', '.join(sorted(unknown))}")
    # Thousands of connections are ours.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    rig = Rig(args.build.resolve(), args.seconds, args.data)
    busy = busy_share()
    if busy > 0.05:
        print(f"the machine is not quiet: others use {100 * busy:.0f} % of it; the report says so", file=sys.stderr)
    facts = {"machine": platform.platform(), "processors": os.cpu_count(), "busy_before": busy, "read_ahead_kb": read_ahead(),
             "rounds": args.rounds, "seconds": args.seconds, "when": time.strftime("%Y-%m-%d %H:%M")}
    found = figures.Found()
    for name, cell, once in CELLS:
        if name not in wanted:
            continue
        for number in range(1 if once else args.rounds):
            began = time.monotonic()
            try:
                for each in cell(rig, number):
                    found.add(name, each)
                    print(figures.as_line(each), flush=True)
            except (Failed, OSError, subprocess.TimeoutExpired) as why:
                found.failed(name, str(why))
                print(f"{name}: {why}", flush=True)
            print(f"-- {name}: round {number + 1} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            found.write(args.out, facts)
    print(args.out / "report.md")
    return 1 if found.errors else 0


if __name__ == "__main__":
    sys.exit(main())
