#!/usr/bin/env python3
"""Kafka Connect over the server: two distributed workers share a file source and a file sink; a worker dies, the server dies.

usage: tests/e2e/connect/run.py --imago BINARY | --kafka

Real workers (Maven, tests/e2e/setup connect). Every line that goes into the source file must come out of the sink file, in
order and at least once; the workers must get over the death of one of them and of the server by themselves."""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import servers  # noqa: E402
from harness.sessions import cache  # noqa: E402

PATIENCE = 90


def wait_for(what, ready, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        got = ready()
        if got:
            return got
        time.sleep(0.2)
    raise SystemExit(f"connect: {what}: not after {patience} s")


class Worker:
    def __init__(self, number, server, folder):
        self.port = servers.free_port()
        self.log = folder / f"worker-{number}.log"
        config = folder / f"worker-{number}.properties"
        config.write_text("\n".join([
            f"bootstrap.servers={server.address}", "group.id=connect-workers", f"listeners=http://127.0.0.1:{self.port}",
            "rest.advertised.host.name=127.0.0.1", "key.converter=org.apache.kafka.connect.storage.StringConverter",
            "value.converter=org.apache.kafka.connect.storage.StringConverter", "offset.storage.topic=connect-offsets",
            "config.storage.topic=connect-configs", "status.storage.topic=connect-status",
            "offset.storage.replication.factor=1", "config.storage.replication.factor=1",
            "status.storage.replication.factor=1", "offset.storage.partitions=5", "status.storage.partitions=2",
            "offset.flush.interval.ms=1000", "session.timeout.ms=6000", "heartbeat.interval.ms=1000",
            "scheduled.rebalance.max.delay.ms=1000", "plugin.discovery=service_load", ""]))
        self.command = ["java", "-Xmx256m", "-cp", f"{cache() / 'connect' / 'jars'}/*",
                        "org.apache.kafka.connect.cli.ConnectDistributed", str(config)]
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ask(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         data=json.dumps(body).encode() if body else None,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read() or "null")
        except (urllib.error.URLError, OSError):
            return None  # not up yet, or rebalancing

    def running(self):
        """Names of connectors whose tasks all run."""
        all_of = self.ask("/connectors?expand=status") or {}
        return {name for name, told in all_of.items()
                if told["status"]["tasks"] and all(task["state"] == "RUNNING" for task in told["status"]["tasks"])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imago", type=pathlib.Path)
    parser.add_argument("--kafka", action="store_true", help="prove the test: a real broker")
    args = parser.parse_args()
    if not (cache() / "connect" / "jars").exists():
        print("connect: the workers are not installed: tests/e2e/setup connect")
        raise SystemExit(1 if os.environ.get("CI") == "true" else 77)
    server = servers.kafka() if args.kafka else servers.imago(args.imago)
    folder = server.folder
    source, sink = folder / "source.txt", folder / "sink.txt"
    lines = []

    def feed(count):
        with open(source, "a", encoding="utf-8") as out:
            for _ in range(count):
                lines.append(f"line {len(lines)}")
                out.write(lines[-1] + "\n")

    def arrived():
        """Each line at least once, first appearances in order."""
        if not sink.exists():
            return False
        seen = list(dict.fromkeys(sink.read_text(encoding="utf-8").splitlines()))
        if seen != lines[:len(seen)]:
            raise SystemExit(f"connect: lines out of order or made up: {seen[:5]} ...")
        return seen == lines

    workers = [Worker(number, server, folder).start() for number in (1, 2)]
    passed = False
    try:
        wait_for("two workers answer", lambda: all(worker.ask("/connectors") is not None for worker in workers))
        feed(100)
        for name, kind, more in (("source", "Source", {"topic": "lines", "file": str(source)}),
                                 ("sink", "Sink", {"topics": "lines", "file": str(sink)})):
            config = {"name": name, "config": {"connector.class": f"org.apache.kafka.connect.file.FileStream{kind}Connector",
                                               "tasks.max": "1", **more}}
            wait_for(f"connector {name} is taken", lambda: workers[0].ask("/connectors", config))
        wait_for("both connectors run", lambda: workers[1].running() == {"source", "sink"})
        wait_for("100 lines", arrived)
        print("connect: two workers share source and sink, 100 lines through", flush=True)

        workers[0].kill()
        feed(100)
        wait_for("the other worker takes over", lambda: workers[1].running() == {"source", "sink"} and arrived())
        print("connect: a worker was killed, the other has taken over", flush=True)

        server.kill()
        feed(50)
        time.sleep(2)
        server.restart()
        feed(50)
        wait_for("lines after the server was killed", arrived)
        print("connect: the server was killed and came back, all lines are through", flush=True)

        workers[0].start()
        wait_for("a worker joins again", lambda: workers[0].running() == {"source", "sink"})
        feed(50)
        wait_for("lines after that", arrived)
        passed = True
        print(f"connect: passed, {len(lines)} lines")
    finally:
        for worker in workers:
            worker.kill()
        if not passed:
            for worker in workers:
                print(f"--- {worker.log}\n{worker.log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
        server.stop(keep=not passed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
