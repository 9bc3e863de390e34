#!/usr/bin/env python3
"""kill -9 in the middle of producing with acks=all, again and again.

    tests/e2e/kill9/run.py --imago build/release/imago [--kills 25] [--backends uring,posix] [--seed N]

Three producers (confluent-kafka) write to several topics without a pause while the server is killed, after a time that
chance picks, and started again on the same folder and port; another client creates and deletes topics. After each kill
`imago log check` must find nothing wrong. Every few kills the producers finish, everything is read and compared (each
acknowledged record at its offset; from idempotent producers each record once, in order), the topics are deleted and new
ones begun: the segments of the log are small, so they roll, die and are recycled while this goes on. One generation of
topics stays from the first kill to the last.

Needs confluent-kafka (tests/e2e/setup python); without it the run is skipped, or failed if CI=true.
"""
import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness.report import Report  # noqa: E402
from harness.servers import free_port  # noqa: E402
from harness.sessions import cache  # noqa: E402

PARTITIONS = 4
SEGMENT_BYTES = 16 << 20
FLAGS = ["--set", f"data.segment_size={SEGMENT_BYTES}", "--set", "data.checkpoint_interval=16MiB",
         "--set", "data.cache_size=32MiB", "--set", "kafka.auto_create_topics=false"]
KILLS_PER_GENERATION = 6
# What the producers of a generation are like. What is not idempotent may be there twice after a crash, but never be lost.
WRITERS = {"large": {"ahead": 4000, "linger.ms": 5, "compression.type": "lz4"},
           "small": {"ahead": 600, "linger.ms": 0, "batch.num.messages": 20},
           "plain": {"ahead": 300, "linger.ms": 1, "idempotent": False}}


class Generation:
    """Topics with their writers, from creation to deletion."""

    def __init__(self, name, address):
        self.name, self.address = name, address
        self.topics = [f"{name}-a", f"{name}-b"]
        self.admin = make_admin(address)
        wait(self.admin.create_topics([NewTopic(topic, PARTITIONS) for topic in self.topics]))
        self.writers = [Writer(f"{name}-{kind}", address, self.topics, **how) for kind, how in WRITERS.items()]

    def acknowledged(self):
        return sum(w.acknowledged for w in self.writers)

    def wait_for_more(self, patience_s=15):
        """Until something is acknowledged that was not yet."""
        before, deadline = self.acknowledged(), time.monotonic() + patience_s
        while self.acknowledged() == before:
            if time.monotonic() > deadline:
                raise RuntimeError(f"nothing was acknowledged within {patience_s} s of the start")
            time.sleep(0.002)

    def finish(self):
        for w in self.writers:
            w.finish()

    def problem(self):
        """None, or what is wrong with what the writers know and with what is there."""
        told = [problem for w in self.writers for problem in w.problems[:2]]
        found = judge(self.address, self.topics, PARTITIONS, self.writers)
        return "; ".join(told + ([found] if found else [])) or None

    def delete(self):
        wait(self.admin.delete_topics(self.topics))


