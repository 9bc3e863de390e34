"""Client programs as long-lived processes, one JSON command a line; and which of them this machine has."""
import base64
import json
import os
import pathlib
import queue
import shutil
import subprocess
import threading

from harness.kcat import Kcat
from harness.printed import ImagoMember, KcatMember

HERE = pathlib.Path(__file__).resolve().parent.parent
CLIENTS = HERE / "clients"


def cache():
    home = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    return pathlib.Path(os.environ.get("IMAGO_CACHE", home + "/imago")) / "e2e"


class ClientError(Exception):
    """What a client answered instead of a result; `code` is Kafka's error number where the client gave one."""

    def __init__(self, client, text, code):
        super().__init__(f"{client}: {text}")
        self.code = code


def packed(record):
    def b64(data):
        return None if data is None else base64.b64encode(data).decode()
    return {**record, "k": b64(record["k"]), "v": b64(record["v"]), "h": [[n, b64(v)] for n, v in record["h"]]}


def unpacked(record):
    def raw(text):
        return None if text is None else base64.b64decode(text)
    return {**record, "k": raw(record["k"]), "v": raw(record["v"]), "h": [[n, raw(v)] for n, v in record["h"]]}


class Session:
    """One client program. Commands are methods: session.create_topic(topic="t", ...). Safe to use from any thread.

    A program that is a member of a group also speaks unasked: `on_event` gets each event, on the reader's thread, and
    None when the program's output has ended.
    """

    def __init__(self, name, command, address, env=None, headers="exact", grace_s=45, on_event=None):
        self.name, self.headers, self.grace_s = name, headers, grace_s
        self._on_event = on_event or (lambda event: None)
        self._lock = threading.Lock()
        self._answers = queue.SimpleQueue()
        self._log = open(os.environ.get("IMAGO_E2E_LOGS", "/dev/null").replace("%n", name), "ab")
        self._process = subprocess.Popen([*command, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=self._log, env={**os.environ, **(env or {})})
        threading.Thread(target=self._listen, name=f"listen {name}", daemon=True).start()
        about = self.hello()
        self.version, self.codecs = about["version"], about["codecs"]
        self.can = frozenset(about.get("can", ()))
        self.explicit_time = True

    def _listen(self):
        for line in self._process.stdout:
            try:
                said = json.loads(line)
            except ValueError:          # cut short by kill()
                break
            if "ev" in said:
                self._on_event(said)
            else:
                self._answers.put(said)
        self._answers.put(None)
        self._on_event(None)

    def _ask(self, verb, **arguments):
        with self._lock:
            watchdog = threading.Timer(self.grace_s, self._process.kill)  # a client that hangs must not hang the run
            watchdog.start()
            try:
                self._process.stdin.write(json.dumps({"do": verb, **arguments}).encode() + b"\n")
                self._process.stdin.flush()
                answer = self._answers.get()
            except (BrokenPipeError, ValueError):
                answer = None
            finally:
                watchdog.cancel()
        if answer is None:
            self._answers.put(None)
            raise ClientError(self.name, f"the program ended, or did not answer {verb} in {self.grace_s} s", None)
        if "ok" not in answer:
            raise ClientError(self.name, answer["error"], answer["code"])
        return answer["ok"]

    def __getattr__(self, verb):
        if verb.startswith("_"):
            raise AttributeError(verb)
        return lambda **arguments: self._ask(verb, **arguments)

    def produce(self, topic, codec, records):
        """The offset of each record, after all of them were acknowledged."""
        return self._ask("produce", topic=topic, codec=codec, records=[packed(r) for r in records])

    def consume(self, topic, partitions, begin, count, **more):
        got = self._ask("consume", topic=topic, partitions=partitions, begin=begin, count=count, **more)
        return [unpacked(r) for r in got]

    def kill(self):
        """kill -9, and what it leaves is reaped."""
        self._process.kill()
        self._process.wait()

    def close(self):
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._log.close()


def young_node():
    """A Node for what needs a newer one than the system's: setup fetches it then."""
    own = sorted((cache() / "node" / "runtime" / "node_modules").glob("node-linux-*/bin/node"))
    return own[0] if own else "node"


def programs(build):
    """Name -> (what must exist, command, environment, how it shows headers). In the order of the report."""
    python = cache() / "python" / "bin" / "python"
    modules = cache() / "node" / "node_modules"
    java = cache() / "java"
    librdkafka = pathlib.Path(build) / "e2e_librdkafka"
    flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m"]  # many short JVMs: start fast
    go = cache() / "go"
    node = {"NODE_PATH": str(modules)}
    return {
        "librdkafka": (librdkafka, [librdkafka], {}, "exact"),
        "confluent": (python, [python, CLIENTS / "confluent.py"], {}, "exact"),
        "kafka-python": (python, [python, CLIENTS / "kafka_python.py"], {}, "exact"),
        "aiokafka": (python, [python, CLIENTS / "aiokafka_session.py"], {}, "exact"),
        "kafkajs": (modules / "kafkajs", ["node", CLIENTS / "kafkajs.js"], node, "grouped"),
        "platformatic": (modules / "@platformatic", [young_node(), CLIENTS / "platformatic.js"], node, "exact"),
        "node-rdkafka": (modules / "node-rdkafka", ["node", CLIENTS / "node_rdkafka.js"], node, "blurred"),
        "franz-go": (go / "franz", [go / "franz"], {}, "exact"),
        "sarama": (go / "sarama", [go / "sarama"], {}, "exact"),
        "kafka-go": (go / "segmentio", [go / "segmentio"], {}, "blurred"),
        "java": (java / ".digest", ["java", *flags, "-cp", f"{java}/classes:{java}/jars/*", "Session"], {}, "exact"),
    }


def own_program(build):
    """A member of a group on our own client; it is in groups with the others, not a client of the matrix."""
    return pathlib.Path(build) / "examples" / "group_member"


def absent(name, build):
    """None, or what has to be installed before this client can be used."""
    needs = shutil.which("kcat") if name == "kcat" else own_program(build) if name == "imago" else programs(build)[name][0]
    return None if needs and pathlib.Path(needs).exists() else f"{needs or name} is not installed (tests/e2e/setup)"


def open_one(name, address, build, on_event=None):
    if name == "kcat":
        return KcatMember(address, on_event) if on_event else Kcat(address)
    if name == "imago":
        return ImagoMember(own_program(build), address, on_event)
    _, command, environment, headers = programs(build)[name]
    return Session(name, command, address, environment, headers, on_event=on_event)


def start(address, build, wanted):
    """The clients that are there, and (name, reason) of those that are not."""
    clients, missing = [], []
    for name in ["kcat", *programs(build)]:
        if wanted and name not in wanted:
            continue
        if reason := absent(name, build):
            missing.append((name, reason))
            continue
        try:
            clients.append(open_one(name, address, build))
        except (OSError, ClientError) as error:
            missing.append((name, f"does not start: {error}"))
    return clients, missing
