"""The servers that are one program and start at once."""
import shutil

from installed import CACHE
from process import Missing, Server


def started(server, command):
    try:
        return server.start(command, 20)
    except BaseException:
        server.forget()
        raise


class Imago:
    name, protocol, durable, warm_up = "imago", "kafka", True, 1.0
    settings = ("defaults; every acknowledgement is on the disk. Where what is in memory is read: cache_size 1 GiB, the others have the "
                "whole page cache")

    def __init__(self, build):
        self.build = build.resolve()

    def start(self, cage=None, reading=False):
        server = Server(self.name, cage)
        more = ["--set", "data.cache_size=1GiB"] if reading else []
        return started(server, [self.build / "imago", "serve", "--data-dir", server.folder / "data", "--kafka", server.address, *more])


class Nats:
    protocol, warm_up = "nats", 1.0
    program = CACHE / "compare" / "bin" / "nats-server"

    def __init__(self, always):
        self.name = "nats-always" if always else "nats-default"
        self.durable = always
        self.settings = ("NATS JetStream 2.15.2, one stream on files whose subjects are the queues, sync_interval " +
                         ("always" if always else "2m (its default)") + "; batched: 16 connections, messages published "
                         "asynchronously" + (" in atomic batches of 100" if always else ""))

    def start(self, cage=None, reading=False):
        if not self.program.exists():
            raise Missing("bench/compare/setup builds NATS (needs Go)")
        server = Server(self.name, cage)
        config = server.folder / "nats.conf"
        sync = "sync_interval: always, " if self.durable else ""
        config.write_text(f'listen: "{server.address}"\nmax_payload: 8MB\njetstream: {{store_dir: "{server.folder / "data"}", {sync}'
                          "max_memory_store: 1GB, max_file_store: 200GB}\n")
        return started(server, [self.program, "-c", config])


class Redis:
    protocol, warm_up = "redis", 0.7

    def __init__(self, always):
        self.name = "redis-always" if always else "redis-everysec"
        self.durable = always
        self.settings = ("Redis 7.0 streams, appendonly yes, appendfsync " + ("always" if always else "everysec") +
                         ", no automatic rewrite, no snapshots; everything stays in its memory; batched: 16 connections, 64 "
                         "commands pipelined on each; started anew for each cell")

    def start(self, cage=None, reading=False):
        if shutil.which("redis-server") is None:
            raise Missing("apt-get install redis-server")
        server = Server(self.name, cage)
        return started(server, ["redis-server", "--bind", "127.0.0.1", "--port", server.port, "--dir", server.folder,
                                "--appendonly", "yes", "--appendfsync", "always" if self.durable else "everysec", "--save", "",
                                "--auto-aof-rewrite-percentage", "0", "--daemonize", "no"])
