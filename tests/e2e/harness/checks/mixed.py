"""Members of several clients in one group; a group that changes its protocol; who goes on while others come and go."""
import concurrent.futures
import time

from harness import groups, sessions
from harness.flavours import COOPERATIVE_JAVA, RANGE_JAVA, Flavour, label
from harness.report import twice
from harness.stage import TELL_TYPES
from harness.stream import Stream

QUEUES = 12
PATIENCE_S = 45
STALL_MS = 4000         # how long a busy member does not poll

# Who is in one group together: the same assignor, named as each client names it.
MIXES = {
    "classic, range": [Flavour(*row) for row in (
        ("librdkafka", "classic", "range"), ("java", "classic", RANGE_JAVA), ("imago", "classic", "range"),
        ("kafka-python", "classic", "range"), ("sarama", "classic", "range"))],
    "classic, cooperative-sticky": [Flavour(*row) for row in (
        ("librdkafka", "classic", "cooperative-sticky"), ("java", "classic", COOPERATIVE_JAVA),
        ("imago", "classic", "cooperative-sticky"), ("franz-go", "classic", None))],
    "consumer, uniform": [Flavour(*row) for row in (
        ("confluent", "consumer", None), ("java", "consumer", None), ("imago", "consumer", None),
        ("franz-go", "consumer", None))],
}

# Classic members that are replaced one by one.
OLD = [Flavour(*row) for row in (("librdkafka", "classic", "range"), ("java", "classic", RANGE_JAVA),
                                 ("confluent", "classic", "range"))]
NEW = [Flavour(*row) for row in (("java", "consumer", None), ("confluent", "consumer", None),
                                 ("franz-go", "consumer", None))]


class Group:
    """A group under constant writing, and the judge of all that its members did."""

    def __init__(self, stage, name):
        self.stage, self.name = stage, f"{stage.prefix}-{name}"
        self.topic = stage.topic(name, QUEUES)
        self.places = [(self.topic, p) for p in range(QUEUES)]
        self.members = []
        self.stream = Stream(stage, self.topic, QUEUES, self.name)

    def member(self, flavour):
        m = groups.Member(flavour, self.stage.address, self.stage.build, f"{label(flavour)} #{len(self.members)}")
        self.members.append(m)
        return m

    def join(self, flavour, **more):
        return self.member(flavour).join(self.name, [self.topic], **more)

    def shared(self, members):
        return groups.until(lambda: groups.shared(members, self.places), PATIENCE_S)

    def steady(self, members, seconds=0.7):
        """The members share all queues and go on so: what is written now comes once, to one of them."""
        if problem := self.shared(members):
            return problem
        time.sleep(0.3)     # what was written before the last of them got its queues is judged at the end
        begin = len(self.stream.written)
        time.sleep(seconds)
        # A disk that stands still is not what is judged here.
        if problem := groups.until(lambda: None if len(self.stream.written) > begin else
                                   f"nothing was written: {self.stream.problem}", PATIENCE_S):
            return problem
        values = self.stream.written[begin:]
        judge = groups.Judge(self.members)
        return groups.until(lambda: judge.missing(values), PATIENCE_S) or judge.exactly_once(values)

    def verdict(self):
        """After all: nothing is lost; nothing came again that had been committed. Returns (repeats, problem)."""
        values = self.stream.stop()
        judge = groups.Judge(self.members)
        if problem := self.stream.problem or groups.until(lambda: judge.missing(values), PATIENCE_S):
            return 0, problem
        return judge.repeats()

    def kind(self):
        return self.stage.groups_admin.describe_group(group=self.name)["type"]

    def close(self):
        self.stream.close()
        for m in self.members:
            m.close()


def in_group(stage, name, title, check):
    group = Group(stage, name)
    try:
        stage.report.attempt(title, lambda: check(group))
    finally:
        group.close()


def mix(stage, number, title, flavours):
    def check(group):
        members = []
        for flavour in flavours:
            members.append(group.join(flavour))
            if problem := group.steady(members):
                return f"with {[m.label for m in members]}: {problem}"
        while len(members) > 1:
            members.pop(0).leave()
            if problem := group.steady(members):
                return f"left are {[m.label for m in members]}: {problem}"
        repeats, problem = group.verdict()
        print(f"mixed group, {title}: {len(group.stream.written)} records, {repeats} came again")
        return problem
    names = ", ".join(f.client for f in flavours)
    in_group(stage, f"mix-{number}", f"one group of {names} ({title}) shares the queues, each record to one member", check)


