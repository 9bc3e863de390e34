"""What is measured. A cell is one load on one server; `better` says of which figure more (or less) is better.

Goals are ratios: imago's figure by the peer's. `at_least` for figures of which more is better, `at_most` for the others.
Cells of one group share the life of a server, each on a topic of its own. `rounds` is how often at most, for what takes long."""

PRODUCE = "messages_per_second"
ALL = ("imago", "kafka-cache", "kafka-flushed", "rocketmq-sync", "rocketmq-async", "nats-always", "nats-default", "redis-always",
       "redis-everysec")
KAFKAS = ("imago", "kafka-cache", "kafka-flushed")
# How a server flushes does not matter to what is read from memory.
READERS = ("imago", "kafka-cache", "rocketmq-async", "nats-default", "redis-everysec")
GROUPS = {"few": "up to 1,000 queues, saturated", "wait": "producers that wait, fixed rates", "read": "consuming",
          "many": "10,000 queues", "life": "start, memory, a backlog"}


def cell(name, group, title, do, *, figure=PRODUCE, better="more", goals=None, cpu_goals=None, peers=ALL, unit="msg/s",
         rounds=None, longer=1, beyond_device_us=None, of_own=None, like=None, limit=None, **load):
    """`like`: peer -> the cell whose figure it lends, where a peer has no client of this cell's kind. `of_own`: another cell and
    the share of imago's figure there that is wanted here. `limit`: what bounds it at best, the disk or loopback."""
    return {"name": name, "group": group, "title": title, "figure": figure, "better": better, "goals": goals or {},
            "cpu_goals": cpu_goals or {}, "peers": peers, "unit": unit, "rounds": rounds, "longer": longer, "like": like or {}, "of_own": of_own,
            "beyond_device_us": beyond_device_us, "limit": limit,
            "load": {"do": do, "message": 1024, "queues": 16, "style": "batched", **load}}


def like(name):
    return {peer: name for peer in ALL if peer not in KAFKAS}


