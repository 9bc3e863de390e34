#!/usr/bin/env python3
"""Many members come and go in one group: imago and Kafka in turn, the same program, one run.

usage: bench/groups/compare_groups.py BUILD [--rounds 3] [--members 200] [--queues 1000] [--json FILE]
                                      [--protocols consumer,classic]

Each round runs both servers in alternating order (A-B, B-A, ...), each on a fresh folder with its default settings, and
prints the median of each figure with its smallest and largest. Kafka must be installed: tests/e2e/setup kafka."""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "e2e"))
from harness import servers  # noqa: E402

PHASE = re.compile(r"^(?P<phase>\S.*?)\s{2,}.*?(?:stable after|for)\s+(?P<seconds>[\d.]+) s  consumed\s+(?P<consumed>[\d.]+) % "
                   r"of (?P<produced>\d+) produced  delay p50 (?P<p50>[\d.]+) p99 (?P<p99>[\d.]+) max (?P<max>[\d.]+) ms"
                   r"  longest silence of a queue (?P<silence>[\d.]+) s")
FIGURES = ("seconds", "consumed", "p99", "silence")


def one_run(server, args, protocol):
    done = subprocess.run([str(args.build / "group_churn"), server.address, "--members", str(args.members), "--queues",
                           str(args.queues), "--rate", str(args.rate), "--seconds", str(args.seconds), "--classic",
                           "1" if protocol == "classic" else "0"], capture_output=True, text=True, timeout=900)
    phases = {}
    for line in done.stdout.splitlines():
        found = PHASE.match(line)
        if found:
            phases[found["phase"]] = {figure: float(found[figure]) for figure in FIGURES}
    if done.returncode != 0:
        print(f"{server.name}, {protocol}: failed\n{done.stdout}{done.stderr}", file=sys.stderr)
    return {"server": server.name, "protocol": protocol, "failed": done.returncode != 0, "phases": phases,
            "last": done.stdout.splitlines()[-1] if done.stdout else ""}


def start(name, args):
    # Both as the harness starts them, without a delay before a group's first rebalance: else each phase of the classic
    # protocol would measure those three seconds.
    return servers.kafka() if name == "kafka" else servers.imago(args.build / "imago")


def table(runs):
    lines = []
    for protocol in sorted({run["protocol"] for run in runs}):
        phases = list(next(run["phases"] for run in runs if run["protocol"] == protocol and run["phases"]))
        lines.append(f"\n{protocol} protocol")
        lines.append(f"| phase | server | seconds | consumed meanwhile, % | delay p99, ms | longest silence of a queue, s |")
        lines.append("|---|---|---|---|---|---|")
        for phase in phases:
            for name in ("imago", "kafka"):
                cells = []
                for figure in FIGURES:
                    values = [run["phases"][phase][figure] for run in runs
                              if run["server"] == name and run["protocol"] == protocol and phase in run["phases"]]
                    cells.append(f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})" if values else "failed")
                lines.append(f"| {phase} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--queues", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--protocols", default="consumer,classic")
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.2f}, {args.members} members, {args.queues} queues, {args.rounds} rounds")
    runs = []
    for round_number in range(args.rounds):
        for protocol in args.protocols.split(","):
            names = ("imago", "kafka") if round_number % 2 == 0 else ("kafka", "imago")
            for name in names:
                server = start(name, args)
                try:
                    runs.append(one_run(server, args, protocol))
                finally:
                    wrong = server.stop()
                if wrong:
                    print(f"{name}: {wrong}", file=sys.stderr)
                print(f"round {round_number + 1}, {protocol}, {name}: " + ", ".join(
                    f"{phase} {figures['seconds']:.1f} s" for phase, figures in runs[-1]["phases"].items()), flush=True)
    print(table(runs))
    if args.json:
        args.json.write_text(json.dumps({"load": os.getloadavg()[0], "runs": runs}, indent=1))
    return 1 if any(run["failed"] for run in runs if run["server"] == "imago") else 0


if __name__ == "__main__":
    sys.exit(main())
