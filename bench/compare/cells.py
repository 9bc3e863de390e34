"""What is measured. A cell is one load on one server; `better` says of which figure more (or less) is better.

Goals are ratios: imago's figure by the peer's. `at_least` for figures of which more is better, `at_most` for the others."""

PRODUCE = "messages_per_second"


def cell(name, title, load, figure=PRODUCE, better="more", goals=None, cpu_goals=None, peers=None, unit="msg/s"):
    return {"name": name, "title": title, "load": load, "figure": figure, "better": better, "goals": goals or {},
            "cpu_goals": cpu_goals or {}, "peers": peers, "unit": unit}


KAFKAS = ("imago", "kafka-cache", "kafka-flushed")

CELLS = [
    cell("foreign-1k-16", "1 KiB, 16 queues, saturated, franz-go", ["franz", "produce", "--message", 1024, "--queues", 16],
         goals={"kafka-cache": 1.6, "kafka-flushed": 3}, cpu_goals={"kafka-cache": 1 / 5}, peers=KAFKAS),
    cell("foreign-100-16", "100 B, 16 queues, saturated, franz-go", ["franz", "produce", "--message", 100, "--queues", 16],
         goals={"kafka-cache": 1.1, "kafka-flushed": 3}, cpu_goals={"kafka-cache": 1 / 4}, peers=KAFKAS),
    cell("1k-16", "1 KiB, 16 queues, saturated", ["bench", "produce", "--message", 1024, "--records", 16, "--batches", 16,
                                                  "--queues", 16], peers=KAFKAS),
    cell("1k-1000", "1 KiB, 1,000 queues", ["bench", "produce", "--message", 1024, "--records", 1, "--batches", 250,
                                            "--queues", 1000],
         goals={"kafka-cache": 4, "kafka-flushed": 35}, peers=KAFKAS),
    cell("1k-10000", "1 KiB, 10,000 queues", ["bench", "produce", "--message", 1024, "--records", 1, "--batches", 250,
                                              "--queues", 10000],
         goals={"kafka-cache": 7, "kafka-flushed": 60}, peers=KAFKAS),
    cell("100-64-waiting", "100 B, 64 producers that each wait",
         ["bench", "produce", "--message", 100, "--records", 1, "--batches", 1, "--queues", 16, "--connections", 64,
          "--window", 1],
         goals={"kafka-cache": 2.5, "kafka-flushed": 6, "redis-always": 1}, peers=(*KAFKAS, "redis-always", "redis-everysec")),
    cell("100-1-waiting", "100 B, 1 producer that waits",
         ["bench", "produce", "--message", 100, "--records", 1, "--batches", 1, "--queues", 16, "--window", 1],
         goals={"kafka-cache": 0.9, "kafka-flushed": 3}, peers=(*KAFKAS, "redis-always", "redis-everysec")),
    cell("rate-20k", "20,000 msg/s of 1 KiB: acknowledgement p99.9",
         ["bench", "produce", "--message", 1024, "--records", 5, "--batches", 16, "--queues", 16, "--rate", 20000],
         figure="p99.9", better="less", goals={"kafka-cache": 1 / 5, "kafka-flushed": 1 / 25}, peers=KAFKAS, unit="us"),
    cell("end-to-end-5k", "end to end at 5,000 msg/s: p99.9",
         ["bench", "end-to-end", "--message", 1024, "--records", 1, "--batches", 16, "--queues", 16, "--rate", 5000],
         figure="p99.9", better="less", goals={"kafka-cache": 1 / 5, "kafka-flushed": 1 / 40}, peers=KAFKAS, unit="us"),
    cell("create-10000", "creating 10,000 queues until all answer", ["bench", "create", "--queues", 10000],
         figure="seconds", better="less", goals={"kafka-cache": 1 / 40}, peers=("imago", "kafka-cache"), unit="s"),
    cell("consume-16", "consuming what is in memory, 1 KiB, 16 queues", ["bench", "consume", "--queues", 16],
         goals={"kafka-cache": 1}, cpu_goals={"kafka-cache": 1 / 2}, peers=("imago", "kafka-cache")),
    cell("foreign-consume-16", "the same with franz-go", ["franz", "consume", "--queues", 16],
         goals={"kafka-cache": 1}, cpu_goals={"kafka-cache": 1 / 2}, peers=("imago", "kafka-cache")),
    cell("consume-10000", "consuming what is in memory, 10,000 queues", ["bench", "consume", "--queues", 10000],
         goals={"kafka-cache": 3}, peers=("imago", "kafka-cache")),
]
