"""Client programs as long-lived processes, one JSON command a line; and which of them this machine has."""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import threading

from harness.kcat import Kcat

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
    """One client program. Commands are methods: session.create_topic(topic="t", ...). Safe to use from any thread."""

    def __init__(self, name, command, address, env=None, headers="exact", grace_s=45):
        self.name, self.headers, self.grace_s = name, headers, grace_s
        self._lock = threading.Lock()
        self._log = open(os.environ.get("IMAGO_E2E_LOGS", "/dev/null").replace("%n", name), "ab")
        self._process = subprocess.Popen([*command, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=self._log, env={**os.environ, **(env or {})})
        about = self.hello()
        self.version, self.codecs = about["version"], about["codecs"]
        self.explicit_time = True

    def _ask(self, verb, **arguments):
        with self._lock:
            watchdog = threading.Timer(self.grace_s, self._process.kill)  # a client that hangs must not hang the run
            watchdog.start()
            try:
                self._process.stdin.write(json.dumps({"do": verb, **arguments}).encode() + b"\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except BrokenPipeError:
                line = b""
            finally:
                watchdog.cancel()
        if not line:
            raise ClientError(self.name, f"the program ended, or did not answer {verb} in {self.grace_s} s", None)
        answer = json.loads(line)
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

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def starters(address, build):
    """Name -> (what must exist, how it is started). In the order of the report."""
    python = cache() / "python" / "bin" / "python"
    modules = cache() / "node" / "node_modules"
    java = cache() / "java"
    librdkafka = pathlib.Path(build) / "e2e_librdkafka"
    flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]  # many short JVMs: start fast
    return {
        "kcat": (shutil.which("kcat"), lambda: Kcat(address)),
        "librdkafka": (librdkafka, lambda: Session("librdkafka", [librdkafka], address)),
        "confluent": (python, lambda: Session("confluent", [python, CLIENTS / "confluent.py"], address)),
        "kafka-python": (python, lambda: Session("kafka-python", [python, CLIENTS / "kafka_python.py"], address)),
        "kafkajs": (modules / "kafkajs", lambda: Session("kafkajs", ["node", CLIENTS / "kafkajs.js"], address,
                                                         {"NODE_PATH": str(modules)}, headers="grouped")),
        "java": (java / ".digest", lambda: Session(
            "java", ["java", *flags, "-cp", f"{java}/classes:{java}/jars/*", "Session"], address)),
    }


def start(address, build, wanted):
    """The clients that are there, and (name, reason) of those that are not."""
    clients, missing = [], []
    for name, (needs, make) in starters(address, build).items():
        if wanted and name not in wanted:
            continue
        if needs is None or not pathlib.Path(needs).exists():
            missing.append((name, f"{needs or name} is not installed (tests/e2e/setup)"))
            continue
        try:
            clients.append(make())
        except (OSError, ClientError) as error:
            missing.append((name, f"does not start: {error}"))
    return clients, missing
