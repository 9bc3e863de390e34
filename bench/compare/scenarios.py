"""What happens in one measurement of a cell on a running server. Each gives a dictionary of figures, or raises Failed."""
import json
import subprocess
import time

import machine
from loads import drive, load_for
from process import Failed

READ_MIB = 512     # what consumers find, and read again and again
RESTART_MIB = 512
BACKLOG_MIB, CAGE_MIB, BACKLOG_RATE = 4096, 2048, 5000


class Scenarios:
    def __init__(self, build, seconds):
        self.build, self.seconds = build, seconds

    def run(self, cell, peer, server):
        load = cell["load"]
        return getattr(self, load["do"].replace("-", "_"))(cell, peer, server, load_for(peer, self.build, load), load)

    def warm(self, peer, server):
        """A load before the first cell that nobody looks at: a JVM compiles what it runs often, so single messages come first."""
        for style, seconds in (("single", 5), ("batched", 3)):
            load = {"do": "produce", "message": 1024, "queues": 16, "style": style}
            by = load_for(peer, self.build, load)
            drive(by.timed(server, load, "warm", 0.1, seconds), server, by.timeout)
        self.discard(peer, server, "warm")

    def discard(self, peer, server, topic):
        """The disk is not endless, and what is not flushed of a topic that is gone need not be."""
        if peer.protocol == "kafka":
            subprocess.run([str(self.build / "imago"), "topic", "delete", topic, "-b", server.address], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=60)

    def produce(self, cell, peer, server, by, load):
        # Ten thousand queues are made once.
        topic = "many" if cell["group"] == "many" else cell["name"]
        if load.get("client") == "franz":
            drive(by.command(server, "create", load, topic), server, by.timeout)
        seconds = self.seconds * cell["longer"]
        got = drive(by.timed(server, load, topic, seconds, peer.warm_up), server, seconds + peer.warm_up + by.timeout)
        if cell["group"] != "many":
            self.discard(peer, server, topic)
        wanted = got.get("wanted_messages_per_second", 0)
        if got["messages"] == 0:
            raise Failed("nothing was acknowledged")
        if got["messages_per_second"] < 0.97 * wanted:
            got["remark"] = f"did not hold the rate: {got['messages_per_second']:,.0f} of {wanted:,.0f} msg/s"
        return got

    end_to_end = produce

    def create(self, cell, peer, server, by, load):
        # The topic is the one that the group's other cells use.
        return drive(by.command(server, "create", load, "many"), server, by.timeout)

    def fill(self, cell, peer, server, by, load, mebibytes):
        """Consumers of one server read the same."""
        if load["queues"] not in server.filled:
            topic = "many" if cell["group"] == "many" else f"filled-{load['queues']}"
            got = drive(by.fill(server, load, topic, mebibytes), server, by.timeout)
            server.filled[load["queues"]] = (topic, got["messages"])
            machine.settle()
        return server.filled[load["queues"]]

    def prepare(self, cell, peer, server):
        """What is not part of the measurement: the canary sings after it."""
        load = cell["load"]
        if load["do"] == "consume":
            by = load_for(peer, self.build, {**load, "client": "own"})
            topic, messages = self.fill(cell, peer, server, by, load, READ_MIB)
            drive(by.consume(server, {**load, "fan_out": 1}, topic, messages), server, by.timeout)

    def consume(self, cell, peer, server, by, load):
        """All of it, again and again, until there is something to see."""
        topic, messages = self.fill(cell, peer, server, by, load, READ_MIB)
        passes, sums = [], ("seconds", "messages")
        costs = ("server_cpu_seconds_per_million", "load_cpu_seconds_per_million", "flushes_per_million",
                 "written_bytes_per_million", "device_bytes_per_million")
        while len(passes) < 5 and sum(each["seconds"] for each in passes) < self.seconds:
            passes.append(drive(by.consume(server, load, topic, messages), server, by.timeout))
        got = {**passes[-1], **{key: sum(each[key] for each in passes) for key in sums}, "passes": len(passes)}
        got["messages_per_second"] = got["messages"] / got["seconds"]
        for key in costs:
            got[key] = sum(each[key] * each["messages"] for each in passes) / got["messages"]
        return got

    def idle(self, cell, peer, server, by, load):
        before = server.counters()
        time.sleep(2)
        after = server.counters()
        got = server.memory()
        return {**got, "resident_mib": got["resident_bytes"] / (1 << 20), "messages": 0, "start_seconds": server.start_seconds,
                "idle_share_of_a_core": (after.processor - before.processor) / 2}

    def restart(self, cell, peer, server, by, load):
        topic, messages = self.fill(cell, peer, server, by, load, RESTART_MIB)
        server.kill_main()
        machine.settle()
        start = time.monotonic()
        # Its own client takes a second to start and waits for the server itself.
        waiting = None
        if peer.protocol == "rocketmq":
            command = [str(word) for word in by.ready(server, load, topic, messages)]
            waiting = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        server.restart()
        listening = time.monotonic() - start
        if waiting is not None:
            complaint = waiting.communicate(timeout=180)[1]
            if waiting.returncode != 0:
                raise Failed(complaint.strip()[-300:])
            return {"seconds": time.monotonic() - start, "listening_seconds": listening, "messages": 0}
        while True:
            try:
                drive(by.ready(server, load, topic, messages), server, by.timeout)
                return {"seconds": time.monotonic() - start, "listening_seconds": listening, "messages": 0}
            except Failed:
                if server.gone() or time.monotonic() > start + 120:
                    raise
                time.sleep(0.02)

    def catch_up(self, cell, peer, server, by, load):
        """Consumption from the start while a producer goes on; its acknowledgements before and meanwhile."""
        topic, messages = self.fill(cell, peer, server, by, load, BACKLOG_MIB)
        beside = {**load, "do": "produce", "style": "rate", "rate": BACKLOG_RATE, "together": 16}
        alone = drive(by.timed(server, beside, topic + "-beside", 2, 1), server, by.timeout)
        writer = subprocess.Popen([str(word) for word in by.timed(server, beside, topic + "-beside", 2, 0.3)],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            got = drive(by.consume(server, load, topic, messages), server, by.timeout)
        finally:
            said = writer.communicate(timeout=60)[0]
        if writer.returncode != 0:
            raise Failed("the producer beside it failed")
        got["p99_alone_us"] = alone["times_us"]["p99"]
        got["p99_meanwhile_us"] = json.loads(said.strip().splitlines()[-1])["times_us"]["p99"]
        return got
