#!/usr/bin/env python3
"""kill -9 of the server while groups rebalance, again and again.

    tests/e2e/kill9/rebalances.py --imago build/release/imago [--kills 50] [--servers 2] [--seed N]

Two servers go through this side by side, each with a folder, a port, topic, groups and clients of its own: mostly the
groups wait, for silent members to be given up. The kills are divided between them as they come to it.

Three groups consume the topic, each all of it: a classic one, one of the consumer protocol, one in which both kinds of
members are together. Each has members that stay from the first kill to the last, of several clients, and others that
join, leave and die all the time; every member commits what it got, at once. The server is killed at moments that chance
picks and started again on the same folder and port; no client is restarted for it.

After each start every offset that was acknowledged to a member is committed, or a higher one, and none is lower than it
was seen before. In the end each group has had every record, and what came again had not been committed when its queue
changed hands.
"""
import argparse
import collections
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
sys.path.insert(0, str(HERE.parent))

from harness import groups, servers, sessions  # noqa: E402
from harness.flavours import RANGE_JAVA, Flavour, label  # noqa: E402
from harness.report import Report  # noqa: E402
from harness.sessions import cache  # noqa: E402

TOPIC = "rebalances"
QUEUES = 12
SEGMENT_BYTES = 16 << 20        # the least that may be set, as of the checkpoints
PADDING = bytes(800)            # the key of each record: segments and checkpoints follow each other within 25 kills
SESSION_MS = 6000
PATIENCE_S = 90
ADMINS = ("franz-go", "java", "kafka-python")      # the first that is there reads what is committed
FLAGS = ["--set", f"data.segment_size={SEGMENT_BYTES}", "--set", f"data.checkpoint_interval={SEGMENT_BYTES}",
         "--set", "data.cache_size=32MiB", "--set", "kafka.auto_create_topics=false", "--set", "groups.initial_rebalance_delay=0",
         "--set", "groups.consumer_heartbeat_interval=300ms", "--set", f"groups.consumer_session_timeout={SESSION_MS}ms"]


def flavours(*rows):
    return [Flavour(*row) for row in rows]


# Group: (members that stay, members that come and go). Those that are not installed are left out.
GROUPS = {
    "classic": (flavours(("confluent", "classic", "range"), ("java", "classic", RANGE_JAVA)),
                flavours(("librdkafka", "classic", "range"), ("franz-go", "classic", "range"), ("sarama", "classic", "range"))),
    "consumer": (flavours(("confluent", "consumer", None), ("java", "consumer", None)),
                 flavours(("franz-go", "consumer", None), ("confluent", "consumer", None))),
    "both": (flavours(("confluent", "consumer", None), ("confluent", "classic", "range")),
             flavours(("librdkafka", "classic", "range"), ("franz-go", "consumer", None))),
}


class Writer:
    """Some hundred records a second to all queues, idempotent, whatever becomes of the server."""

    def __init__(self, address):
        self._producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "acks": "all", "log_level": 0,
                                   "message.timeout.ms": 0, "linger.ms": 1, "reconnect.backoff.ms": 5,
                                   "reconnect.backoff.max.ms": 50, "retry.backoff.ms": 5, "socket.timeout.ms": 10_000,
                                   "topic.metadata.refresh.fast.interval.ms": 20})
        self.acknowledged, self.problems = [], []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _delivered(self, value):
        def done(error, message):
            if error:
                self.problems.append(f"{value} was refused: {error.str()}")
            else:
                self.acknowledged.append((value, message.partition(), message.offset()))
        return done

    def _run(self):
        number = 0
        while not self._stopping.wait(0.01):
            if len(self._producer) < 300:
                for _ in range(4):
                    value = f"r{number}"
                    self._producer.produce(TOPIC, value, PADDING, partition=number % QUEUES,
                                           on_delivery=self._delivered(value))
                    number += 1
            self._producer.poll(0)
        if left := self._producer.flush(60):
            self.problems.append(f"{left} records were not acknowledged within 60 s")

    def finish(self):
        self._stopping.set()
        self._thread.join()


