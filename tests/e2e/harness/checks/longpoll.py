"""A consumer that waits at the end of a queue has the next record at once, not when its wait is over."""
import concurrent.futures
import time

from harness.records import difference

WAIT_MS = 9000         # what the consumers tell the server that they would wait
BEFORE_S = 3.0         # they wait this long before the record is written
LATENCY_S = 1.5        # and must have it within this time of its acknowledgement; a client's shutdown is part of it


def wait_for_one(client, topic, want):
    got = client.consume(topic=topic, partitions=[0], begin={"offset": want["o"]}, count=1, max_wait_ms=WAIT_MS)
    return time.monotonic(), difference([want], got, client.headers)


def round_of(stage, producer, consumers, name):
    topic = stage.topic(name)
    now = int(time.time() * 1000)
    first = {"p": 0, "ts": now, "k": b"k", "v": b"before", "h": []}
    late = {"p": 0, "ts": None, "k": b"k", "v": b"awaited", "h": [], "o": 1}
    producer.produce(topic=topic, codec="none", records=[first])
    with concurrent.futures.ThreadPoolExecutor(len(consumers)) as pool:
        began = time.monotonic()
        waiting = {c.name: pool.submit(wait_for_one, c, topic, {**late, "ts": ...}) for c in consumers}
        time.sleep(BEFORE_S)
        producer.produce(topic=topic, codec="none", records=[{k: v for k, v in late.items() if k != "o"}])
        acknowledged = time.monotonic()
        for name, future in waiting.items():
            stage.report.attempt(f"{name} waits for a record and has it within {LATENCY_S} s",
                                 lambda: judge(future.result(), began, acknowledged))


def judge(result, began, acknowledged):
    at, problem = result
    if problem and "ts is" not in problem:
        return problem
    if at - began < BEFORE_S * 0.9:
        return f"it came back after {at - began:.2f} s, before the record was written"
    if at - acknowledged > LATENCY_S:
        return f"the record came {at - acknowledged:.2f} s after it was acknowledged (wait {WAIT_MS} ms)"
    return None


def run(stage):
    stage.report.chapter("long poll")
    round_of(stage, stage.clients[0], stage.clients[1:], "longpoll")
    if len(stage.clients) > 1:
        round_of(stage, stage.clients[1], stage.clients[:1], "longpoll-2")
