#!/usr/bin/env python3
"""kill -9 while clients produce with acks=all, again and again; then every acknowledged record must be at its offset.

    tests/e2e/crash.py --imago build/release/imago [--kills 50] [--backends uring,posix] [--seed N]

Two clients write all the time: one idempotent, whose records must be there exactly once and in order, and one that is
not, which may write a record twice but may lose none. At the end `imago log check` must find nothing wrong.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import time

from harness import servers, sessions
from harness.report import Report, fatal

sys.path.insert(0, str(sessions.CLIENTS))
from stream import body  # noqa: E402

PARTITIONS = 8
PYTHON = sessions.cache() / "python" / "bin" / "python"


class Writer:
    def __init__(self, address, kind, folder):
        self.kind, self.topic = kind, f"crash-{kind}"
        self.path = folder / f"acknowledged-{kind}"
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen([PYTHON, sessions.CLIENTS / "stream.py", address, kind, self.topic,
                                             str(PARTITIONS)], stdin=subprocess.PIPE, stdout=out)

    def finish(self):
        """None when everything that it sent was acknowledged in the end."""
        self.process.stdin.close()
        try:
            status = self.process.wait(150)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        return None if status == 0 else f"exit {status}: records were not delivered although the server was back"

    def acknowledged(self):
        """(partition, offset) -> id, and what is wrong if two records were given one place."""
        places, problem = {}, None
        for line in self.path.read_text().splitlines():
            number, partition, offset = map(int, line.split())
            if places.setdefault((partition, offset), number) != number:
                problem = f"partition {partition} offset {offset} was acknowledged to two records"
        return places, problem


def verify(writer, reader):
    """What is wrong with the topic that a writer wrote, or None; and how many records it acknowledged."""
    places, problem = writer.acknowledged()
    if problem or not places:
        return problem or "nothing was acknowledged", 0
    seen = set()
    for p in range(PARTITIONS):
        end = reader.list_offsets(topic=writer.topic, partition=p, at="latest")
        got = reader.consume(topic=writer.topic, partitions=[p], begin="beginning", count=end, timeout_s=60)
        if [r["o"] for r in got] != list(range(end)):
            return f"partition {p} has {len(got)} records before its end offset {end}, or a hole", len(places)
        numbers = [int(r["k"]) for r in got]
        for r, number in zip(got, numbers):
            if r["v"] != body(number):
                return f"partition {p} offset {r['o']}: the value is not what was sent", len(places)
        if writer.kind == "idempotent" and numbers != sorted(set(numbers)):
            return f"partition {p} holds a record twice, or out of order", len(places)
        seen.update(((p, o), number) for o, number in enumerate(numbers))
    lost = [(place, number) for place, number in places.items() if (place, number) not in seen]
    if lost:
        (partition, offset), number = min(lost)
        return f"{len(lost)} acknowledged records are lost, the first: {number} at partition {partition} offset {offset}", len(places)
    return None, len(places)


def log_check(binary, server):
    done = subprocess.run([binary, "log", "check", server.folder / "data"], capture_output=True, text=True)
    return None if done.returncode == 0 else f"exit {done.returncode}: {(done.stdout + done.stderr)[-800:]}"


def run(options, backend, rng, report):
    server = servers.imago(options.imago, ["--set", f"data.backend={backend}"])
    admin = sessions.Session("confluent", [PYTHON, sessions.CLIENTS / "confluent.py"], server.address, grace_s=120)
    for kind in ("idempotent", "plain"):
        admin.create_topic(topic=f"crash-{kind}", partitions=PARTITIONS, configs={})
    writers = [Writer(server.address, kind, server.folder) for kind in ("idempotent", "plain")]
    began = time.monotonic()
    restarts = []
    for _ in range(options.kills):
        time.sleep(rng.uniform(0.1, 0.6))
        server.kill()
        at = time.monotonic()
        server.restart()
        restarts.append(time.monotonic() - at)
    time.sleep(1)
    print(f"{backend}: {options.kills} kills in {time.monotonic() - began:.0f} s, "
          f"serving again after {max(restarts) * 1000:.0f} ms at most")
    for w in writers:
        report.result(f"{backend}: the {w.kind} writer delivers everything in the end", w.finish())
    for w in writers:
        problem, count = verify(w, admin)
        print(f"{backend}: the {w.kind} writer had {count} records acknowledged")
        report.result(f"{backend}: what the {w.kind} writer was acknowledged is there", problem)
    admin.close()
    keep = server.folder
    report.result(f"{backend}: the server stops cleanly", server.stop(keep=True))
    report.result(f"{backend}: imago log check finds nothing wrong", log_check(options.imago, server))
    if report.failed:
        print(f"kept: {keep}")
    else:
        server.forget()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imago", required=True, type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--kills", type=int, default=50, help="for each backend")
    parser.add_argument("--backends", default="uring,posix")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the moments of the kills")
    options = parser.parse_args()
    if not PYTHON.exists():
        fatal("confluent-kafka is not installed: tests/e2e/setup python")
    print(f"seed {options.seed}")
    rng = random.Random(options.seed)
    report = Report()
    for backend in options.backends.split(","):
        run(options, backend, rng, report)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