class Group:
    """One group: its members that stay, and a thread that lets others come and go."""

    def __init__(self, name, victim, build, rng):
        self.name, self._victim, self._build, self._rng = name, victim, build, rng
        staying, coming = ([f for f in side if not sessions.absent(f.client, build)] for side in GROUPS[name])
        self.members, self.coming, self.changes = [], coming, 0
        self.stay = [self._join(f) for f in staying]
        self.kills = []             # when the server was killed
        self.seen = {}              # place -> the highest committed offset that was ever read
        self._guests, self._stopping = [], threading.Event()
        self._thread = threading.Thread(target=self._churn, daemon=True)

    def begin(self):
        if self.coming:
            self._thread.start()

    def _join(self, flavour):
        m = groups.Member(flavour, self._victim.address, self._build, f"{self.name}: {label(flavour)} #{len(self.members)}")
        self.members.append(m)
        return m.join(self.name, [TOPIC], session_ms=SESSION_MS)

    def _churn(self):
        while not self._stopping.wait(self._rng.uniform(0.05, 0.6)):
            self.changes += 1
            try:
                if len(self._guests) < 2 and self._rng.random() < 0.7 or not self._guests:
                    self._guests.append(self._join(self._rng.choice(self.coming)))
                else:
                    guest = self._guests.pop(self._rng.randrange(len(self._guests)))
                    guest.kill() if self._rng.random() < 0.3 else guest.leave()
                    guest.close()
            except (sessions.ClientError, OSError):
                pass                # a program that wanted to talk to a server that is away: it is not counted on

    def quieten(self):
        """No more comings and goings; those that visit stay until settle()."""
        self._stopping.set()

    def settle(self):
        """No more comings and goings; those that still visit leave."""
        self.quieten()
        if self._thread.is_alive():
            self._thread.join()
        for guest in self._guests:
            try:
                guest.leave()
            except sessions.ClientError:
                pass
            guest.close()

    def delivered(self):
        return sum(len(m.got) for m in self.members)

    def acknowledged(self):
        """place -> the highest offset whose commit was acknowledged to a member."""
        highest = collections.defaultdict(lambda: -1)
        for m in self.members:
            for _, place, offset in list(m.committed):
                highest[place] = max(highest[place], offset)
        return highest

    def committed_problem(self, admin):
        """None, or which commit is lost: read from the server after what was acknowledged had been noted."""
        told = self.acknowledged()
        answer = admin.offsets(group=self.name, topic=TOPIC, partitions=list(range(QUEUES)))
        now = {(TOPIC, p): offset for p, offset, _ in answer}
        for place, offset in now.items():
            if offset < told.get(place, -1):
                return f"group {self.name}, queue {place[1]}: {offset} is committed, {told[place]} was acknowledged"
            if offset < self.seen.get(place, -1):
                return f"group {self.name}, queue {place[1]}: {offset} is committed, it was {self.seen[place]} before"
        self.seen = now
        return None

    def close(self):
        self._stopping.set()
        for m in self.members:
            m.close()


class KafkaVictim:
    """A real Kafka in the place of the server: shows that the test is right."""

    def __init__(self):
        self._server = servers.kafka()
        self.address, self._up = self._server.address, True

    def spawn(self):
        if not self._up:
            self._server.restart()
            self._up = True

    def wait_serving(self):
        pass

    def kill(self):
        self._server.kill()
        self._up = False

    def check_log(self):
        return None

    def stop(self):
        if problem := self._server.stop():
            raise RuntimeError(problem)
        self._up = False

    def segments(self, _):
        return "?", None

    def abandon(self):
        if self._up:
            self._server.kill()


