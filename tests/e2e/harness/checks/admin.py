"""Topics made, described, altered, grown, trimmed and deleted by every client that can; errors as Kafka's."""
import concurrent.futures
import time

from harness.records import sample

UNKNOWN_TOPIC, ALREADY_EXISTS, INVALID_TOPIC, INVALID_PARTITIONS, INVALID_CONFIG, OUT_OF_RANGE = 3, 36, 17, 37, 40, 1
AT_ONCE = 4         # lives of topics at the same time: they mostly wait


def refused(code, call):
    try:
        call()
    except Exception as error:
        got = getattr(error, "code", None)
        return None if got == code else f"expected error {code}, got {got}: {error}"
    return f"expected error {code}, it was accepted"


def done(_):
    """For an operation that is right when it raises nothing."""
    return None


def same(what, want, got):
    return None if want == got else f"{what} is {got!r} instead of {want!r}"


def differing(want, configs):
    return next((p for p in (same(name, value, configs.get(name)) for name, value in want.items()) if p), None)


def eventually(check, seconds=6):
    """Kafka finishes some of these after it has answered."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            problem = check()
        except Exception as error:
            problem = str(error)
        if problem is None or time.monotonic() > deadline:
            return problem
        time.sleep(0.1)


class Admin:
    """The life of one topic in the hands of one client."""

    def __init__(self, stage, client):
        self.stage, self.client = stage, client
        self.topic = f"{stage.prefix}-admin-{client.name}"

    def attempt(self, what, check):
        return self.stage.report.attempt(f"{self.client.name} {what}", check)

    def partitions(self, want):
        return same("the number of partitions", want, self.client.describe_topic(topic=self.topic)["partitions"])

    def configs(self, want):
        return differing(want, self.client.describe_configs(topic=self.topic))

    def create(self, topic, partitions=2, configs=None):
        return self.client.create_topic(topic=topic, partitions=partitions, configs=configs or {})

    def life(self):
        if not self.attempt("creates a topic with configs", lambda: done(self.create(self.topic, 2, {
                "retention.ms": "3600000", "segment.bytes": "2097152", "min.compaction.lag.ms": "5"}))):
            return
        self.attempt("describes it", lambda: eventually(lambda: self.partitions(2)))
        self.attempt("reads its configs back, defaults among them", lambda: self.configs({
            "retention.ms": "3600000", "segment.bytes": "2097152", "min.compaction.lag.ms": "5",
            "cleanup.policy": "delete", "compression.type": "producer"}))
        self.alter()
        self.attempt("adds partitions", lambda: done(self.client.create_partitions(topic=self.topic, total=5)))
        self.attempt("sees them", lambda: eventually(lambda: self.partitions(5)))
        self.errors()
        self.offsets()
        self.end()

    def alter(self):
        # a client library that only knows AlterConfigs replaces the whole set with it
        if "replaces" in self.client.can:
            self.attempt("replaces the configs", lambda: done(self.client.replace_configs(
                topic=self.topic, configs={"retention.ms": "7200000"})))
            self.attempt("sees the new set only", lambda: eventually(lambda: self.configs({
                "retention.ms": "7200000", "min.compaction.lag.ms": "0"})))
            return
        self.attempt("alters configs incrementally", lambda: done(self.client.alter_configs(
            topic=self.topic, put={"retention.ms": "7200000", "max.message.bytes": "2000000"},
            drop=["min.compaction.lag.ms"])))
        self.attempt("sees what it altered and what it left", lambda: eventually(lambda: self.configs({
            "retention.ms": "7200000", "max.message.bytes": "2000000", "segment.bytes": "2097152",
            "min.compaction.lag.ms": "0"})))
        self.attempt("may not alter a config to nonsense", lambda: refused(INVALID_CONFIG, lambda: (
            self.client.alter_configs(topic=self.topic, put={"retention.ms": "soon"}, drop=[]))))

    def errors(self):
        other = self.topic + "-x"
        for what, code, call in (
                ("may not create a topic twice", ALREADY_EXISTS, lambda: self.create(self.topic)),
                ("may not create a topic with an illegal name", INVALID_TOPIC, lambda: self.create("no/slash")),
                ("may not create a topic with a nonsense value", INVALID_CONFIG,
                 lambda: self.create(other, 1, {"retention.ms": "soon"})),
                ("may not create a topic with a config that Kafka does not know", INVALID_CONFIG,
                 lambda: self.create(other, 1, {"no.such.config": "1"})),
                ("may not shrink a topic", INVALID_PARTITIONS,
                 lambda: self.client.create_partitions(topic=self.topic, total=3)),
                ("may not delete a topic that is not there", UNKNOWN_TOPIC,
                 lambda: self.client.delete_topic(topic=other))):
            self.attempt(what, lambda: refused(code, call))

    def offset(self, at, *allowed):
        got = self.client.list_offsets(topic=self.topic, partition=0, at=at)
        return None if got in allowed else f"the offset at {at} is {got} instead of {allowed[0]}"

    def offsets(self):
        base = int(time.time() * 1000) - 600_000
        records = [{**r, "h": []} for r in sample("admin", base) if r["p"] == 0][:12]
        if not self.attempt("writes to it", lambda: same(
                "the offsets", list(range(12)), self.client.produce(topic=self.topic, codec="none", records=records))):
            return
        self.attempt("finds the first offset", lambda: self.offset("earliest", 0))
        self.attempt("finds the end offset", lambda: self.offset("latest", 12))
        self.attempt("finds the offset of a time", lambda: self.offset(base + 5500, 6))
        self.attempt("finds no offset after the last time", lambda: self.offset(base + 60_000, -1, 12))
        if "max_timestamp" in self.client.can:
            self.attempt("finds the offset of the largest time", lambda: self.offset("max_timestamp", 11))
        self.attempt("deletes records", lambda: same("the low watermark", 5, self.client.delete_records(
            topic=self.topic, partition=0, before=5)))
        self.attempt("finds the first offset behind them", lambda: self.offset("earliest", 5))
        self.attempt("may not delete records beyond the end", lambda: refused(OUT_OF_RANGE, lambda: (
            self.client.delete_records(topic=self.topic, partition=0, before=1000))))
        for reader in self.stage.clients:
            self.attempt(f"deleted records: {reader.name} starts behind them", lambda: same(
                "the offsets", list(range(5, 12)), [r["o"] for r in reader.consume(
                    topic=self.topic, partitions=[0], begin="beginning", count=7)]))

    def end(self):
        def gone():
            return refused(UNKNOWN_TOPIC, lambda: self.client.describe_topic(topic=self.topic))

        self.attempt("deletes the topic", lambda: done(self.client.delete_topic(topic=self.topic)))
        if self.client.name != "aiokafka":      # its question creates the topic where the server may do that
            self.attempt("no longer finds it", lambda: eventually(gone))
        self.attempt("creates it again", lambda: eventually(lambda: done(self.create(self.topic, 1))))
        self.attempt("finds it empty", lambda: eventually(lambda: self.offset("latest", 0)))
        self.attempt("deletes it again", lambda: done(self.client.delete_topic(topic=self.topic)))


def look(stage, kcat):
    """What kcat can do here: it changes no topics, but lists them and their offsets."""
    topic = stage.topic("kcat-looks", 2)
    stage.report.attempt("kcat describes a topic", lambda: eventually(
        lambda: same("the number of partitions", 2, kcat.describe_topic(topic=topic)["partitions"])))
    for at in ("earliest", "latest"):
        stage.report.attempt(f"kcat finds the {at} offset",
                             lambda: same("the offset", 0, kcat.list_offsets(topic=topic, partition=0, at=at)))


def run(stage):
    stage.report.chapter("topics")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda client: Admin(stage, client).life(), stage.admins))
    for client in stage.clients:
        if client.name == "kcat":
            look(stage, client)
