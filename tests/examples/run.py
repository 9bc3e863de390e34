#!/usr/bin/env python3
"""The examples of the C++ client, run as tests: against imago, or against a real Kafka broker.

usage: run.py --examples BUILD/examples (--imago BINARY | --kafka)

The tests mostly wait, and have topics and groups of their own: some run side by side, those that kill the server alone
afterwards. Ends with  N passed, N failed, N skipped.
"""
import argparse
import concurrent.futures
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "e2e"))
from harness import servers  # noqa: E402

codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
values = [f"message {i}" for i in range(40)]
AT_ONCE = 4


class Failed(Exception):
    pass


def saved(position):
    """How many messages lie before the positions in this file of a broadcast; it is replaced as a whole."""
    if not position.exists():
        return 0
    return sum(int(line.split()[2]) for line in position.read_text().splitlines() if line.startswith("broadcast "))


def alone(test):
    """For a test that does to the server what others must not see."""
    test.alone = True
    return test


def expect(condition, what):
    if not condition:
        raise Failed(what)


class Run:
    """One example at work, its lines kept."""

    def __init__(self, folder, name, *arguments):
        self.name = name
        # Read through a descriptor of its own: one that the program writes through has its position, and to go back to the
        # start to read would let it write over its first lines.
        self.out = tempfile.NamedTemporaryFile("r", prefix="imago-example-")
        with open(self.out.name, "wb") as write:
            self.process = subprocess.Popen([str(folder / name), *map(str, arguments)], stdout=write,
                                            stderr=subprocess.STDOUT)

    def lines(self):
        self.out.seek(0)
        return self.out.read().splitlines()

    def wait_for(self, condition, what, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition(self.lines()):
            expect(self.process.poll() is None, f"{self.name} ended ({self.process.returncode}) before {what}:\n"
                   + "\n".join(self.lines()[-20:]))
            expect(time.monotonic() < deadline, f"{self.name}: no {what} in {seconds} s:\n" + "\n".join(self.lines()[-20:]))
            time.sleep(0.05)

    def end(self, how=None, seconds=60):
        if how is not None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"{self.name} did not end in {seconds} s:\n" + "\n".join(self.lines()[-20:]))
        wanted = -signal.SIGKILL if how == signal.SIGKILL else 0
        expect(status == wanted, f"{self.name} exit {status}:\n" + "\n".join(self.lines()[-20:]))
        return self.lines()

    def close(self):
        """What a test that failed left running must not take the time of the others."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.out.close()


class Suite:
    """What one test works with, and the tests."""

    def __init__(self, folder, server, kafka):
        self.folder, self.server, self.kafka = folder, server, kafka
        self.scratch = tempfile.TemporaryDirectory(prefix="imago-examples-")
        self.runs = []

    def run(self, name, *arguments):
        self.runs.append(Run(self.folder, name, self.server.address, *arguments))
        return self.runs[-1]

    def close(self):
        for one in self.runs:
            one.close()
        self.scratch.cleanup()

    def topic(self, name, partitions=3):
        self.run("admin", name, partitions).end()
        return name

    def filled(self, name, partitions=3, compression="none"):
        self.topic(name, partitions)
        self.run("produce", name, len(values), compression).end()
        return name

    # ---- The tests: methods that begin with test_

    def test_admin(self):
        lines = self.run("admin", "made", 5).end()
        # A Kafka broker hears of the change from its controller, and may show the old value for a moment.
        retention = {"retention.ms=7200000"} | ({"retention.ms=3600000"} if self.kafka else set())
        expect("made has 5 partitions" in lines and retention & set(lines) and "partition 0 ends at 0" in lines, lines)
        again = self.run("admin", "made", 5)
        expect(again.process.wait(60) == 1 and "error" in again.lines()[-1], "made twice")

    def test_every_codec_there_and_back_in_a_group(self):
        for codec in codecs:
            topic = self.filled(f"codec-{codec}", compression=codec)
            lines = self.run("consume_group", f"codecs-{codec}", topic, len(values)).end()
            expect(sorted(line.split(" ", 1)[1] for line in lines) == sorted(values), f"{codec}: {lines}")

    def test_a_group_goes_on_where_it_committed(self):
        topic = self.filled("goes-on")
        first = self.run("consume_group", "goes-on", topic, len(values)).end()
        self.run("produce", topic, 5).end()
        second = self.run("consume_group", "goes-on", topic, 5).end()
        expect(len(set(first) | set(second)) == len(values) + 5, f"{first}\n{second}")

    def test_blocking(self):
        lines = self.run("blocking", "blocking", self.topic("blocking"), len(values)).end()
        expect(sorted(lines) == sorted(values), lines)

    def test_callback(self):
        lines = self.run("callback", "callback", self.topic("callback"), len(values)).end()
        expect(sorted(lines) == sorted(values), lines)

    def test_read_since(self):
        topic = self.filled("since", partitions=1)
        time.sleep(1.1)
        cut = int(time.time() * 1000)
        self.run("produce", topic, 7).end()
        lines = self.run("read_since", topic, 0, cut).end()
        expect([line.split(" ", 1)[1] for line in lines] == values[:7], lines)
        expect(self.run("read_since", topic, 0, cut + 3_600_000).end() == [], "from the future")
        expect(len(self.run("read_since", topic, 0, 0).end()) == len(values) + 7, "from the first on")

    def test_broadcast_sees_all_and_goes_on_after_kill_9(self):
        topic = self.filled("broadcast")
        position = pathlib.Path(self.scratch.name) / "position"
        others = self.run("broadcast", topic, position.with_name("other"), len(values)).end()
        expect(sorted(line.split(" ", 1)[1] for line in others) == sorted(values), others)
        victim = self.run("broadcast", topic, position, 10_000)
        victim.wait_for(lambda lines: len(lines) >= len(values), "all messages")
        victim.wait_for(lambda _: saved(position) == len(values), "saved positions")
        victim.end(signal.SIGKILL)
        self.run("produce", topic, 6).end()
        rest = self.run("broadcast", topic, position, 6).end()
        expect(len(rest) == 6 and not set(rest) & set(victim.lines()), f"after the kill: {rest}")
        position.write_bytes(position.read_bytes().replace(b"broadcast 0", b"broadcast 1"))
        damaged = self.run("broadcast", topic, position, 1)
        expect(damaged.process.wait(60) == 1 and "damaged" in damaged.lines()[-1], damaged.lines())

    def share(self, protocol, how):
        """Three members come, one goes, one is killed: never one partition with two, all messages are read."""
        topic = self.filled(f"shared-{protocol}-{how}", partitions=6)
        group = f"shared-{protocol}-{how}"
        more = [how] if how != "default" else []

        def member():
            return self.run("group_member", group, topic, protocol, *more)

        def owns(one):
            mine = set()
            for line in one.lines():
                word, *partitions = line.split()
                if word == "assigned":
                    mine |= set(partitions)
                elif word in ("revoked", "lost"):
                    mine -= set(partitions)
            return mine

        def settled(members, seconds=90):
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                shares = [owns(each) for each in members]
                if sum(map(len, shares)) == 6 and len(set().union(*shares)) == 6 and max(map(len, shares)) - min(map(len, shares)) <= 1:
                    return shares
                for each in members:
                    expect(each.process.poll() is None, "a member ended:\n" + "\n".join(each.lines()[-20:]))
                time.sleep(0.1)
            raise Failed("no balance:\n" + "\n--\n".join("\n".join(l for l in each.lines() if not l.startswith("record"))
                                                        for each in members))

        first = member()
        settled([first])
        second = member()
        settled([first, second])
        third = member()
        before = settled([first, second, third])
        if how != "range" and how != "roundrobin" and protocol == "classic":
            kept = [line for line in first.lines() if line.startswith("revoked")]
            expect(all(len(line.split()) - 1 < 6 for line in kept), f"stopped what stays: {kept}")
        second.end(signal.SIGTERM)
        settled([first, third])
        self.run("produce", topic, len(values)).end()

        def read():
            seen = set()
            for each in (first, second, third):
                seen |= {tuple(line.split()[1:4]) for line in each.lines() if line.startswith("record")}
            return seen

        deadline = time.monotonic() + 60
        while len(read()) < 2 * len(values) and time.monotonic() < deadline:
            time.sleep(0.1)
        expect(len(read()) == 2 * len(values), f"{len(read())} of {2 * len(values)} messages were read")
        for each in (first, third):
            each.end(signal.SIGTERM)

    def test_group_classic_cooperative(self):
        self.share("classic", "cooperative-sticky")

    def test_group_classic_range(self):
        self.share("classic", "range")

    def test_group_classic_roundrobin(self):
        self.share("classic", "roundrobin")

    def test_group_consumer_protocol(self):
        self.share("consumer", "default")

    def test_static_member_comes_back_to_what_it_had(self):
        for protocol in ("classic", "consumer"):
            topic = self.filled(f"static-{protocol}", partitions=4)

            def member(name):
                one = self.run("group_member", f"static-{protocol}", topic, protocol, "-", name)
                one.wait_for(lambda lines: any(line.startswith("assigned ") for line in lines), "assignment")
                return one

            one = member("one")
            had = next(line for line in one.lines() if line.startswith("assigned"))
            one.end(signal.SIGTERM)
            again = member("one")
            expect(next(line for line in again.lines() if line.startswith("assigned")) == had, again.lines())
            again.end(signal.SIGTERM)

    @alone
    def test_members_survive_a_server_that_dies_and_returns(self):
        for protocol in ("classic", "consumer"):
            topic = self.filled(f"returns-{protocol}", partitions=2)
            one = self.run("group_member", f"returns-{protocol}", topic, protocol)
            one.wait_for(lambda lines: sum(l.startswith("record") for l in lines) >= len(values), "all messages")
            self.server.kill()
            time.sleep(1)
            self.server.restart()
            self.run("produce", topic, len(values)).end()
            one.wait_for(lambda lines: len({l for l in lines if l.startswith("record")}) >= 2 * len(values), "more messages", 90)
            one.end(signal.SIGTERM)


class Results:
    """Counts, and says what came of each test when it ends, all of it in one piece."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = 0

    def add(self, text, problem=None):
        with self.lock:
            self.passed += problem is None
            self.failed += problem is not None
            print(f"passed  {text}" if problem is None else f"FAILED  {text}\n{problem}", flush=True)


def attempt(name, suite, results):
    began, problem = time.monotonic(), None
    try:
        getattr(suite, name)()
    except (Failed, OSError, subprocess.SubprocessError) as error:
        problem = error
    except Exception:  # a mistake of the test: where it is says more than what it is
        problem = traceback.format_exc()
    finally:
        suite.close()
    results.add(f"{name[5:]}  {time.monotonic() - began:.1f} s", problem)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", required=True, type=pathlib.Path)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--imago")
    which.add_argument("--kafka", action="store_true")
    parser.add_argument("--only", default="", help="tests whose name contains this")
    options = parser.parse_args()
    server = servers.kafka() if options.kafka else servers.imago(options.imago)
    results = Results()

    def one(name):
        attempt(name, Suite(options.examples.resolve(), server, options.kafka), results)

    names = [name for name in dir(Suite) if name.startswith("test_") and options.only in name]
    lonely = [name for name in names if hasattr(getattr(Suite, name), "alone")]
    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, [name for name in names if name not in lonely]))
        for name in lonely:
            one(name)
    finally:
        wrong = server.stop()
    if wrong:
        results.add("the server", wrong)
    print(f"{results.passed} passed, {results.failed} failed, 0 skipped")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