class Assault:
    """The life of one server. `kills` has for each of those side by side how often it was killed."""

    def __init__(self, options, name, kills, report):
        self.options, self.name, self.kills, self.report = options, name, kills, report
        self.seed = f"{options.seed} {name}"
        self.rng = random.Random(self.seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"imago-rebalances-{name.replace(' ', '-')}-"))
        self.victim = KafkaVictim() if options.kafka else Victim(options.imago, self.folder, servers.free_port(), FLAGS)
        self.failed = False
        self.groups, self.back_s, self.admin_client = [], [], None

    def result(self, what, problem=None):
        self.failed |= problem is not None
        self.report.result(f"{self.name}: {what}", problem)
        return problem is None

    def start(self):
        self.victim.spawn()
        self.victim.wait_serving()

    def die(self):
        self.victim.kill()
        for g in self.groups:
            g.kills.append(groups.now_ms())
        if problem := self.victim.check_log():
            raise RuntimeError(f"imago log check after kill -9: {problem}")

    def admin(self):
        name = next(name for name in ADMINS if not sessions.absent(name, self.options.build))
        return sessions.open_one(name, self.victim.address, self.options.build)

    def wait_until_back(self, of):
        """Each of these groups has records again that it did not have before."""
        before, began = {g.name: g.delivered() for g in of}, time.monotonic()
        waiting = list(of)
        while waiting:
            waiting = [g for g in waiting if g.delivered() == before[g.name]]
            if time.monotonic() - began > PATIENCE_S:
                raise RuntimeError(f"group {waiting[0].name} had nothing for {PATIENCE_S} s: "
                                   + "; ".join(m.state() for m in waiting[0].stay))
            time.sleep(0.01)
        self.back_s.append(time.monotonic() - began)

    def kill_once(self):
        """Once, or one time in five twice: then also while it recovers. At any moment, also before all are back."""
        time.sleep(self.rng.uniform(0.05, 1.0))
        self.die()
        kills = 1
        if self.rng.random() < 0.2:
            self.victim.spawn()
            time.sleep(self.rng.uniform(0.0, 0.15))
            self.die()
            kills = 2
        self.start()
        for g in self.groups:
            if problem := g.committed_problem(self.admin_client):
                raise RuntimeError(problem)
        return kills

    def live(self):
        try:
            try:
                self.run()
            finally:
                self.close()
        except (Exception, SystemExit) as error:    # whatever it was: the run failed, and the other server goes on
            self.result("the run", f"{type(error).__name__}: {error}")

    def run(self):
        self.start()
        self.admin_client = self.admin()
        self.admin_client.create_topic(topic=TOPIC, partitions=QUEUES, configs={})
        writer = Writer(self.victim.address)
        self.groups = [Group(name, self.victim, self.options.build, random.Random(f"{self.seed} {name}"))
                       for name in GROUPS]
        self.wait_until_back(self.groups)
        for g in self.groups:
            g.begin()
        rounds = 0
        # Not half of the kills for each: how long a group is away is chance, and none shall wait for the other in the end.
        while sum(self.kills.values()) < self.options.kills:
            # Mostly one group of the three must be back, so that the others are hit amid their rebalances; at times all.
            self.wait_until_back(self.groups if rounds % 5 == 4 else [self.groups[rounds % len(self.groups)]])
            self.kills[self.name] += self.kill_once()
            rounds += 1
        kills = self.kills[self.name]
        self.result(f"no acknowledged commit was lost or went back in {kills} kills")
        self.result("imago log check found nothing wrong after any kill")
        for g in self.groups:
            g.quieten()         # all at once: to give up a silent member takes each of them the time of a session
        for g in self.groups:
            g.settle()
        self.wait_until_back(self.groups)
        writer.finish()
        self.result("the producer could write all", writer.problems[0] if writer.problems else None)
        for g in self.groups:
            self.conclude(g, writer)
        self.victim.stop()
        self.result("imago log check finds nothing wrong after a clean stop", self.victim.check_log())
        print(f"{self.name}: {kills} kills; {len(writer.acknowledged)} records; "
              f"segments: {self.victim.segments(SEGMENT_BYTES)[0]}; comings and goings: "
              + ", ".join(f"{g.name} {g.changes}" for g in self.groups)
              + f"; longest wait for groups to be back {max(self.back_s):.1f} s", flush=True)

    def conclude(self, group, writer):
        values = [value for value, _, _ in writer.acknowledged]
        judge = groups.Judge(group.members)
        lost = groups.until(lambda: judge.missing(values), PATIENCE_S, 0.2)
        self.result(f"group {group.name} has had every record", lost and f"{lost}; {self.standstill(group, writer, judge)}")
        self.result(f"group {group.name}: its members share the queues, without one of them having been restarted",
                    groups.until(lambda: groups.shared(group.stay, [(TOPIC, p) for p in range(QUEUES)]), PATIENCE_S))
        count, wrong = judge.repeats()
        self.result(f"group {group.name}: what came again ({count}) had not been committed when its queue changed hands", wrong)
        ends = collections.Counter()
        for _, p, offset in writer.acknowledged:
            ends[p] = max(ends[p], offset + 1)

        def behind():
            group.committed_problem(self.admin_client)
            late = {p: (group.seen[TOPIC, p], ends[p]) for p in ends if group.seen[TOPIC, p] < ends[p]}
            return f"committed and end: {late}" if late else None
        self.result(f"group {group.name} has committed to the end", groups.until(behind, PATIENCE_S, 0.3))

    @staticmethod
    def standstill(group, writer, judge):
        """Of each queue that does not go on: what did not come, who has it since when, where that member stands, when it
        last said something of the queue, and what troubles it told."""
        seen = judge.deliveries()
        missing = collections.defaultdict(list)
        for value, p, offset in writer.acknowledged:
            if value not in seen:
                missing[p].append(offset)
        told = []
        for m in group.stay:
            mine = sorted(p for _, p in m.owned if p in missing)
            if not mine:
                continue
            where = m.positions()
            for p in mine:
                place = (TOPIC, p)
                last = max((at for at, to, _, _ in list(m.got) if to == place), default=None)
                told.append(f"queue {p}: {len(missing[p])} from {min(missing[p])} on, {m.label} has it since "
                            f"{groups.gained(m, place, groups.now_ms())}, had something of it last at {last}, stands at "
                            f"{where.get(place) if isinstance(where, dict) else where}")
            told += [f"{m.label} at {at}: {text}" for at, text in m.troubles[-5:]]
        told.append("kills at " + ", ".join(str(at) for at in group.kills[-5:]))
        return "; ".join(told)

    def close(self):
        for g in self.groups:
            g.close()
        if self.admin_client:
            self.admin_client.close()
        self.victim.abandon()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--imago", type=lambda p: pathlib.Path(p).resolve())
    which.add_argument("--kafka", action="store_true", help="kill a real Kafka: shows that the test is right; slow")
    parser.add_argument("--build", default=ROOT / "build" / "release", help="where e2e_librdkafka was built")
    parser.add_argument("--kills", type=int, default=50, help="of all servers together (default: 50)")
    parser.add_argument("--servers", type=int, default=2, help="side by side (default: 2)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the moments of the kills")
    return parser.parse_args()


def main():
    options = arguments()
    print(f"seed {options.seed}", flush=True)
    report, began = Report(), time.monotonic()
    kills = {f"server {number + 1}": 0 for number in range(options.servers)}
    lives = []
    try:
        for name in kills:
            lives.append(Assault(options, name, kills, report))
        threads = [threading.Thread(target=one.live, name=one.name, daemon=True) for one in lives]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for one in lives:       # again, unless they were interrupted
            one.close()
    for one in lives:
        if one.failed:
            print(f"{one.name}: kept: {one.folder}")
        else:
            shutil.rmtree(one.folder)
    print(f"kill -9 amid rebalances: {time.monotonic() - began:.0f} s")
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
        report.skip("kill -9 amid rebalances", why)
    sys.exit(report.close() or 77)


try:
    from confluent_kafka import Producer  # noqa: E402
except ModuleNotFoundError:
    with_client()
from victim import Victim  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
