"""Members that are command lines: what they print is turned into the events of session.py. They commit by themselves
and do not tell when."""
import re
import signal
import subprocess
import threading
import time


class PrintedMember:
    """One run of a program that prints what happens to it."""
    can = frozenset(("classic",))

    def __init__(self, address, on_event):
        self._address, self._on_event = address, on_event
        self._process = None
        self._owned = set()

    def _start(self, command):
        self._process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        threading.Thread(target=self._listen, args=(self._process.stdout, self._hear_out, True), daemon=True).start()
        threading.Thread(target=self._listen, args=(self._process.stderr, self._hear_error, False), daemon=True).start()

    def _listen(self, stream, hear, ends):
        for line in stream:
            hear(line.decode("latin1").rstrip("\n"))
        if ends:
            self._on_event(None)

    def _tell(self, event, **more):
        self._on_event({"ev": event, "at": int(time.time() * 1000), **more})

    def _own(self, gained=(), lost=()):
        self._owned = (self._owned | set(gained)) - set(lost)
        self._tell("owned", parts=sorted(self._owned))

    def leave(self):
        """The polite way: it commits and leaves the group."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)
        self._own(lost=self._owned)

    def kill(self):
        if self._process:
            self._process.kill()
            self._process.wait()

    close = kill


class KcatMember(PrintedMember):
    FORMAT = "%t %p %o %s\\n"       # the values of the group checks hold no line breaks
    OWNS = re.compile(r"% Group .* rebalanced \(memberid .*\): (assigned|revoked): (.*)")

    def join(self, group, topics, protocol, assignor, session_ms, heartbeat_ms, commit):
        assert protocol == "classic" and commit == "each"
        settings = {"session.timeout.ms": session_ms, "heartbeat.interval.ms": heartbeat_ms,
                    "auto.offset.reset": "earliest", "auto.commit.interval.ms": 100, "fetch.wait.max.ms": 100,
                    "topic.metadata.refresh.interval.ms": 5000}
        if assignor:
            settings["partition.assignment.strategy"] = assignor
        flags = [flag for name, value in settings.items() for flag in ("-X", f"{name}={value}")]
        self._start(["kcat", "-b", self._address, *flags, "-u", "-f", self.FORMAT, "-G", group, *topics])

    def _hear_out(self, line):
        topic, partition, offset, value = line.split(" ", 3)
        self._tell("got", r=[[topic, int(partition), int(offset), value]])

    def _hear_error(self, line):
        if told := self.OWNS.match(line):
            named = {(topic, int(p)) for topic, p in re.findall(r"(\S+) \[(\d+)\]", told[2])}
            self._own(**{"gained" if told[1] == "assigned" else "lost": named})


class ImagoMember(PrintedMember):
    """examples/group_member.cc, on our own client."""
    can = frozenset(("classic", "consumer", "cooperative"))

    def __init__(self, binary, address, on_event):
        super().__init__(address, on_event)
        self._binary = binary

    def join(self, group, topics, protocol, assignor, session_ms, heartbeat_ms, commit):
        self._start([self._binary, self._address, group, ",".join(topics), protocol, assignor or "-"])

    def _hear_out(self, line):
        what, _, rest = line.partition(" ")
        if what == "record":
            topic, partition, offset, _, value = rest.split(" ", 4)
            self._tell("got", r=[[topic, int(partition), int(offset), value]])
        elif what in ("assigned", "revoked", "lost"):
            named = {(place.rpartition(":")[0], int(place.rpartition(":")[2])) for place in rest.split()}
            self._own(**{"gained" if what == "assigned" else "lost": named})
        elif what in ("error", "trouble"):
            self._tell("trouble", text=rest)

    def _hear_error(self, line):
        self._tell("trouble", text=line)
