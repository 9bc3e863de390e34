"""The programs that make the load, one for each protocol, and how each is told what a cell wants."""
import json
import subprocess
import threading

from installed import BIN, CACHE
from process import Counters, Failed, Missing

#: Requests in flight that saturate. With 8 either server waited for some now and then: imago left a fifth of the processors idle on
#: 10,000 queues.
WINDOW = 32


class Load:
    """How a cell's words become a command. `topic` is the cell's own."""

    def __init__(self, build):
        self.build = build

    def command(self, server, verb, load, topic, more=()):
        raise NotImplementedError

    def timed(self, server, load, topic, seconds, warm_up):
        return self.command(server, load["do"], load, topic, [*self.words(load), *self.times(seconds, warm_up)])

    def words(self, load):
        raise NotImplementedError


class KafkaLoad(Load):
    """`imago bench`, for every server of the Kafka protocol."""
    timeout = 900
    # Messages in a batch of about 16 KiB.
    batch = {100: 160, 1024: 16, 10240: 2}

    def command(self, server, verb, load, topic, more=()):
        return [self.build / "imago", "bench", verb, "-b", server.address, "-t", topic, "--json", "--marks", "--queues",
                load["queues"], *more]

    def times(self, seconds, warm_up):
        return ["--seconds", seconds, "--warm-up", warm_up]

    def words(self, load):
        queues, style = load["queues"], load["style"]
        records, batches, how = 1, min(queues, 250), ["--connections", 1, "--window", WINDOW]
        if style == "batched" and queues <= 16:
            records = self.batch[load["message"]] * (4 if queues == 1 else 1)
        elif style == "single":
            batches, how = 1, ["--connections", 16, "--window", 64]
        elif style == "waiting":
            batches, how = 1, ["--connections", load["producers"], "--window", 1]
        elif style == "rate":
            batches = min(16, load["together"])
            records, how = load["together"] // batches, ["--rate", load["rate"]]
        zipf = ["--zipf", load["zipf"]] if "zipf" in load else []
        return ["--message", load["message"], "--records", records, "--batches", batches, *how, *zipf]

    def fill(self, server, load, topic, mebibytes):
        return self.command(server, "fill", load, topic, [*self.words(load), "--bytes", mebibytes << 20])

    def consume(self, server, load, topic, messages):
        return self.command(server, "consume", load, topic, ["--fan-out", load.get("fan_out", 1), "--seconds", 120])

    def ready(self, server, load, topic, messages):
        return self.command(server, "create", load, topic)


class FranzLoad(KafkaLoad):
    """A Kafka client that is not ours. The topic is made for it as for the others."""

    def timed(self, server, load, topic, seconds, warm_up):
        return [program("franz"), "produce", "-server", server.address, "-topic", topic, "-queues", load["queues"], "-message",
                load["message"], "-seconds", seconds, "-warm-up", warm_up]

    def consume(self, server, load, topic, messages):
        return [program("franz"), "consume", "-server", server.address, "-topic", topic, "-messages", messages]


class OwnLoad(Load):
    """The loads of this folder, which all take the same options. `tuned`: style -> producers, group, window."""
    timeout = 300

    def __init__(self, build, name, tuned):
        super().__init__(build)
        self.name, self.tuned = name, tuned

    def command(self, server, verb, load, topic, more=()):
        if self.name == "rocketmq":
            home = CACHE / "compare" / "rocketmq"
            # It lives for seconds: the quick compiler gets it going, the thorough one would take the processors for longer.
            start = ["java", "-XX:TieredStopAtLevel=1", "-Xmx2g", "-Xms1g", f"-Duser.home={server.folder}", "-Drocketmq.client.logLevel=ERROR", "-cp",
                     f"{home / 'classes'}:{home / 'jars'}/*", "Load"]
            where = ["-server", server.more["name-server"], "-broker", server.address]
        else:
            start, where = [program(self.name)], ["-server", server.address]
        return [*start, verb, *where, "-topic", topic, "-queues", load["queues"], "-message", load["message"], *more]

    def times(self, seconds, warm_up):
        return ["-seconds", seconds, "-warm-up", warm_up]

    def words(self, load):
        if load["style"] == "rate":
            return ["-rate", load["rate"], "-group", load["together"], *self.tuned["batched"][3:]]
        producers, group, window, *more = self.tuned.get(load["style"], (load.get("producers"), 1, 1))
        zipf = ["-zipf", load["zipf"]] if "zipf" in load else []
        return ["-producers", producers, "-group", group, "-window", window, *zipf, *more]

    def fill(self, server, load, topic, mebibytes):
        return self.command(server, "fill", load, topic, [*self.words(load), "-messages", (mebibytes << 20) // load["message"]])

    def consume(self, server, load, topic, messages):
        return self.command(server, "consume", load, topic, ["-fan-out", load.get("fan_out", 1), "-messages", messages])

    def ready(self, server, load, topic, messages):
        return self.command(server, "ready", load, topic, ["-messages", messages])


def program(name):
    if not (BIN / name).exists():
        raise Missing(f"{name} is not built: bench/compare/setup (needs Go)")
    return BIN / name


def load_for(peer, build, load):
    if peer.protocol == "kafka":
        return FranzLoad(build) if load.get("client") == "franz" else KafkaLoad(build)
    tuned = {"rocketmq": {"batched": (4, 32, 8), "single": (4, 1, 250)},
             "redis": {"batched": (16, 64, 1), "single": (16, 1, 64)},
             "nats": {"batched": (16, 100, 2, "-atomic") if peer.durable else (16, 1, 250), "single": (16, 1, 64)}}
    return OwnLoad(build, peer.protocol, tuned[peer.protocol])


def drive(command, server, timeout):
    """Runs a load. What it printed last, with what the server's counters did between its marks."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    late = threading.Timer(timeout, process.kill)
    late.start()
    marks, result, complaint = {}, None, []
    listener = threading.Thread(target=lambda: complaint.append(process.stderr.read()))
    listener.start()
    try:
        for line in process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if "mark" in said:
                marks[said["mark"]] = server.counters(), Counters([process.pid])
            else:
                result = said
        process.wait()
    except (FileNotFoundError, ProcessLookupError):  # of a server that is gone
        process.kill()
    finally:
        expired = not late.is_alive()
        late.cancel()
        process.wait()
        listener.join()
    if gone := server.gone():
        raise Failed(gone)
    if process.returncode != 0 or result is None:
        text = "".join(complaint).strip()[-300:]
        raise Failed(f"the load did not end in {timeout} s" if expired else text or f"the load ended with {process.returncode}")
    if "begin" in marks and "end" in marks:
        (server_then, load_then), (server_now, load_now) = marks["begin"], marks["end"]
        result |= server_now.since(server_then, result["messages"])
        if result["messages"]:
            result["load_cpu_seconds_per_million"] = load_now.cpu_since(load_then, result["messages"])
    return result
