"""Servers to run the clients against: imago, or a real Kafka broker that shows whether the tests are right."""
import base64
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness.report import fatal
from harness.sessions import cache


given = set()       # these belong to servers of this program, whether they listen or not


def free_port():
    """Below the ports that the system gives to clients: one of them could take it while the server is down."""
    while True:
        port = random.randrange(20_000, 30_000)
        if port in given:
            continue
        given.add(port)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Server:
    """A server process with a private folder. stop() ends it the polite way and says how it ended; kill() does not ask."""

    def __init__(self, name):
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"imago-e2e-{name}-"))
        self.log = self.folder / "server.log"
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.process = None

    def start(self, command, wait_s):
        self._command, self._wait_s = command, wait_s
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.02)
        self.process.kill()
        fatal(f"{self.name} does not listen on {self.address}; its log:\n{self.log.read_text()[-2000:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        return self.start(self._command, self._wait_s)

    def stop(self, keep=False):
        """None, or what is wrong with how it ended. The folder is removed if all went well."""
        gone = self.process.poll()
        if gone is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                return "did not stop within 20 s of SIGTERM"
        clean = (0, 143) if self.name == "kafka" else (0,)
        if gone is not None or self.process.returncode not in clean:
            return (f"{'ended by itself, ' if gone is not None else ''}exit {self.process.returncode}; the log ends:\n"
                    + self.log.read_text(errors="replace")[-1500:])
        if not keep:
            self.forget()
        return None

    def forget(self):
        shutil.rmtree(self.folder, ignore_errors=True)


# Members of the consumer protocol are told of changes soon, and missed soon when they died; no group waits for more
# members than there are. The same is set for Kafka below.
GROUPS = ["groups.initial_rebalance_delay=0", "groups.consumer_heartbeat_interval=300ms", "groups.consumer_session_timeout=6s"]


def imago(binary, more=()):
    server = Server("imago")
    settings = [word for setting in GROUPS for word in ("--set", setting)]
    return server.start([str(binary), "serve", "--data-dir", str(server.folder / "data"), "--kafka", server.address,
                         *settings, *more], 20)


def kafka():
    jars = cache() / "kafka" / "jars"
    if not jars.exists():
        fatal("the Kafka broker is not installed: tests/e2e/setup kafka")
    server = Server("kafka")
    controller = f"127.0.0.1:{free_port()}"
    config = server.folder / "server.properties"
    config.write_text("\n".join([
        "process.roles=broker,controller", "node.id=1", f"controller.quorum.voters=1@{controller}",
        f"listeners=PLAINTEXT://{server.address},CONTROLLER://{controller}", "controller.listener.names=CONTROLLER",
        f"advertised.listeners=PLAINTEXT://{server.address}", f"log.dirs={server.folder / 'data'}",
        "offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1",
        "transaction.state.log.min.isr=1", "share.coordinator.state.topic.replication.factor=1",
        "share.coordinator.state.topic.min.isr=1", "group.initial.rebalance.delay.ms=0", "num.partitions=4",
        "group.consumer.min.heartbeat.interval.ms=300", "group.consumer.heartbeat.interval.ms=300",
        "group.consumer.min.session.timeout.ms=3000", "group.consumer.session.timeout.ms=6000"]))
    java = ["java", "-Xmx1g", "-cp", f"{jars}/*"]
    cluster = base64.urlsafe_b64encode(b"imago-e2e-broker").decode().rstrip("=")
    subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return server.start([*java, "kafka.Kafka", str(config)], 120)
