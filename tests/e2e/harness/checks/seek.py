"""Every client starts at offsets, also inside a batch, and at times; outside the log it is told so."""
from harness.records import difference, in_order

PARTITION = 1
OUT_OF_RANGE = {1, -140}    # Kafka's error, and librdkafka's own when it may not reset by itself


def read_from(client, w, begin, first):
    want = [r for r in in_order(w.records) if r["p"] == PARTITION and r["o"] >= first]
    got = client.consume(topic=w.topic, partitions=[PARTITION], begin=begin, count=len(want))
    return difference(want, in_order(got), client.headers)


def out_of_range(client, topic, offset):
    try:
        got = client.consume(topic=topic, partitions=[PARTITION], begin={"offset": offset}, count=1, timeout_s=8)
    except Exception as error:
        code = getattr(error, "code", None)
        told = code in OUT_OF_RANGE or "OutOfRange" in str(error)
        return None if told else f"expected 'offset out of range', got {error}"
    return f"expected 'offset out of range', got {len(got)} records"


def check(stage, client, w):
    times = [r["ts"] for r in in_order(w.records) if r["p"] == PARTITION]
    last = len(times) - 1
    for offset in (1, 9, last):
        stage.report.attempt(f"{client.name} starts at offset {offset} of what {w.writer.name} wrote with {w.codec}",
                             lambda: read_from(client, w, {"offset": offset}, offset))
    for label, time_ms, first in (("before all", times[0] - 5000, 0), ("of a record", times[7], 7),
                                  ("between two records", times[13] - 400, 13), ("of the last record", times[last], last)):
        stage.report.attempt(f"{client.name} starts at the time {label} of what {w.writer.name} wrote with {w.codec}",
                             lambda: read_from(client, w, {"time": time_ms}, first))


def run(stage, written):
    stage.report.chapter("seek")
    timed = [w for w in written if w.writer.explicit_time and w.codec in ("none", "zstd")]
    # What it wrote itself and what Java did: that all can read each other was seen when they exchanged.
    stage.each(lambda c: [check(stage, c, w) for w in timed if w.writer.name in (c.name, "java")])

    def beyond(client):
        if client.name not in ("kcat", "kafkajs", "platformatic"):      # these move to an end by themselves
            stage.report.attempt(f"{client.name} is told that an offset lies beyond the end",
                                 lambda: out_of_range(client, timed[0].topic, 100_000))
    if timed:
        stage.each(beyond)
