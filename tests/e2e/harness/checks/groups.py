"""The life of a group in the hands of each client: members come, go and die, offsets are committed, reset and deleted."""
import concurrent.futures
import time

from harness import groups
from harness.checks.admin import done, eventually, same
from harness.flavours import FLAVOURS, label
from harness.report import twice

QUEUES = 6
SESSION_MS = 6000
AT_ONCE = 6         # groups under test at the same time: their checks mostly wait
PATIENCE_S = 30


class Life:
    def __init__(self, stage, number, flavour):
        self.stage, self.flavour, self.label = stage, flavour, label(flavour)
        self.group = f"{stage.prefix}-group-{number}"
        self.topic = stage.topic(f"group-{number}", QUEUES)
        self.places = [(self.topic, p) for p in range(QUEUES)]
        self.members, self.written = [], []
        self.client = next(c for c in stage.clients if c.name == flavour.client)
        self.can = self.client.can
        self.first_of_its_kind = flavour == next(f for f in FLAVOURS if f[:2] == flavour[:2])

    def attempt(self, what, check):
        return self.stage.report.attempt(f"{self.label} group: {what}", check)

    def member(self):
        m = groups.Member(self.flavour, self.stage.address, self.stage.build, f"member {len(self.members)}")
        self.members.append(m)
        return m

    def join(self, **more):
        return self.member().join(self.group, [self.topic], session_ms=SESSION_MS, **more)

    def write(self, count=60):
        """Records to all queues; their values."""
        values = [f"{self.group}/{len(self.written) + i}" for i in range(count)]
        self.stage.write(self.topic, [(i % QUEUES, v) for i, v in enumerate(values)])
        self.written += values
        return values

    def shared(self, *members):
        problem = groups.until(lambda: groups.shared(members, self.places), PATIENCE_S)
        if self.flavour.client == "platformatic":   # what a fetch under way brings it passes on, whose queue it ever is
            time.sleep(0.5)
        return problem

    def all_once(self, values):
        judge = groups.Judge(self.members)
        return groups.until(lambda: judge.missing(values), PATIENCE_S) or judge.exactly_once(values)

    def carries_on(self, *members):
        """The members share all queues, and what is written then comes to one of them, once."""
        return self.shared(*members) or self.all_once(self.write())

    def committed_up_to_end(self):
        """Every queue's last commit stands behind its last record."""
        def check():
            behind = [(p, at) for p, at, _ in self.offsets() if at * QUEUES != len(self.written)]
            return f"committed offsets stand at {behind}, {len(self.written)} records are written" if behind else None
        return groups.until(check, PATIENCE_S)

    def offsets(self):
        return self.stage.groups_admin.offsets(group=self.group, topic=self.topic, partitions=list(range(QUEUES)))

    def run(self):
        try:
            if self.attempt("members come, go and die", self.come_and_go):
                self.positions()
            if not self.first_of_its_kind:
                return
            if "static" in self.can and self.label != "franz-go consumer":      # that leaves for good when it closes
                self.attempt("a static member comes back to its queues, the other keeps its own", self.static)
            if "pattern" in self.can and self.label != "kafka-python classic":  # that never sees the new topic
                self.attempt("a topic that is made later and fits the pattern is consumed", self.pattern)
        finally:
            for m in self.members:
                m.close()

    def come_and_go(self):
        for step in (self.first, self.second, self.third, self.one_leaves, self.one_dies):
            if problem := step():
                return f"{step.__name__}: {problem}"
        count, wrong = groups.Judge(self.members).repeats()
        return wrong

    def first(self):
        early = self.write(12)
        self.a = self.join()
        return self.shared(self.a) or self.all_once(early) or self.carries_on(self.a)

    def second(self):
        self.b = self.join()
        return self.carries_on(self.a, self.b)

    def third(self):
        self.c = self.join()
        return self.carries_on(self.a, self.b, self.c)

    def one_leaves(self):
        began = groups.now_ms()
        self.b.leave()
        problem = self.shared(self.a, self.c)
        took = groups.now_ms() - began
        if not problem and took >= SESSION_MS:
            problem = f"took {took} ms: as if it had died, not left"
        return problem or self.all_once(self.write())

    def one_dies(self):
        self.c.kill()
        values = self.write()
        return self.shared(self.a) or groups.until(lambda: groups.Judge(self.members).missing(values), PATIENCE_S)

    # ---- What is committed ----

    def positions(self):
        if not self.attempt("commits are seen by others", self.committed_up_to_end):
            return
        if self.flavour.client not in ("kcat", "platformatic", "node-rdkafka"):     # they cannot name one
            self.attempt("metadata is kept with the offset", self.metadata)
        self.attempt("a new member goes on where the last one committed", self.resume)
        self.admin()

    def metadata(self):
        problem = self.all_once(self.write())       # so that it has a position in each queue
        self.a.commit(metadata="a note \u00fc")
        told = {m for _, _, m in self.offsets()}
        if self.flavour.client == "confluent":      # it puts zero bytes behind it
            told = {m.rstrip("\0") for m in told}
        return problem or same("the metadata", {"a note \u00fc"}, told)

    def resume(self):
        self.a.leave()
        values = self.write(30)
        self.d = self.join()
        if problem := self.all_once(values):
            return problem
        return self.committed_up_to_end() or self.only(self.d, values)

    def only(self, member, values):
        return same("what it got", sorted(values), sorted(v for _, _, _, v in member.got))

    # ---- Other ways to belong to a group ----

    def static(self):
        """Classic: it dies and comes back within its session. Consumer protocol: it closes, which keeps its place."""
        group = self.group + "-static"
        a, b = (self.member().join(group, [self.topic], instance=f"instance-{i}", session_ms=20_000) for i in range(2))
        back = self.member()        # a program may take longer to start than the session that must not end meanwhile
        if problem := self.shared(a, b):
            return problem
        kept, changes = a.owned, len(b.history)
        if self.flavour.protocol == "classic":
            a.kill()
        else:
            a.leave()
        gone = time.monotonic()
        back.join(group, [self.topic], instance="instance-0", session_ms=20_000)
        problem = self.shared(back, b) or same("what it has", sorted(kept), sorted(back.owned))
        if problem:
            problem += f"; it was asked to come back {time.monotonic() - gone:.1f} s ago"
        if not problem and len(b.history) != changes:
            problem = "the other member lost and got queues meanwhile"
        b.kill()
        back.kill()
        return problem

    def pattern(self):
        e = self.member().join(self.group + "-pattern", [], pattern=f"{self.topic}-later.*", session_ms=SESSION_MS)
        time.sleep(0.5)
        later = self.stage.topic(self.topic.removeprefix(self.stage.prefix + "-") + "-later", 2)
        self.stage.write(later, [(0, "later 0"), (1, "later 1")])
        problem = groups.until(lambda: same("what it got", ["later 0", "later 1"], sorted(v for _, _, _, v in e.got)), PATIENCE_S)
        e.kill()
        return problem

    # ---- Groups through the client's admin ----

    def admin(self):
        client, can = self.client, self.can
        if self.flavour[:2] == ("platformatic", "consumer"):    # its admin lists and describes only classic groups
            can = can - {"groups", "describe"}
        if "groups" in can:
            self.attempt("is listed", lambda: None if self.group in client.groups() else "it is not")
        if "describe" in can:
            self.attempt("is described", lambda: eventually(lambda: self.described(client, "stable", 1)))
        self.d.leave()
        if "describe" in can:
            self.attempt("is described when empty", lambda: eventually(lambda: self.described(client, "empty", 0)))
        if "offsets" in can:
            self.attempt("its offsets are told", lambda: same(
                "the offsets", [[p, len(self.written) // QUEUES] for p in range(QUEUES)],
                sorted([p, at] for p, at, _ in client.offsets(group=self.group, topic=self.topic,
                                                              partitions=list(range(QUEUES))))))
        if "reset" in can:
            self.attempt("its offsets are reset", lambda: self.reset(client))
        if "delete" in can:
            self.attempt("is deleted", lambda: eventually(lambda: done(client.delete_group(group=self.group))))
            self.attempt("is gone", lambda: eventually(lambda: "it is listed" if self.group in (
                self.stage.groups_admin.groups()) else None))

    def described(self, client, state, count):
        found = client.describe_group(group=self.group)
        return same("its state", state, found["state"].lower()) or same("the number of members", count, found["members"])

    def reset(self, client):
        client.reset_offsets(group=self.group, topic=self.topic, offsets=[[p, 2] for p in range(QUEUES)])
        e = self.join()
        expected = [v for i, v in enumerate(self.written) if i // QUEUES >= 2]
        problem = groups.until(lambda: f"{len(e.got)} of {len(expected)} records came; {e.state()}" if len(e.got) < len(expected)
                               else None, PATIENCE_S) or self.only(e, expected)
        e.leave()
        return problem


def run(stage):
    stage.report.chapter("groups")
    there = {c.name for c in stage.clients}
    lives = [(i, f) for i, f in enumerate(FLAVOURS) if f.client in there
             and (not stage.flavours or any(word in label(f) for word in stage.flavours))]
    if not lives:
        return
    if stage.groups_admin is None:
        stage.report.result("a client is there that can list and read groups", "none")
        return

    def one(life):
        twice(stage, lambda trial: Life(trial, *life).run())
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, lives))


