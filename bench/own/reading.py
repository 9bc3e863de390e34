"""Consumers: live ones from memory, others from the disk."""
import limits
from rig import finished, row

DEEP = {"queues": 1, "records": 16, "batches": 1}


def in_memory(rig, _):
    """What the cache holds, read by one consumer and by ten, against one TCP connection that copies bytes."""
    with rig.server("data.cache_size=2GiB") as server:
        server.start()
        rig.bench(server, "fill", queues=16, message=1024, records=16, batches=16, bytes=1 << 30)
        copy = limits.tcp_copy()
        for fan_out in (1, 3, 10):
            got = rig.bench(server, "consume", queues=16, fan_out=fan_out)
            yield row(f"consuming from memory, fan-out {fan_out}: share of a TCP copy", got["megabytes_per_second"] / copy, "x",
                      0.6 if fan_out == 1 else None, limit=copy, megabytes_per_second=got["megabytes_per_second"],
                      cpu_s_per_million=got["server_cpu_seconds_per_million"])


def live(rig, _):
    """Producers at a fixed rate, every message to each of the consumers as it comes. All bytes on loopback count."""
    copy = limits.tcp_copy()
    for fan_out, rate in ((1, 400_000), (3, 250_000), (10, 120_000)):
        with rig.server() as server:
            server.start()
            got = rig.bench(server, "end-to-end", queues=16, message=1024, records=16, batches=16, rate=rate, fan_out=fan_out,
                            seconds=rig.seconds)
            moved = got["megabytes_per_second"] * (1 + 1 / fan_out)
            yield row(f"live, fan-out {fan_out}: share of a TCP copy", moved / copy, "x", None, limit=copy,
                      consumed_mb_s=got["megabytes_per_second"], asked=rate * fan_out, got=got["messages_per_second"],
                      end_to_end_us=got["times_us"], cpu_s_per_million=got["server_cpu_seconds_per_million"])


def backlog(rig, _):
    """A backlog of 4 GiB in one queue, a cache of 64 MiB: nothing of it is in memory, and O_DIRECT leaves none to the kernel."""
    with rig.server("data.cache_size=64MiB") as server:
        server.start()
        rig.bench(server, "fill", topic="deep", message=1024, bytes=4 << 30, **DEEP)
        shape = {"topic": "live", "queues": 16, "message": 1024, "records": 5, "batches": 16, "rate": 20_000}
        # Before and after: what the machine gives drifts.
        slow, deep = limits.sequential_read(server.segments(), 1), limits.sequential_read(server.segments(), 4)
        got = rig.bench(server, "consume", topic="deep", queues=1)
        slow, deep = max(slow, limits.sequential_read(server.segments(), 1)), max(deep, limits.sequential_read(server.segments(), 4))
        alone = rig.bench(server, "produce", seconds=rig.seconds, **shape)
        producing = rig.started(server, "produce", seconds=rig.seconds, warm_up=0.3, **shape)
        meanwhile = []
        while producing.poll() is None:
            meanwhile.append(rig.bench(server, "consume", topic="deep", queues=1)["megabytes_per_second"])
        beside = finished(producing)
        yield row("backlog larger than memory, one queue: share of sequential read", got["megabytes_per_second"] / slow, "x", 0.7,
                  limit=slow, megabytes_per_second=got["megabytes_per_second"], share_of_four_at_a_time=got["megabytes_per_second"] / deep,
                  four_at_a_time=deep, cpu_s_per_million=got["server_cpu_seconds_per_million"])
        yield row("producers meanwhile: ack p99 by that without", beside["times_us"]["p99"] / alone["times_us"]["p99"], "x", 1.5, "less",
                  alone_us=alone["times_us"], meanwhile_us=beside["times_us"], catch_up_mb_s=meanwhile)


def cold_one(rig, _):
    """One queue among 10,000 that were written in turn: its batches lie one to ten megabytes of log."""
    for title, shape in (("1 KiB", {"records": 1}), ("16 KiB", {"records": 16})):
        with rig.server("data.cache_size=64MiB") as server:
            server.start()
            rig.bench(server, "fill", queues=10_000, message=1024, batches=250, bytes=4 << 30, **shape)
            limit = limits.sequential_read(server.segments(), 1)
            before = server.read_bytes()
            got = rig.bench(server, "consume", queues=1)
            amplification = (server.read_bytes() - before) / got["bytes"]
            yield row(f"one cold queue of 10,000, batches of {title}: share of sequential read", got["megabytes_per_second"] / limit, "x",
                      limit=limit, megabytes_per_second=got["megabytes_per_second"], bytes_returned=got["bytes"],
                      batches=got["messages"] // shape["records"], seconds=got["seconds"])
            yield row(f"one cold queue of 10,000, batches of {title}: bytes read a byte returned", amplification, "x", better="less")
            before = server.read_bytes()
            got = rig.bench(server, "consume", queues=10_000, seconds=60)
            yield row(f"all 10,000 cold queues at once, batches of {title}: share of sequential read",
                      got["megabytes_per_second"] / limit, "x", limit=limit, megabytes_per_second=got["megabytes_per_second"],
                      bytes_read_a_byte=(server.read_bytes() - before) / got["bytes"])
