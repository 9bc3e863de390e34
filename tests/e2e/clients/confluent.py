#!/usr/bin/env python3
"""confluent-kafka: an idempotent producer, a consumer with assign, the admin client."""
import time

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka import admin as ck

import confluent_groups
from session import Failure, bootstrap, decode, encode, serve

BASE = {"bootstrap.servers": bootstrap(), "log_level": 0}
ADMIN = ck.AdminClient(BASE)
PRODUCERS = {}


def fail(error):
    raise Failure(error.str(), error.code())


def wait(futures):
    """The result of a map of futures that holds one."""
    try:
        return [future.result(20) for future in futures.values()][0]
    except KafkaException as error:
        fail(error.args[0])


def hello():
    return {"version": confluent_kafka.version(), "codecs": ["none", "gzip", "snappy", "lz4", "zstd"],
            "library": confluent_kafka.libversion()[0], "can": confluent_groups.CAN}


def producer(codec):
    if codec not in PRODUCERS:
        PRODUCERS[codec] = Producer({**BASE, "compression.type": codec, "enable.idempotence": True, "linger.ms": 20,
                                     "queue.buffering.max.messages": 200000, "message.timeout.ms": 20000})
    return PRODUCERS[codec]


def produce(topic, codec, records):
    offsets = [None] * len(records)
    errors = []

    def delivered(index):
        def done(error, message):
            if error:
                errors.append(error)
            else:
                offsets[index] = message.offset()
        return done

    p = producer(codec)
    for i, r in enumerate(records):
        extra = {"timestamp": r["ts"]} if r["ts"] is not None else {}
        p.produce(topic, decode(r["v"]), decode(r["k"]), r["p"], headers=[(n, decode(v)) for n, v in r["h"]],
                  on_delivery=delivered(i), **extra)
        p.poll(0)
    left = p.flush(30)
    if errors:
        fail(errors[0])
    if left:
        raise Failure(f"{left} records were not delivered in 30 s")
    return offsets


def start(consumer, topic, partitions, begin):
    if begin == "beginning":
        return [TopicPartition(topic, p, confluent_kafka.OFFSET_BEGINNING) for p in partitions]
    if "offset" in begin:
        return [TopicPartition(topic, p, begin["offset"]) for p in partitions]
    return consumer.offsets_for_times([TopicPartition(topic, p, begin["time"]) for p in partitions], 10)


def consume(topic, partitions, begin, count, max_wait_ms=500, timeout_s=20):
    consumer = Consumer({**BASE, "group.id": "unused", "enable.auto.commit": False, "auto.offset.reset": "error",
                         "fetch.wait.max.ms": max_wait_ms})
    got = []
    try:
        consumer.assign(start(consumer, topic, partitions, begin))
        deadline = time.monotonic() + timeout_s
        while len(got) < count and time.monotonic() < deadline:
            m = consumer.poll(max(0.0, deadline - time.monotonic()))
            if m is None:
                continue
            if m.error():
                fail(m.error())
            got.append({"p": m.partition(), "o": m.offset(), "ts": m.timestamp()[1], "k": encode(m.key()),
                        "v": encode(m.value()), "h": [[n, encode(v)] for n, v in m.headers() or []]})
    finally:
        consumer.close()
    return got


def topic_resource(topic):
    return ck.ConfigResource(ck.ConfigResource.Type.TOPIC, topic)


def create_topic(topic, partitions, configs):
    wait(ADMIN.create_topics([ck.NewTopic(topic, partitions, 1, config=configs)]))


def describe_topic(topic):
    found = wait(ADMIN.describe_topics(confluent_kafka.TopicCollection([topic])))
    return {"partitions": len(found.partitions)}


def describe_configs(topic):
    return {name: entry.value for name, entry in wait(ADMIN.describe_configs([topic_resource(topic)])).items()}


def alter_configs(topic, put, drop):
    resource = topic_resource(topic)
    for name, value in put.items():
        resource.add_incremental_config(ck.ConfigEntry(
            name, value, incremental_operation=ck.AlterConfigOpType.SET))
    for name in drop:
        resource.add_incremental_config(ck.ConfigEntry(
            name, None, incremental_operation=ck.AlterConfigOpType.DELETE))
    wait(ADMIN.incremental_alter_configs([resource]))


def create_partitions(topic, total):
    wait(ADMIN.create_partitions([ck.NewPartitions(topic, total)]))


def delete_records(topic, partition, before):
    return wait(ADMIN.delete_records([TopicPartition(topic, partition, before)])).low_watermark


def delete_topic(topic):
    wait(ADMIN.delete_topics([topic]))


def list_offsets(topic, partition, at):
    specs = {"earliest": ck.OffsetSpec.earliest, "latest": ck.OffsetSpec.latest,
             "max_timestamp": ck.OffsetSpec.max_timestamp}
    spec = specs[at]() if at in specs else ck.OffsetSpec.for_timestamp(at)
    return wait(ADMIN.list_offsets({TopicPartition(topic, partition): spec})).offset


serve({**confluent_groups.verbs(ADMIN), **{f.__name__: f for f in (
    hello, produce, consume, create_topic, describe_topic, describe_configs, alter_configs, create_partitions,
    delete_records, delete_topic, list_offsets)}})
