"""Reads topics from their first offset to their end with a plain consumer and holds them against what writers know."""
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from records import key_of, parse, value_of

PATIENCE_S = 60


def read(address, topics, partitions, take):
    """take(topic, partition, offset, key, value) for every record, in order; returns the end offset of each partition."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "kill9", "enable.auto.commit": False, "log_level": 0,
                         "auto.offset.reset": "error", "check.crcs": True, "fetch.wait.max.ms": 50})
    try:
        ends = {}
        for topic in topics:
            for partition in range(partitions):
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
                if low != 0:
                    raise ValueError(f"{topic}[{partition}] starts at offset {low} instead of 0")
                ends[topic, partition] = high
        left = {place for place, end in ends.items() if end > 0}
        consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in left])
        deadline = time.monotonic() + PATIENCE_S
        while left:
            for message in consumer.consume(5000, 0.2):
                if message.error():
                    raise KafkaException(message.error())
                take(message.topic(), message.partition(), message.offset(), message.key(), message.value())
                place = message.topic(), message.partition()
                if message.offset() + 1 >= ends[place]:
                    left.discard(place)
            if time.monotonic() > deadline:
                raise ValueError(f"nothing more came within {PATIENCE_S} s from {sorted(left)}")
        return ends
    finally:
        consumer.close()


class Judge:
    """Collects what is wrong with the records of some writers, the first finding of each kind."""

    def __init__(self, writers):
        self._writers = {w.name: w for w in writers}
        self._at = {}          # (writer, number) -> place, the first one
        self._who = {}         # place -> (writer, number)
        self._next = {}        # (topic, partition) -> offset
        self._last = {}        # (topic, partition, writer) -> number
        self.findings = {}     # kind -> (count, first)

    def _wrong(self, kind, what):
        count, first = self.findings.get(kind, (0, what))
        self.findings[kind] = (count + 1, first)

    def take(self, topic, partition, offset, key, value):
        place = (topic, partition, offset)
        expected = self._next.get((topic, partition), 0)
        self._next[topic, partition] = offset + 1
        if offset != expected:
            self._wrong("hole or repeat in the offsets", f"{topic}[{partition}]: {offset} follows {expected - 1}")
        who = parse(value)
        writer = self._writers.get(who[0]) if who else None
        if writer is None or who[1] >= writer.sent or value != value_of(*who) or key != key_of(who[1]):
            self._wrong("never sent", f"{place}: {value[:40]!r}")
            return
        self._who[place] = who
        if who in self._at and writer.idempotent:
            self._wrong("twice", f"{who} at {self._at[who]} and {place}")
            return
        self._at.setdefault(who, place)
        if not writer.idempotent:
            return
        if who[1] <= self._last.get((topic, partition, who[0]), -1):
            self._wrong("out of order", f"{who} at {place} behind {self._last[topic, partition, who[0]]}")
        self._last[topic, partition, who[0]] = who[1]

    def close(self):
        """Everything was read. None, or what is wrong."""
        for writer in self._writers.values():
            for place, number in writer.places.items():
                who = (writer.name, number)
                if who not in self._at:
                    self._wrong("acknowledged and lost", f"{writer.name.decode()} {number}, acknowledged at {place}")
                elif self._who.get(place) != who:
                    self._wrong("not where it was acknowledged", f"{who} at {self._at[who]} instead of {place}")
        return "; ".join(f"{count} {kind}, the first: {first}" for kind, (count, first) in self.findings.items()) or None


def judge(address, topics, partitions, writers):
    """None, or what is wrong with the topics that exactly these writers wrote."""
    judging = Judge(writers)
    try:
        read(address, topics, partitions, judging.take)
    except (KafkaException, ValueError) as error:
        return f"not all could be read: {error}; so far: {judging.findings or 'nothing wrong'}"
    return judging.close()
