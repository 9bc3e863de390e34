"""Every client writes with every codec it has; every client reads all of it: offsets, order, keys, headers, times."""
import time

from harness.records import PARTITIONS, difference, in_order, sample


def fitting(client, records):
    """The records as this client can write them; see docs/testing.md for what each cannot."""
    out = []
    for r in records:
        h = [[n, v] for n, v in r["h"]]
        k, v = r["k"], r["v"]
        if client.name in ("kafkajs", "kafka-python", "node-rdkafka"):     # they refuse a null header value
            h = [[n, b"" if v is None else v] for n, v in h]
        if client.name == "node-rdkafka":       # it writes empty keys and values as none
            k, v = k or None, v or None
        out.append({**r, "k": k, "v": v, "h": h, "ts": r["ts"] if client.explicit_time else None})
    return out


def expect_offsets(records, told):
    """Give each record its offset; what the client was told must be 0, 1, 2.. in each partition."""
    following = [0] * PARTITIONS
    for i, r in enumerate(records):
        r["o"] = following[r["p"]]
        following[r["p"]] += 1
        if told is not None and told[i] != r["o"]:
            return f"record {i} was acknowledged at partition {r['p']} offset {told[i]} instead of {r['o']}"
    return None


def settle_times(records, got, began, ended):
    """For a client that cannot set times: they must lie within the run, and from now on all readers must agree."""
    for want, seen in zip(in_order(records), got):
        if not began - 1000 <= seen["ts"] <= ended + 1000:
            return f"offset {seen['o']} has time {seen['ts']}, written between {began} and {ended}"
        want["ts"] = seen["ts"]
    return None


class Written:
    """One topic that one client wrote with one codec."""

    def __init__(self, writer, codec, topic, records, began):
        self.writer, self.codec, self.topic, self.records = writer, codec, topic, records
        self.began, self.ended = began, int(time.time() * 1000)


def write_all(stage, client, topics, base_ms):
    done = []
    for codec in client.codecs:
        records = fitting(client, sample(f"{client.name}/{codec}", base_ms))
        topic = topics[client.name, codec]
        began = int(time.time() * 1000)

        def write():
            told = client.produce(topic=topic, codec=codec, records=records)
            return expect_offsets(records, told)
        if stage.report.attempt(f"{client.name} writes {codec}", write):
            done.append(Written(client, codec, topic, records, began))
    return done


def cannot(client, w):
    """lz4js, through which kafkajs reads lz4, trips over the frames that cramjam makes for aiokafka."""
    return client.name == "kafkajs" and w.writer.name == "aiokafka" and w.codec == "lz4"


def read_all(stage, client, written):
    for w in [w for w in written if not cannot(client, w)]:
        def read():
            got = client.consume(topic=w.topic, partitions=list(range(PARTITIONS)), begin="beginning",
                                 count=len(w.records))
            got = in_order(got)
            if w.records and w.records[0]["ts"] is None:
                problem = settle_times(w.records, got, w.began, w.ended)
                if problem:
                    return problem
            return difference(in_order(w.records), got, client.headers)
        stage.report.attempt(f"{client.name} reads what {w.writer.name} wrote with {w.codec}", read)


def run(stage):
    stage.report.chapter("exchange")
    base_ms = int(time.time() * 1000) - 1_800_000
    topics = {(c.name, codec): stage.topic(f"{c.name}-{codec}", PARTITIONS) for c in stage.clients for codec in c.codecs}
    written = [w for group in stage.each(lambda c: write_all(stage, c, topics, base_ms)) for w in group]
    # Times that the writer could not set are settled by one reader before all the others compare with them.
    unsettled = [w for w in written if w.records[0]["ts"] is None]
    settled = [w for w in written if w.records[0]["ts"] is not None]
    read_all(stage, stage.clients[-1], unsettled)
    stage.each(lambda c: read_all(stage, c, settled + ([] if c is stage.clients[-1] else unsettled)))
    return written
