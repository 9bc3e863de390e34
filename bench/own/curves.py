"""Whether cost is flat: processor time a message and memory against the number of queues, groups and connections.

The load is the same at every point of a line, at a fixed rate below what any of them can take, so that groups are alike."""
import socket

from rig import call, curve, row

LOAD = {"message": 1024, "records": 1, "batches": 16, "rate": 50_000}
MANY = ("net.connections_max=12000", "net.connections_per_ip_max=12000")


def point(rig, server, topic, queues):
    got = rig.bench(server, "produce", topic=topic, queues=queues, seconds=rig.seconds, **LOAD)
    return got["server_cpu_seconds_per_million"], server.memory() / (1 << 20), got["times_us"]["p99"]


def points(name, x_name, x, found):
    cpu, memory, p99 = found
    yield curve(f"{name}: server CPU s a million messages", x_name, "CPU", x, cpu)
    yield curve(f"{name}: memory, MiB", x_name, "memory", x, memory)
    yield curve(f"{name}: acknowledgement p99, us", x_name, "p99", x, p99)


def flatness(name, low, high):
    return row(f"{name}: CPU a message, most by fewest", high[0] / low[0], "x", None, "less", cpu_s_per_million=[low[0], high[0]],
               memory_mib=[low[1], high[1]], ack_p99_us=[low[2], high[2]])


def queues(rig, _):
    found = {}
    for count in (16, 100, 1000, 10_000, 100_000):
        with rig.server() as server:
            server.start()
            found[count] = point(rig, server, "load", count)
            yield from points("queues", "queues", count, found[count])
    yield flatness("16 to 100,000 queues", found[16], found[100_000])


def connections(rig, _):
    """Idle connections beside an active load; and the same load spread over more connections."""
    found = {}
    for count in (0, 100, 1000, 5000):
        with rig.server(*MANY) as server:
            server.start()
            held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(count)]
            found[count] = point(rig, server, "load", 16)
            for each in held:
                each.close()
            yield from points("idle connections", "connections", max(count, 1), found[count])
    yield flatness("0 to 5,000 idle connections", found[0], found[5000])
    for count in (1, 10, 100, 1000, 5000):
        with rig.server(*MANY) as server:
            server.start()
            got = rig.bench(server, "produce", queues=16, seconds=rig.seconds, connections=count, **LOAD)
            found[count] = got["server_cpu_seconds_per_million"], server.memory() / (1 << 20), got["times_us"]["p99"]
            yield from points("active connections", "connections", count, found[count])
    yield flatness("1 to 5,000 active connections", found[1], found[5000])


def groups(rig, _):
    """Groups with a member and a committed offset, beside an active load."""
    found = {}
    for count in (1, 100, 1000, 5000):
        with rig.server(*MANY) as server:
            server.start()
            rig.create(server, "idle-one", 1)
            # Their members stay for the session timeout of 45 s, without another heartbeat.
            call([rig.build / "idle", server.address, "idle", "--pid", server.pid, "--fetches", 0, "--groups", count, "--seconds", 0.1])
            found[count] = point(rig, server, "load", 16)
            yield from points("groups", "groups", count, found[count])
    yield flatness("1 to 5,000 groups", found[1], found[5000])