def rolling(stage, old, new):
    """Each classic member is replaced by one of the consumer protocol, then each of these by a classic one."""
    def replace(group, members, flavours):
        for i, flavour in enumerate(flavours):
            came = group.join(flavour)
            if problem := group.shared([*members, came]):
                return f"{came.label} joined: {problem}"
            members[i].leave()
            members[i] = came
            if problem := group.steady(members):
                return f"{came.label} took the place of another: {problem}"
        return None

    def check(group):
        members = []
        for flavour in old:
            members.append(group.join(flavour))
        if problem := group.steady(members):
            return problem
        kinds = [group.kind()]
        for flavours in (new, old):
            if problem := replace(group, members, flavours):
                return problem
            kinds.append(group.kind())
        if kinds != ["classic", "consumer", "classic"]:
            return f"the group's type went {kinds}"
        repeats, problem = group.verdict()
        print(f"rolling change of the protocol and back: {len(group.stream.written)} records, {repeats} came again")
        return problem
    in_group(stage, "rolling", "classic members are replaced by consumer members and back while all is consumed", check)


def longest_gap(member, places, begin, end):
    """The longest time in which the member got nothing from these queues, in ms."""
    times = sorted({at for at, place, _, _ in member.got if place in places and begin <= at <= end})
    return max(b - a for a, b in zip([begin, *times], [*times, end]))


def gap_while_one_is_busy(group, watched, busy):
    """One member does not poll for a while, a third joins: how long the watched one goes without records of the queues
    that it had before and after."""
    # It commits nothing: a commit stands behind its own JoinGroup on one connection, and so waits for the busy one.
    a, b = group.join(watched, commit="none"), group.join(busy)
    if problem := group.steady([a, b]):
        raise RuntimeError(problem)
    before, begin = a.owned, groups.now_ms()
    b.stall(STALL_MS)
    c = group.join(watched, commit="none")
    if problem := group.shared([a, b, c]):
        raise RuntimeError(problem)
    time.sleep(0.3)
    gap = longest_gap(a, before & a.owned, begin, groups.now_ms())
    _, problem = group.verdict()
    if problem:
        raise RuntimeError(problem)
    return gap


def going_on(stage):
    """With cooperative assignment and in the consumer protocol a busy member holds up nobody; before, it did."""
    kinds = {"eager": (Flavour("confluent", "classic", "range"), Flavour("java", "classic", RANGE_JAVA)),
             "cooperative": (Flavour("confluent", "classic", "cooperative-sticky"), Flavour("java", "classic", COOPERATIVE_JAVA)),
             "consumer": (Flavour("confluent", "consumer", None), Flavour("java", "consumer", None))}
    gaps = {}

    def measure(kind):
        group = Group(stage, f"busy-{kind}")
        try:
            gaps[kind] = gap_while_one_is_busy(group, *kinds[kind])
            return None
        except RuntimeError as error:
            return str(error)
        finally:
            group.close()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda kind: stage.report.attempt(f"a third member joins while one is busy ({kind})",
                                                        lambda: measure(kind)), kinds))
    if len(gaps) == 3:
        print(f"longest gap of a member that keeps its queues while another is busy for {STALL_MS} ms: "
              + ", ".join(f"{kind} {gap} ms" for kind, gap in gaps.items()))
        for kind in ("cooperative", "consumer"):
            stage.report.result(f"a busy member holds up others less with {kind} than with eager assignment",
                                None if gaps[kind] * 2 < gaps["eager"] else f"{gaps}")


def run(stage):
    stage.report.chapter("mixed groups")
    there = {name for name in ("imago", *sessions.programs(stage.build)) if not sessions.absent(name, stage.build)}
    work = []
    for number, (title, flavours) in enumerate(MIXES.items()):
        present = [f for f in flavours if f.client in there]
        if len(present) > 1:
            work.append(lambda trial, n=number, t=title, fs=present: mix(trial, n, t, fs))
    old, new = ([f for f in flavours if f.client in there] for flavours in (OLD, NEW))
    told = stage.groups_admin is not None and stage.groups_admin.name in TELL_TYPES
    if told and min(len(old), len(new)) > 1 and len(old) == len(new):
        work.append(lambda trial: rolling(trial, old, new))
    if {"confluent", "java"} <= there:
        work.append(going_on)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda check: twice(stage, check), work))
