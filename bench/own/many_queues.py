"""A hundred thousand queues, a million queues: speed, starts, memory."""
import re
import time

import limits
from rig import WINDOW, finished, row

GIB = 1 << 30
NO_CHECKPOINT = "data.checkpoint_interval=1TiB"
# A message in a batch is what many queues come to; few queues fill their batches. 256 messages a request in both.
FEW = {"records": 16, "batches": 16}
MANY = {"records": 1, "batches": 250}


def log_end(server):
    return int(re.findall(r"log end (\d+)", server.log())[-1])


def recovery_line(server):
    lines = [line for line in server.log().splitlines() if "log end" in line]
    return lines[-1].strip() if lines else ""


def speed(rig, number):
    """Each number of queues on a fresh server, in alternating order."""
    wanted = [(16, FEW), (20_000, MANY), (100_000, MANY)]
    found = {}
    for queues, shape in wanted if number % 2 == 0 else reversed(wanted):
        with rig.server() as server:
            server.start()
            found[queues] = rig.bench(server, "produce", queues=queues, message=1024, seconds=rig.seconds, window=WINDOW, **shape)
            found[queues]["memory"] = server.memory()
    base = found[16]["messages_per_second"]
    for queues, goal in ((20_000, None), (100_000, 0.7)):
        got = found[queues]
        yield row(f"{queues:,} queues: speed by that of 16", got["messages_per_second"] / base, "x", goal,
                  messages_per_second=got["messages_per_second"], with_16=base, cpu_s_per_million=got["server_cpu_seconds_per_million"],
                  cpu_s_per_million_with_16=found[16]["server_cpu_seconds_per_million"], memory_bytes=got["memory"])


def sustained(rig, _):
    """Long enough that every queue has filled blocks of its index: checkpoints and the writing of 100,000 queues' blocks are in it."""
    with rig.server() as server:
        server.start()
        rig.bench(server, "create", queues=100_000)
        producing = rig.started(server, "produce", queues=100_000, message=100, warm_up=0, seconds=8 * rig.seconds, **MANY)
        memory, waiting = [], []
        while producing.poll() is None:
            time.sleep(1)
            memory.append(round(server.memory() / GIB, 3))
            waiting.append(int(server.metrics()["imago_index_blocks_waiting"]))
        got = finished(producing)
        yield row("100,000 queues, 100 B, for long: messages", got["messages_per_second"], "msg/s", ack_us=got["times_us"],
                  cpu_s_per_million=got["server_cpu_seconds_per_million"])
        yield row("100,000 queues, 100 B, for long: most memory", max(memory), "GiB", better="less", each_second=memory,
                  index_blocks_waiting=waiting)


def restart(rig, _):
    """kill -9 with 4 GB of log past the last checkpoint, then the time until the first answer. The limit: reading that once."""
    # Frame headers and padding: what the log holds by what was written into it.
    for title, shape, overhead in (("1 message a batch", MANY, 1.20), ("16 messages a batch", {"records": 16, "batches": 64}, 1.03)):
        with rig.server(NO_CHECKPOINT) as server:
            server.start()
            filled = rig.bench(server, "fill", queues=100_000, message=1024, bytes=int(4e9 / overhead), **shape)
            server.kill()
            limit = limits.sequential_read(server.segments(), 8, 4 * GIB)
            took = server.start()
            memory = server.memory()
            log_bytes = log_end(server)
            yield row(f"100,000 queues, 4 GB past the checkpoint, {title}: start after kill -9", took, "s", 3, "less", limit=limit,
                      batches=filled["messages"] // shape["records"], log_bytes=log_bytes, megabytes_per_second=log_bytes / took / 1e6,
                      cpu_s=server.cpu(), said=recovery_line(server))
            yield row(f"100,000 queues, 4 GB past the checkpoint, {title}: memory then", memory / GIB, "GiB", 1, "less")


def million(rig, _):
    """99 topics of 10,000 queues and one whose 10,000 queues were made a hundred at a time between the others: its ids lie
    scattered. That one is written to."""
    with rig.server() as server:
        server.start()
        began = time.monotonic()
        rig.create(server, "active", 100)
        for i in range(99):
            rig.create(server, f"idle-{i}", 10_000)
            rig.alter(server, "active", 100 * (i + 2))
        made = time.monotonic() - began
        empty = server.memory()
        got = rig.bench(server, "produce", topic="active", queues=10_000, message=1024, seconds=rig.seconds, **MANY)
        loaded = server.memory()
        server.kill()
        killed = server.start()
        after = server.memory()
        stopped = server.stop()
        clean = server.start()
        yield row("1,000,000 queues, 1 % active: start after kill -9", killed, "s", 10, "less", clean_stop_s=stopped,
                  start_after_clean_stop_s=clean, said=recovery_line(server))
        yield row("1,000,000 queues, 1 % active: memory", max(loaded, after) / GIB, "GiB", 2, "less", before_load_gib=empty / GIB,
                  after_start_gib=after / GIB, after_clean_start_gib=server.memory() / GIB)
        yield row("1,000,000 queues, 1 % active: messages", got["messages_per_second"], "msg/s",
                  cpu_s_per_million=got["server_cpu_seconds_per_million"], ack_us=got["times_us"])
        yield row("1,000,000 queues: made in requests of 10,000", made, "s")
