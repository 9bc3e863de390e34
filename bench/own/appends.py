"""Durable appends against what the disk itself makes durable, in groups of the same size."""
import json
import shutil
import tempfile

import limits
from rig import WINDOW, call, row

GROUPS = ((256 << 10, "256 KiB"), (1 << 20, "1 MiB"))


def in_process(rig, _):
    folder = tempfile.mkdtemp(prefix="imago-own-", dir=rig.parent)
    try:
        for group, title in GROUPS:
            got = json.loads(call([rig.build / "append", folder, "--group", group, "--rounds", 3, "--json"]))
            yield row(f"appends in process, groups of {title}: share of the disk's durable limit", got["ratio"], "x", 0.8,
                      limit=got["limit_mb_s"], megabytes_per_second=got["mb_s"], rounds=[got["ratio_min"], got["ratio_max"]])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def over_loopback(rig, _):
    """Limit, server, limit: the limit is that of the groups that the server wrote. New segments have to be filled with zeros
    meanwhile; under retention they are recycled."""
    for title, settings, first in (("a new log", (), 0), ("segments recycled", ("retention.size=32MiB",), 4 << 30)):
        with rig.server(*settings) as server:
            server.start()
            shape = {"queues": 16, "message": 1024, "records": 16, "batches": 16}
            if first:
                rig.bench(server, "fill", bytes=first, **shape)
            before = [limits.durable_writes(rig, server.folder, depth) for depth in (1, limits.DEPTH)]
            start = server.metrics()
            got = rig.bench(server, "produce", seconds=rig.seconds, window=WINDOW, **shape)
            end = server.metrics()
            after = [limits.durable_writes(rig, server.folder, depth) for depth in (1, limits.DEPTH)]
            grown = {name: end[name] - start[name] for name in ("imago_log_end_position", "imago_log_flush_seconds_count")}
            group = grown["imago_log_end_position"] / max(1, grown["imago_log_flush_seconds_count"])
            alone, limit = (sum(limits.durable_write(sizes, group) for sizes in both) / 2 for both in zip(before, after))
            yield row(f"over loopback, 1 KiB, 16 queues, {title}: share of the disk's durable limit", got["megabytes_per_second"] / limit,
                      "x", 0.5, limit=limit, limit_one_at_a_time=alone, megabytes_per_second=got["megabytes_per_second"], group_bytes=group,
                      cpu_s_per_million=got["server_cpu_seconds_per_million"], ack_us=got["times_us"])
