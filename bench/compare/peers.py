"""The servers that are compared, each with its fastest honest settings, which are written into the report."""
import base64
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "e2e"))
from harness.servers import Server, free_port  # noqa: E402
from harness.sessions import cache  # noqa: E402


class Missing(Exception):
    """The peer is not installed; the text says how to get it."""


class Imago:
    name, protocol, durable = "imago", "kafka", True
    settings = "defaults; every acknowledgement is on the disk"

    def __init__(self, build):
        self.build = build

    def start(self):
        server = Server("imago")
        return server.start([str(self.build / "imago"), "serve", "--data-dir", str(server.folder / "data"), "--kafka",
                             server.address], 20)


class Kafka:
    protocol = "kafka"

    def __init__(self, flushed):
        self.name = "kafka-flushed" if flushed else "kafka-cache"
        self.durable = flushed
        self.settings = ("Kafka 4.3.1, KRaft, one node, 2 GiB heap, G1, " +
                         ("log.flush.interval.messages=1" if flushed else "page cache (its default)") +
                         ", group.initial.rebalance.delay.ms=0, num.io.threads=4")

    def start(self):
        jars = cache() / "kafka" / "jars"
        if not jars.exists():
            raise Missing("tests/e2e/setup kafka fetches Kafka")
        server = Server("kafka")
        controller = f"127.0.0.1:{free_port()}"
        config = server.folder / "server.properties"
        lines = ["process.roles=broker,controller", "node.id=1", f"controller.quorum.voters=1@{controller}",
                 f"listeners=PLAINTEXT://{server.address},CONTROLLER://{controller}",
                 "controller.listener.names=CONTROLLER", f"advertised.listeners=PLAINTEXT://{server.address}",
                 f"log.dirs={server.folder / 'data'}", "offsets.topic.replication.factor=1",
                 "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
                 "group.initial.rebalance.delay.ms=0", "num.io.threads=4"]
        if self.durable:
            lines.append("log.flush.interval.messages=1")
        config.write_text("\n".join(lines))
        java = ["java", "-Xmx2g", "-Xms2g", "-XX:+UseG1GC", "-cp", f"{jars}/*"]
        cluster = base64.urlsafe_b64encode(b"imago-compare-01").decode().rstrip("=")
        subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server.start([*java, "kafka.Kafka", str(config)], 60)
        time.sleep(3)  # what it does right after its start is not what is measured
        return server


class Redis:
    protocol = "redis"

    def __init__(self, always):
        self.name = "redis-always" if always else "redis-everysec"
        self.durable = always
        self.settings = ("Redis 7.0 streams, appendonly yes, appendfsync " + ("always" if always else "everysec") +
                         ", no automatic rewrite, no snapshots")

    def start(self):
        if shutil.which("redis-server") is None:
            raise Missing("apt-get install redis-server")
        server = Server("redis")
        return server.start(["redis-server", "--bind", "127.0.0.1", "--port", str(server.port), "--dir",
                             str(server.folder), "--appendonly", "yes", "--appendfsync",
                             "always" if self.durable else "everysec", "--save", "", "--auto-aof-rewrite-percentage",
                             "0", "--daemonize", "no"], 20)


def all_peers(build):
    return [Imago(build), Kafka(False), Kafka(True), Redis(True), Redis(False)]


def processor_seconds(pid):
    """User and system time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def stop(server):
    """Ends it and removes its folder, however it ends: what is compared is over."""
    wrong = None
    try:
        wrong = server.stop()
    finally:
        server.forget()
    return wrong
