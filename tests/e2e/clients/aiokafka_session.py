#!/usr/bin/env python3
"""aiokafka: asyncio, its own protocol code; an idempotent producer, groups with the classic protocol."""
import asyncio
import threading

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

import member
from session import Failure, bootstrap, decode, encode, serve

LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()
PRODUCERS = {}
ADMIN = []


def wait(coroutine, patience_s=40):
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result(patience_s)


def hello():
    return {"version": aiokafka.__version__, "codecs": ["none", "gzip", "snappy", "lz4", "zstd"],
            "can": ["topics", "replaces", "classic", "static", "pattern", "groups", "describe", "offsets"]}


async def producer(codec):
    if codec not in PRODUCERS:
        p = AIOKafkaProducer(bootstrap_servers=bootstrap(), enable_idempotence=True, linger_ms=20,
                             compression_type=None if codec == "none" else codec)
        await p.start()
        PRODUCERS[codec] = p
    return PRODUCERS[codec]


def produce(topic, codec, records):
    async def run():
        p = await producer(codec)
        sent = [await p.send(topic, decode(r["v"]), decode(r["k"]), r["p"], r["ts"],
                             [(n, decode(v)) for n, v in r["h"]]) for r in records]
        return [(await future).offset for future in sent]
    return wait(run())


async def seek(consumer, tps, begin):
    if begin == "beginning":
        await consumer.seek_to_beginning(*tps)
    elif "offset" in begin:
        for tp in tps:
            consumer.seek(tp, begin["offset"])
    else:
        for tp, found in (await consumer.offsets_for_times({tp: begin["time"] for tp in tps})).items():
            if found is None:
                await consumer.seek_to_end(tp)
            else:
                consumer.seek(tp, found.offset)


def consume(topic, partitions, begin, count, max_wait_ms=500, timeout_s=20):
    async def run():
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap(), fetch_max_wait_ms=max_wait_ms,
                                    enable_auto_commit=False, auto_offset_reset="none")
        await consumer.start()
        got = []
        try:
            tps = [TopicPartition(topic, p) for p in partitions]
            consumer.assign(tps)
            await seek(consumer, tps, begin)
            deadline = LOOP.time() + timeout_s
            while len(got) < count and LOOP.time() < deadline:
                left_ms = int(1000 * max(0, deadline - LOOP.time()))
                for records in (await consumer.getmany(timeout_ms=left_ms)).values():
                    got += [{"p": r.partition, "o": r.offset, "ts": r.timestamp, "k": encode(r.key),
                             "v": encode(r.value), "h": [[n, encode(v)] for n, v in r.headers]} for r in records]
        finally:
            await consumer.stop()
        return got[:count]
    return wait(run())


# ---- Topics ----

async def admin():
    if not ADMIN:
        ADMIN.append(AIOKafkaAdminClient(bootstrap_servers=bootstrap()))
        await ADMIN[0].start()
    return ADMIN[0]


def asked(name, *arguments, **more):
    """Calls a method of the admin client."""
    async def run():
        return await getattr(await admin(), name)(*arguments, **more)
    return wait(run())


def check(code, text=""):
    if code:
        raise Failure(f"{for_code(code).__name__} {text}", code)


def create_topic(topic, partitions, configs):
    answer = asked("create_topics", [NewTopic(topic, partitions, 1, topic_configs=configs)])
    for row in answer.topic_errors:
        check(row[1], row[2] if len(row) > 2 else "")


def describe_topic(topic):
    found = asked("describe_topics", [topic])[0]
    check(found["error_code"])
    return {"partitions": len(found["partitions"])}


def describe_configs(topic):
    answer = asked("describe_configs", [ConfigResource(ConfigResourceType.TOPIC, topic)])[0]
    _, _, _, _, entries = answer.resources[0]
    return {entry[0]: entry[1] for entry in entries}


# aiokafka knows only the older AlterConfigs, which replaces the whole set.
def replace_configs(topic, configs):
    answer = asked("alter_configs", [ConfigResource(ConfigResourceType.TOPIC, topic, configs)])[0]
    code, text = answer.resources[0][:2]
    check(code, text)


def create_partitions(topic, total):
    asked("create_partitions", {topic: NewPartitions(total_count=total)})


def delete_records(topic, partition, before):
    from aiokafka.admin import RecordsToDelete
    tp = TopicPartition(topic, partition)
    return asked("delete_records", {tp: RecordsToDelete(before_offset=before)})[tp]


def delete_topic(topic):
    answer = asked("delete_topics", [topic])
    for _, code in answer.topic_error_codes:
        check(code)


def list_offsets(topic, partition, at):
    if at == "max_timestamp":
        raise Failure("unsupported: max_timestamp")

    async def run():
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap())
        await consumer.start()
        try:
            tp = TopicPartition(topic, partition)
            if at == "earliest":
                return (await consumer.beginning_offsets([tp]))[tp]
            if at == "latest":
                return (await consumer.end_offsets([tp]))[tp]
            found = (await consumer.offsets_for_times({tp: at}))[tp]
            return -1 if found is None else found.offset
        finally:
            await consumer.stop()
    return wait(run())


# ---- Groups ----

class GroupConsumer(ConsumerRebalanceListener):
    def __init__(self, me, request):
        self._me = me
        pattern = request.get("pattern")

        async def start():
            self._consumer = AIOKafkaConsumer(
                bootstrap_servers=bootstrap(), group_id=request["group"], enable_auto_commit=False,
                auto_offset_reset="earliest", session_timeout_ms=request["session_ms"], fetch_max_wait_ms=100,
                heartbeat_interval_ms=request["heartbeat_ms"], metadata_max_age_ms=5000, retry_backoff_ms=50,
                group_instance_id=request.get("instance"))
            self._consumer.subscribe(topics=() if pattern else request["topics"], pattern=pattern, listener=self)
            await self._consumer.start()
        wait(start())

    async def on_partitions_revoked(self, revoked):
        self._me.lose([(tp.topic, tp.partition) for tp in revoked])

    async def on_partitions_assigned(self, assigned):
        self._me.own([(tp.topic, tp.partition) for tp in assigned])

    def poll(self):
        got = wait(self._consumer.getmany(timeout_ms=100))
        return [(r.topic, r.partition, r.offset, r.value) for records in got.values() for r in records]

    def commit(self, offsets):
        wait(self._consumer.commit({TopicPartition(t, p): (at, metadata) for (t, p), (at, metadata) in offsets.items()}))

    def close(self):
        wait(self._consumer.stop())


def groups():
    return [name for name, *_ in asked("list_consumer_groups")]


def describe_group(group):
    answer = asked("describe_consumer_groups", [group])[0].groups[0]
    code, _, state, _, _, members = answer[:6]
    check(code)
    return {"state": state.lower(), "members": len(members)}


def offsets(group, topic, partitions):
    found = asked("list_consumer_group_offsets", group, partitions=[TopicPartition(topic, p) for p in partitions])
    return [[tp.partition, at.offset, at.metadata or ""] for tp, at in found.items()]


serve({**member.verbs(GroupConsumer), **{f.__name__: f for f in (
    hello, produce, consume, create_topic, describe_topic, describe_configs, replace_configs, create_partitions,
    delete_records, delete_topic, list_offsets, groups, describe_group, offsets)}})
