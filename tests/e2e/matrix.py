#!/usr/bin/env python3
"""Foreign Kafka clients against one server: they write with each codec, read each other, seek, wait, administer.

    tests/e2e/matrix.py --imago build/release/imago      starts it on a private folder and stops it at the end
    tests/e2e/matrix.py --bootstrap HOST:PORT            a server that runs already
    tests/e2e/matrix.py --kafka                          a real Kafka broker: shows that the tests are right

A client that is not installed is skipped and counted; with CI=true in the environment it is a failure.
"""
import argparse
import os
import pathlib
import sys
import time

from harness import servers, sessions
from harness.checks import admin, exchange, groups, longpoll, mixed, seek
from harness.report import Report, fatal
from harness.stage import Stage

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHAPTERS = ("exchange", "seek", "longpoll", "admin", "groups", "mixed")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--imago", metavar="BINARY", help="start this imago")
    where.add_argument("--bootstrap", metavar="HOST:PORT", help="use the server that listens there")
    where.add_argument("--kafka", action="store_true", help="start a real Kafka broker (tests/e2e/setup kafka)")
    parser.add_argument("--serve-flag", action="append", default=[], metavar="FLAG", help="one more flag for imago serve")
    parser.add_argument("--build", default=ROOT / "build" / "release", help="where e2e_librdkafka was built")
    parser.add_argument("--clients", default="", help="only these, separated by commas")
    parser.add_argument("--flavours", default="", help="only groups whose label has one of these, separated by commas")
    parser.add_argument("--only", default=",".join(CHAPTERS), help=f"chapters: {', '.join(CHAPTERS)} (seek needs exchange)")
    return parser.parse_args()


def gather(address, options, report):
    wanted = [name for name in options.clients.split(",") if name]
    clients, missing = sessions.start(address, options.build, wanted)
    for name, reason in missing:
        if os.environ.get("CI") == "true":
            report.result(f"client {name} is there", reason)
        else:
            report.skip(f"client {name}", reason)
    if not any("topics" in c.can for c in clients):
        fatal("no client here can create topics: at least one besides kcat is needed")
    print("clients: " + ", ".join(f"{c.name} {c.version}" for c in clients), flush=True)
    return clients


def chapters(stage, only):
    written = exchange.run(stage) if "exchange" in only else []
    if "seek" in only:
        seek.run(stage, written)
    if "longpoll" in only:
        longpoll.run(stage)
    if "admin" in only:
        admin.run(stage)
    if "groups" in only:
        groups.run(stage)
    if "mixed" in only:
        mixed.run(stage)
    stage.clean_up()


def main():
    options = arguments()
    began = time.monotonic()
    server = servers.kafka() if options.kafka else servers.imago(options.imago, options.serve_flag) if options.imago else None
    report = Report()
    clients = []
    try:
        address = server.address if server else options.bootstrap
        clients = gather(address, options, report)
        flavours = [word for word in options.flavours.split(",") if word]
        chapters(Stage(clients, report, address, options.build, flavours), options.only.split(","))
    finally:
        for client in clients:
            client.close()
        problem = server.stop() if server else None
    if server:
        report.result(f"{server.name} stops cleanly on SIGTERM", problem)
    print(f"client matrix: {time.monotonic() - began:.0f} s")
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