class Assault:
    """All kills on one backend."""

    def __init__(self, options, backend, folder, report):
        self.kills, self.backend, self.report = options.kills, backend, report
        self.rng = random.Random(f"{options.seed} {backend}")
        self.victim = Victim(options.imago, folder, options.port or free_port(),
                             [*FLAGS, "--set", f"data.backend={backend}"])
        self.failed = False
        self.starts, self.rounds, self.busy, self.dirty, self.records = [], 0, 0, [], 0

    def result(self, what, problem=None):
        self.failed |= problem is not None
        self.report.result(f"{self.backend}: {what}", problem)

    def start(self):
        self.victim.spawn()
        self.starts.append(self.victim.wait_serving())

    def kill_once(self, generation):
        """Kills the server amid writing, one time in five perhaps before its clients are back, and one time in five once
        more while it recovers. Returns how often, when it serves again."""
        self.rounds += 1
        if self.rounds % 5 != 0:
            generation.wait_for_more()
        before = generation.acknowledged()
        time.sleep(self.rng.uniform(0.05, 0.4))
        if generation.acknowledged() > before:
            self.busy += 1
        self.die()
        done = 1
        if self.rng.random() < 0.2:
            self.victim.spawn()
            time.sleep(self.rng.uniform(0.0, 0.15))
            self.die()
            done += 1
        self.start()
        return done

    def die(self):
        self.victim.kill()
        if problem := self.victim.check_log():
            self.dirty.append(problem)

    def run(self):
        self.start()
        keeper = Generation("keeper", self.victim.address)
        time.sleep(0.2)
        keeper.finish()
        churn = Churn("churn", self.victim.address)
        kills = generations = 0
        while kills < self.kills:
            generation = Generation(f"generation{generations}", self.victim.address)
            generations += 1
            until = min(self.kills, kills + KILLS_PER_GENERATION)
            while kills < until:
                kills += self.kill_once(generation)
            generation.finish()
            self.result(f"what was acknowledged up to kill {kills} is there, once and in order", generation.problem())
            self.records += generation.acknowledged()
            if self.failed:
                break           # the folder as it is says more
            if kills < self.kills:
                generation.delete()
        churn.finish()
        self.result(f"topics are there or gone as acknowledged ({len(churn.there)} and {len(churn.gone)})",
                    churn.problem())
        self.result("imago log check finds nothing wrong after any kill", self.dirty[0] if self.dirty else None)
        self.result(f"acknowledgements were coming in before {self.busy} of {self.rounds} kills of a running server",
                    None if self.busy * 2 >= self.rounds else "less than half")
        self.victim.stop()
        had, have = self.victim.segments(SEGMENT_BYTES)
        # Four segments and more than one generation: what the deleted topics held is given back by now, if ever.
        self.result("segments of deleted topics are given back",
                    "none" if had >= 4 and generations > 1 and have == had else None)
        self.result("imago log check finds nothing wrong after a clean stop", self.victim.check_log())
        self.start()
        for kept in (keeper, generation):
            self.result(f"the records of {kept.name} are there at the end", kept.problem())
        self.victim.stop()
        print(f"{self.backend}: {kills} kills; {self.records} records acknowledged in {generations} generations; "
              f"{had - have} of {had} segments given back; serving again after {max(self.starts) * 1000:.0f} ms at most",
              flush=True)


def assault(options, backend, report):
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"imago-kill9-{backend}-"))
    one = None
    try:
        one = Assault(options, backend, folder, report)
        one.run()
        failed = one.failed
    except Exception as error:  # whatever it was: the run failed, and the other backend gets its turn
        report.result(f"{backend}: the run", f"{type(error).__name__}: {error}")
        failed = True
    finally:
        if one is not None:
            one.victim.abandon()
    if failed:
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imago", required=True, type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--kills", type=int, default=25, help="for each backend (default: 25)")
    parser.add_argument("--backends", default="uring,posix")
    parser.add_argument("--port", type=int, help="default: the first free one from 25000 on")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the moments of the kills")
    return parser.parse_args()


def main():
    options = arguments()
    print(f"seed {options.seed}", flush=True)
    report = Report()
    began = time.monotonic()
    for backend in options.backends.split(","):
        assault(options, backend, report)
    print(f"kill9: {time.monotonic() - began:.0f} s")
    return report.close()


def with_client():
    """Goes on under the Python that has the client, if it is not this one. Returns if there is none."""
    python = cache() / "python" / "bin" / "python"
    if python.exists() and pathlib.Path(sys.prefix).resolve() != (cache() / "python").resolve():
        os.execv(python, [python, *sys.argv])
    report = Report()
    why = "confluent-kafka is not installed (tests/e2e/setup python)"
    if os.environ.get("CI") == "true":
        report.result("the client is there", why)
    else:
        report.skip("kill -9", why)
    sys.exit(report.close() or 77)


try:
    from confluent_kafka.admin import NewTopic  # noqa: E402
except ModuleNotFoundError:
    with_client()
from churn import Churn, make_admin, wait  # noqa: E402
from verify import judge  # noqa: E402
from victim import Victim  # noqa: E402
from writer import Writer  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
