"""A member of a group, for the clients in Python: polls on a thread of its own, tells what it gets, commits it.

A consumer here is an object with
    poll()               a list of (topic, partition, offset, value), maybe empty, after at most some 100 ms
    commit(offsets)      {(topic, partition): (next offset, metadata)}, returns when it is acknowledged
    close()              leaves the group
Its rebalance callbacks call member.gain(places), member.lose(places) or member.own(places).
"""
import queue
import threading

from session import Failure, tell


class Member:
    def __init__(self, make, commit):
        """make(member) -> the consumer, on the member's thread. commit: "each" batch when it was told, or "none"."""
        self._commit, self._positions, self._owned = commit, {}, set()
        self._calls = queue.SimpleQueue()
        started = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(make, started), daemon=True)
        self._thread.start()
        error = started.get()
        if error is not None:
            raise error

    def own(self, places):
        self._owned = set(places)
        self._positions = {place: at for place, at in self._positions.items() if place in self._owned}
        tell("owned", parts=sorted(self._owned))

    def gain(self, places):
        self.own(self._owned | set(places))

    def lose(self, places):
        self.own(self._owned - set(places))

    def commit(self, metadata=""):
        """What was consumed so far, with this metadata; the offsets that were acknowledged."""
        return self._call(lambda: self._commit_now(metadata))

    def leave(self):
        self._call(None)
        self._thread.join(20)

    def _call(self, work):
        done = queue.SimpleQueue()
        self._calls.put((work, done))
        ok, result = done.get(timeout=30)
        if not ok:
            raise result
        return result

    def _commit_now(self, metadata=""):
        wanted = {place: (at, metadata) for place, at in self._positions.items()}
        if not wanted:
            return []
        self._consumer.commit(wanted)
        told = [[*place, at] for place, (at, _) in wanted.items()]
        tell("committed", o=told)
        return told

    def _run(self, make, started):
        try:
            self._consumer = make(self)
        except Exception as error:
            started.put(error)
            return
        started.put(None)
        while self._answer_calls():
            try:
                got = self._consumer.poll()
                if not got:
                    continue
                tell("got", r=[[t, p, o, (v or b"").decode("latin1")] for t, p, o, v in got])
                for topic, partition, offset, _ in got:
                    self._positions[topic, partition] = offset + 1
                if self._commit == "each":
                    self._commit_now()
            except Exception as error:      # a commit that comes too late, a server that is away: it goes on
                tell("trouble", text=f"{type(error).__name__}: {error}")

    def _answer_calls(self):
        """False after the call to leave."""
        while not self._calls.empty():
            work, done = self._calls.get()
            try:
                if work is None:
                    self._consumer.close()
                    self.own([])
                done.put((True, work() if work else None))
            except Exception as error:
                done.put((False, error))
            if work is None:
                return False
        return True


_member = []


def verbs(make_consumer):
    """The commands join, commit and leave over make_consumer(member, request) -> consumer."""
    def join(**request):
        if _member:
            raise Failure("this program is a member already")
        _member.append(Member(lambda member: make_consumer(member, request), request.get("commit", "each")))

    def commit(metadata=""):
        return _member[0].commit(metadata)

    def leave():
        _member.pop().leave()

    return {"join": join, "commit": commit, "leave": leave}