CELLS = [
    cell("1k-16", "few", "1 KiB, 16 queues, saturated, batched; each server's own or our load", "produce", limit="disk"),
    cell("foreign-1k-16", "few", "1 KiB, 16 queues, saturated; Kafka client that is not ours (franz-go)", "produce", client="franz",
         goals={"kafka-cache": 1.6, "kafka-flushed": 3, "rocketmq-sync": 2}, cpu_goals={"kafka-cache": 1 / 5}, like=like("1k-16"),
         limit="disk"),
    cell("100-16", "few", "100 B, 16 queues, saturated, batched; each server's own or our load", "produce", message=100,
         limit="disk"),
    cell("foreign-100-16", "few", "100 B, 16 queues, saturated; franz-go", "produce", message=100, client="franz",
         goals={"kafka-cache": 1.1, "kafka-flushed": 3}, cpu_goals={"kafka-cache": 1 / 4}, like=like("100-16"), limit="disk"),
    cell("10k-16", "few", "10 KiB, 16 queues, saturated, batched", "produce", message=10240, limit="disk"),
    cell("1k-1", "few", "1 KiB, 1 queue, saturated", "produce", queues=1, limit="disk"),
    cell("1k-100", "few", "1 KiB, 100 queues, saturated", "produce", queues=100, limit="disk"),
    cell("1k-1000", "few", "1 KiB, 1,000 queues, saturated", "produce", queues=1000,
         goals={"kafka-cache": 4, "kafka-flushed": 35}, limit="disk"),
    cell("zipf-1000", "few", "1 KiB, 1,000 queues by Zipf (1.0)", "produce", queues=1000, zipf=1.0, limit="disk"),
    cell("single-1k-16", "few", "1 KiB, 16 queues, no batches, 1,000 requests in flight", "produce", style="single", limit="disk"),
    cell("100-64-waiting", "wait", "100 B, 64 producers that each wait", "produce", message=100, style="waiting", producers=64,
         goals={"kafka-cache": 2.5, "kafka-flushed": 6, "redis-always": 1}),
    cell("100-16-waiting", "wait", "100 B, 16 producers that each wait", "produce", message=100, style="waiting", producers=16),
    cell("100-1-waiting", "wait", "100 B, 1 producer that waits", "produce", message=100, style="waiting", producers=1,
         goals={"kafka-cache": 0.9, "kafka-flushed": 3}, beyond_device_us=60),
    cell("rate-20k", "wait", "20,000 msg/s of 1 KiB, 16 at a time: acknowledgement p99.9", "produce", style="rate", rate=20000,
         together=16, figure="p99.9", better="less", unit="us", longer=4,
         goals={"kafka-cache": 1 / 5, "kafka-flushed": 1 / 25, "rocketmq-sync": 1, "rocketmq-async": 1}),
    cell("end-to-end-5k", "wait", "end to end at 5,000 msg/s of 1 KiB, 16 at a time: p99.9", "end-to-end", style="rate", rate=5000,
         together=16, figure="p99.9", better="less", unit="us", longer=4,
         goals={"kafka-cache": 1 / 5, "kafka-flushed": 1 / 40, "rocketmq-sync": 1 / 2}),
    cell("consume-16", "read", "consuming what is in memory, 1 KiB, 16 queues", "consume", peers=READERS, limit="loopback"),
    cell("foreign-consume-16", "read", "the same with franz-go", "consume", client="franz", goals={"kafka-cache": 1},
         cpu_goals={"kafka-cache": 1 / 2}, peers=("imago", "kafka-cache"), limit="loopback"),
    cell("fan-out-3", "read", "3 consumers that each read all of it", "consume", fan_out=3, peers=READERS, limit="loopback"),
    cell("fan-out-10", "read", "10 consumers that each read all of it", "consume", fan_out=10, peers=READERS, limit="loopback"),
    cell("create-10000", "many", "creating 10,000 queues until all answer", "create", queues=10000, figure="seconds", better="less",
         goals={"kafka-cache": 1 / 40}, peers=("imago", "kafka-cache", "kafka-flushed", "rocketmq-sync", "rocketmq-async"), unit="s"),
    cell("1k-10000", "many", "1 KiB, 10,000 queues, saturated", "produce", queues=10000,
         goals={"kafka-cache": 7, "kafka-flushed": 60, "rocketmq-sync": 4}, of_own=("1k-16", 0.9), limit="disk"),
    cell("consume-10000", "many", "consuming what is in memory, 10,000 queues", "consume", queues=10000,
         goals={"kafka-cache": 3}, peers=READERS, limit="loopback"),
    cell("idle", "life", "memory of an empty server", "idle", figure="resident_mib", better="less", unit="MiB", rounds=2),
    cell("restart-1000", "life", "kill -9 with 512 MiB in 1,000 queues: until all of it is there again", "restart", queues=1000,
         figure="seconds", better="less", unit="s", peers=READERS, rounds=2),
    cell("catch-up", "life", "backlog of 4 GiB in 16 queues, server with 2 GiB of memory, page cache included: catching up",
         "catch-up", peers=READERS, rounds=2),
]

SWEEP = ["1k-1", "1k-16", "1k-100", "1k-1000", "1k-10000"]


def goal_peers(each):
    """Those that a cell's goals speak of; the figures of others are for the whole comparison."""
    return ["imago", *(peer for peer in each["peers"] if peer in each["goals"] or peer in each["cpu_goals"])]


def has_goal(each, peer):
    """Whether a goal, of this cell or of one that borrows its figure, needs this peer's figure here."""
    for other in CELLS:
        if not other["goals"] and not other["cpu_goals"]:
            continue
        if other["name"] == each["name"] and peer in goal_peers(other):
            return True
        if other["like"].get(peer) == each["name"] and peer in other["goals"]:
            return True
        if peer == "imago" and other["of_own"] and other["of_own"][0] == each["name"]:
            return True
    return False
