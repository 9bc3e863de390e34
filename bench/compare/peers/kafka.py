"""Apache Kafka, one node, KRaft."""
import base64
import subprocess

from installed import CACHE
from process import Missing, Server, free_port

JARS = CACHE / "e2e" / "kafka" / "jars"


class Kafka:
    protocol, warm_up = "kafka", 2.0

    def __init__(self, flushed):
        self.name = "kafka-flushed" if flushed else "kafka-cache"
        self.durable = flushed
        self.settings = ("Kafka 4.3.1, KRaft, one node, 2 GiB heap, G1, " +
                         ("log.flush.interval.messages=1" if flushed else "page cache (its default)") +
                         ", group.initial.rebalance.delay.ms=0, num.io.threads=4, deleted topics' "
                         "files removed after 1 s")

    def start(self, cage=None, reading=False):
        if not JARS.exists():
            raise Missing("bench/compare/setup fetches Kafka")
        server = Server(self.name, cage)
        try:
            return self.start_in(server, "-Xmx1g" if cage else "-Xmx2g")
        except BaseException:
            server.forget()
            raise

    def start_in(self, server, heap):
        controller = f"127.0.0.1:{free_port()}"
        config = server.folder / "server.properties"
        lines = ["process.roles=broker,controller", "node.id=1", f"controller.quorum.voters=1@{controller}",
                 f"listeners=PLAINTEXT://{server.address},CONTROLLER://{controller}",
                 "controller.listener.names=CONTROLLER", f"advertised.listeners=PLAINTEXT://{server.address}",
                 f"log.dirs={server.folder / 'data'}", "offsets.topic.replication.factor=1",
                 "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
                 "group.initial.rebalance.delay.ms=0", "num.io.threads=4", "log.segment.delete.delay.ms=1000"]
        if self.durable:
            lines.append("log.flush.interval.messages=1")
        config.write_text("\n".join(lines))
        java = ["java", heap, heap.replace("mx", "ms"), "-XX:+UseG1GC", "-cp", f"{JARS}/*"]
        cluster = base64.urlsafe_b64encode(b"imago-compare-01").decode().rstrip("=")
        subprocess.run([*java[:1], "-XX:TieredStopAtLevel=1", *java[4:], "kafka.tools.StorageTool", "format", "-t", cluster, "-c",
                        str(config)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return server.start([*java, "kafka.Kafka", config], 120)
