#!/usr/bin/env python3
"""imago and its peers side by side: every cell on every peer, in one run on one machine.

  bench/compare/setup                                        fetches and builds the peers and the loads, into ~/.cache/imago
  bench/compare/run.py build/release                         all of it, 5 rounds: more than an hour
  bench/compare/run.py build/release --goals --rounds 3      the cells and peers that goals are set for
  bench/compare/run.py build/release --quick                 a first look: one round of a second each
  bench/compare/run.py build/release --out FOLDER --resume   goes on where a run into FOLDER ended, or adds cells to it

Method. A round takes the groups of cells in turn; in a group each peer is started on a fresh folder, measured in each cell on a
topic of its own, killed and removed. Every other round takes the peers in the opposite order, so that what drifts over minutes
falls on all alike. Ratios are made within a round; told are their median, the smallest and largest, and a 95 % bootstrap interval
of the median. Before each measurement what was written is flushed, and a load of one to three seconds (longer for JVMs) warms up.
Before and after it a canary (durable writes of 4 KiB, a loop that computes) sings: a figure during which it moved by more than
20 % is measured once more, and marked if it moved again. What the disk (durable writes, one in flight) and loopback (a plain TCP
copy) can do is measured in each round beside it.

FOLDER gets results.json (written after each measurement), report.md and plots. Cells where imago loses come first, then missed
goals. Read-ahead of the disks is set to 128 KiB meanwhile, if that is allowed (maps of index files read 8 MiB at each touch
otherwise, on machines set so), and told in the report. Only the servers' loopback addresses are used, but RocketMQ opens its
port for replicas on all addresses. Nothing else should run on the machine."""
import argparse
import os
import pathlib
import platform
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import machine  # noqa: E402
import process  # noqa: E402
import report  # noqa: E402
from cells import CELLS, goal_peers  # noqa: E402
from peers import LEFT_OUT, all_peers  # noqa: E402
from rounds import Results, Rounds  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="has imago and disk_limit, e.g. build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--other-rounds", type=int, default=2, help="for cells and peers that no goal speaks of (2)")
    parser.add_argument("--seconds", type=float, default=2.5, help="of each measurement, without its warm-up (2.5)")
    parser.add_argument("--cells", help="names or groups, comma separated; default: all")
    parser.add_argument("--peers", help="names, comma separated; default: all")
    parser.add_argument("--goals", action="store_true", help="only cells with goals, only the peers of their goals")
    parser.add_argument("--quick", action="store_true", help="one round, one second each, nothing repeated")
    parser.add_argument("--no-repeat", action="store_true", help="what the canary casts doubt on is marked, not measured again")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("compare-report"))
    parser.add_argument("--resume", action="store_true", help="keep what results.json in FOLDER has")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="for the servers' data: on the disk that is to be measured")
    parser.add_argument("--ports", default="20000-30000", help="to choose from")
    parser.add_argument("--report", action="store_true", help="write the report of what is measured already, nothing else")
    parser.add_argument("--list", action="store_true", help="the cells and peers, nothing else")
    args = parser.parse_args()
    args.build = args.build.resolve()
    if args.quick:
        args.rounds, args.seconds, args.no_repeat = 1, 1.0, True
    process.PORTS[:] = [int(word) for word in args.ports.split("-")]
    process.WHERE[0] = args.folder
    return args


def chosen(args):
    """Peers; cells with `wanted`, the peers that are to be measured in each."""
    names = None if args.peers is None else args.peers.split(",")
    words = None if args.cells is None else args.cells.split(",")
    peers = [peer for peer in all_peers(args.build) if names is None or peer.name in names]
    known = [peer.name for peer in all_peers(args.build)]
    for word in names or []:
        if word not in known:
            sys.exit(f"no peer is called {word}; there are {', '.join(known)}")
    cells = [cell for cell in CELLS if words is None or cell["name"] in words or cell["group"] in words]
    if args.goals:
        cells = [cell for cell in cells if cell["goals"] or cell["cpu_goals"]]
    by_name = {cell["name"]: {**cell, "wanted": []} for cell in CELLS}
    for cell in cells:
        for peer in goal_peers(cell) if args.goals else cell["peers"]:
            # A figure that is another cell's is measured there.
            wanted = by_name[cell["like"].get(peer, cell["name"])]["wanted"]
            if peer not in wanted:
                wanted.append(peer)
        if cell["of_own"] and "imago" not in by_name[cell["of_own"][0]]["wanted"]:
            by_name[cell["of_own"][0]]["wanted"].append("imago")
    return peers, [cell for cell in by_name.values() if cell["wanted"]]


def facts(args, peers, read_ahead):
    return {"when": time.strftime("%Y-%m-%d %H:%M"), "machine": platform.platform(), "processors": os.cpu_count(),
            "memory_gib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") / (1 << 30),
            "busy_before": machine.busy_share(), "read_ahead_kb": read_ahead.set, "fua": machine.has_fua(),
            "rounds": args.rounds, "seconds": args.seconds, "settings": {peer.name: peer.settings for peer in peers},
            "durable": {peer.name: peer.durable for peer in peers}, "left_out": LEFT_OUT, "limits": []}


def main():
    args = arguments()
    peers, cells = chosen(args)
    if args.list:
        for cell in cells:
            print(f"{cell['name']:20} {cell['group']:6} {cell['title']}")
        for peer in peers:
            print(f"{peer.name:20} {peer.settings}")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers end and folders go as with ^C
    args.out.mkdir(parents=True, exist_ok=True)
    results = Results(args.out / "results.json", args.resume or args.report)
    if not args.report:
        canary = machine.Canary(args.folder)
        try:
            with machine.ReadAhead() as read_ahead:
                measure(args, peers, cells, results, canary, read_ahead)
        finally:
            canary.close()
    report.write(args.out, results, CELLS)
    print(args.out / "report.md")
    return 0


def measure(args, peers, cells, results, canary, read_ahead):
    was = results.facts
    results.facts = facts(args, peers, read_ahead)
    # An earlier run into the same folder began earlier, and may have had more rounds.
    results.facts |= {"limits": was.get("limits", []), "when": was.get("when", results.facts["when"]),
                      "rounds": max(was.get("rounds", 0), args.rounds)}
    for key in ("settings", "durable"):  # and other peers
        results.facts[key] = {**was.get(key, {}), **results.facts[key]}
    if results.facts["busy_before"] > 0.05:
        print(f"the machine is not quiet: others use {100 * results.facts['busy_before']:.0f} % of it; the report says so",
              file=sys.stderr)
    rounds = Rounds(args, peers, cells, results, canary)
    began = time.monotonic()
    try:
        rounds.run()
    except KeyboardInterrupt:
        print("stopped; --resume goes on from here", file=sys.stderr)
    results.facts["took_minutes"] = was.get("took_minutes", 0) + (time.monotonic() - began) / 60
    results.write()


if __name__ == "__main__":
    sys.exit(main())
