#!/usr/bin/env python3
"""kafka-python: pure Python, its own protocol code; the producer is idempotent by its own default."""
import re
import time

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import AlterConfigOp, ConfigResource, ConfigResourceType, KafkaAdminClient, OffsetSpec

import kafka_python_groups
from session import Failure, bootstrap, decode, encode, serve

PRODUCERS = {}
ADMIN = []


def admin():
    if not ADMIN:
        ADMIN.append(KafkaAdminClient(bootstrap_servers=bootstrap()))
    return ADMIN[0]


def hello():
    return {"version": kafka.__version__, "codecs": ["none", "gzip", "snappy", "lz4", "zstd"],
            "can": kafka_python_groups.CAN}


def producer(codec):
    if codec not in PRODUCERS:
        PRODUCERS[codec] = KafkaProducer(bootstrap_servers=bootstrap(), linger_ms=20,
                                         compression_type=None if codec == "none" else codec)
    return PRODUCERS[codec]


def produce(topic, codec, records):
    p = producer(codec)
    sent = [p.send(topic, decode(r["v"]), decode(r["k"]), [(n, decode(v)) for n, v in r["h"]], r["p"], r["ts"])
            for r in records]
    p.flush(30)
    return [future.get(30).offset for future in sent]


def seek(consumer, tps, begin):
    if begin == "beginning":
        consumer.seek_to_beginning(*tps)
    elif "offset" in begin:
        for tp in tps:
            consumer.seek(tp, begin["offset"])
    else:
        for tp, found in consumer.offsets_for_times({tp: begin["time"] for tp in tps}).items():
            if found is None:
                consumer.seek_to_end(tp)
            else:
                consumer.seek(tp, found.offset)


def consume(topic, partitions, begin, count, max_wait_ms=500, timeout_s=20):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap(), fetch_max_wait_ms=max_wait_ms,
                             enable_auto_commit=False, auto_offset_reset="none")
    got = []
    try:
        tps = [TopicPartition(topic, p) for p in partitions]
        consumer.assign(tps)
        seek(consumer, tps, begin)
        deadline = time.monotonic() + timeout_s
        while len(got) < count and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=int(1000 * max(0, deadline - time.monotonic()))).values():
                got += [{"p": r.partition, "o": r.offset, "ts": r.timestamp, "k": encode(r.key), "v": encode(r.value),
                         "h": [[n, encode(v)] for n, v in r.headers]} for r in records]
    finally:
        consumer.close()
    return got[:count]


def resource(topic, configs=None):
    return ConfigResource(ConfigResourceType.TOPIC, topic, configs)


def create_topic(topic, partitions, configs):
    admin().create_topics({topic: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}})


def describe_topic(topic):
    found = admin().describe_topics([topic])[0]
    if found["error_code"]:
        raise Failure("no such topic", found["error_code"])
    return {"partitions": len(found["partitions"])}


def describe_configs(topic):
    found = admin().describe_configs([resource(topic)], config_filter="all")["topic"][topic]
    return {name: entry["value"] for name, entry in found.items()}


def alter_configs(topic, put, drop):
    changes = {name: (AlterConfigOp.SET, value) for name, value in put.items()}
    changes.update({name: (AlterConfigOp.DELETE, None) for name in drop})
    answer = admin().alter_configs([resource(topic, changes)], raise_on_unknown=False, incremental=True)
    told = answer["topic"][topic]      # "OK", or "[Error 40] InvalidConfiguration: .."
    if told != "OK":
        raise Failure(told, int(re.search(r"Error (\d+)", told)[1]))


def create_partitions(topic, total):
    admin().create_partitions({topic: total})


def delete_records(topic, partition, before):
    tp = TopicPartition(topic, partition)
    return admin().delete_records({tp: before})[tp]["low_watermark"]


def delete_topic(topic):
    admin().delete_topics([topic])


def list_offsets(topic, partition, at):
    specs = {"earliest": OffsetSpec.EARLIEST, "latest": OffsetSpec.LATEST, "max_timestamp": OffsetSpec.MAX_TIMESTAMP}
    tp = TopicPartition(topic, partition)
    return admin().list_partition_offsets({tp: specs.get(at, at)})[tp].offset


serve({**kafka_python_groups.verbs(admin), **{f.__name__: f for f in (
    hello, produce, consume, create_topic, describe_topic, describe_configs, alter_configs, create_partitions,
    delete_records, delete_topic, list_offsets)}})
