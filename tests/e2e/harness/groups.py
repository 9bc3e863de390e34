"""Members of groups as the checks see them, and the judge of what a group did."""
import collections
import threading
import time

from harness import sessions


def now_ms():
    return int(time.time() * 1000)


class Member:
    """One client program that joins one group. What it says is kept with the time at which it said it."""

    def __init__(self, flavour, address, build, label):
        self.flavour, self.label = flavour, label
        self._changed = threading.Condition()
        self.history = [(now_ms(), frozenset())]            # (time, all places it has from then on)
        self.got = []                                       # (time, place, offset, value)
        self.committed = []                                 # (time, place, offset), acknowledged
        self.troubles, self.over = [], False
        self._session = sessions.open_one(flavour.client, address, build, self._hear)

    def _hear(self, event):
        with self._changed:
            if event is None:
                self.over = True
            elif event["ev"] == "owned":
                self.history.append((event["at"], frozenset((t, p) for t, p in event["parts"])))
            elif event["ev"] == "got":
                self.got += [(event["at"], (t, p), o, v) for t, p, o, v in event["r"]]
            elif event["ev"] == "committed":
                self.committed += [(event["at"], (t, p), o) for t, p, o in event["o"]]
            else:
                self.troubles.append((event["at"], event["text"]))
            self._changed.notify_all()

    @property
    def owned(self):
        return self.history[-1][1]

    def join(self, group, topics, commit="each", session_ms=6000, **more):
        self._session.join(group=group, topics=topics, protocol=self.flavour.protocol, assignor=self.flavour.assignor,
                           session_ms=session_ms, heartbeat_ms=300, commit=commit, **more)
        return self

    def commit(self, metadata=""):
        return self._session.commit(metadata=metadata)

    def stall(self, ms):
        """It does not poll for a while: busy with what it has."""
        self._session.stall(ms=ms)

    def leave(self):
        self._session.leave()

    def kill(self):
        """The program dies and says nothing."""
        self._session.kill()

    def close(self):
        self._session.close()

    def positions(self):
        """place -> where it stands, None where it does not know; or why it is not told."""
        if "positions" not in self._session.can:
            return "its client cannot tell its positions"
        try:
            return {(t, p): at for t, p, at in self._session.positions()}
        except sessions.ClientError as error:
            return f"its positions are not told: {error}"

    def state(self):
        last = f"; its last trouble: {self.troubles[-1][1]}" if self.troubles else ""
        return f"{self.label} has {sorted(p for _, p in self.owned)}{' and has ended' if self.over else ''}{last}"


def until(check, patience_s=30, every_s=0.03):
    """None once check() says None; else what it said last."""
    deadline = time.monotonic() + patience_s
    while True:
        problem = check()
        if problem is None or time.monotonic() > deadline:
            return problem and f"{problem} (after {patience_s} s)"
        time.sleep(every_s)


def shared(members, places, least=1):
    """None if the members have all places, each place one owner and each member `least` or more."""
    owners = collections.Counter(place for m in members for place in m.owned)
    if set(owners) == set(places) and all(n == 1 for n in owners.values()) and all(len(m.owned) >= least for m in members):
        return None
    return "not shared: " + "; ".join(m.state() for m in members)


class Judge:
    """Compares what was written with what all members of a group said, dead ones too."""

    def __init__(self, members):
        self._members = members

    def deliveries(self):
        """value -> [(time, member, place, offset)], ordered by time."""
        seen = collections.defaultdict(list)
        for m in self._members:
            for at, place, offset, value in list(m.got):
                seen[value].append((at, m, place, offset))
        for told in seen.values():
            told.sort(key=lambda d: d[0])
        return seen

    def missing(self, values):
        seen = self.deliveries()
        lost = [v for v in values if v not in seen]
        return f"{len(lost)} of {len(values)} records did not come, one of them {lost[0]}" if lost else None

    def exactly_once(self, values):
        seen = self.deliveries()
        for v in values:
            if len(seen.get(v, ())) != 1:
                came = [(m.label, place[1], offset) for _, m, place, offset in seen.get(v, ())]
                return self.missing(values) or f"{v} came {len(came)} times: {came}"
        return None

    def repeats(self):
        """(how often a record came again, what is wrong with that or None). A record may come again to a member that got
        its queue before a commit behind the record was acknowledged, never to one that got it later."""
        commits = collections.defaultdict(list)
        for m in self._members:
            for at, place, offset in m.committed:
                commits[place].append((at, offset))
        count, wrong = 0, None
        for value, told in self.deliveries().items():
            for at, m, place, offset in told[1:]:
                count += 1
                since = gained(m, place, at)
                before = [c for c in commits[place] if c[1] > offset and c[0] < since]
                if before:
                    wrong = wrong or (f"{value} (queue {place[1]}, offset {offset}) came again to {m.label}, which has had the "
                                      f"queue only since {since}, but {before[0][1]} was committed at {before[0][0]}")
        return count, wrong


def gained(member, place, at):
    """When the member got the queue that it had at that time."""
    since = member.history[0][0]
    had = False
    for when, owned in member.history:
        if when > at:
            break
        if place in owned and not had:
            since = when
        had = place in owned
    return since
