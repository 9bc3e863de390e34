"""What a server costs that has nothing to do."""
import re
import time

from rig import call, row

MIB = 1 << 20


def empty(rig, _):
    with rig.server() as server:
        server.start()
        server.stop()
        took = server.start()
        time.sleep(0.5)
        memory = server.memory()
        before = server.cpu()
        time.sleep(2)
        yield row("empty server: start until it answers", 1000 * took, "ms", 100, "less")
        yield row("empty server: memory", memory / MIB, "MiB", 32, "less", core_percent=100 * (server.cpu() - before) / 2)


def idle(rig, _):
    """10,000 connections, each with a fetch that waits on a queue of its own."""
    with rig.server("net.connections_max=12000", "net.connections_per_ip_max=12000") as server:
        server.start()
        rig.create(server, "idle", 10_000)
        out = call([rig.build / "idle", server.address, "idle", "--pid", server.pid, "--groups", 0, "--seconds", 5])
        found = re.search(r"waiting fetches +([0-9.]+) % of a core, +([0-9.]+) wake-ups a second, +([0-9.]+) MB", out)
        yield row("10,000 waiting fetches on 10,000 queues", float(found[1]), "% of a core", 0.5, "less",
                  wake_ups_a_second=float(found[2]), memory_mb=float(found[3]))
