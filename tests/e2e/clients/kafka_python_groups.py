"""kafka-python in groups: its own classic protocol, eager and cooperative; groups through its admin."""
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.structs import OffsetAndMetadata

import member
from session import Failure, bootstrap

CAN = ["topics", "max_timestamp", "classic", "cooperative", "static", "pattern", "groups", "describe", "offsets", "reset", "delete"]
ASSIGNORS = {"cooperative-sticky": [CooperativeStickyAssignor], "range": [RangePartitionAssignor]}


def places(partitions):
    return [(tp.topic, tp.partition) for tp in partitions]


class Listener(ConsumerRebalanceListener):
    def __init__(self, me):
        self._me = me

    def on_partitions_assigned(self, assigned):
        self._me.gain(places(assigned))

    def on_partitions_revoked(self, revoked):
        self._me.lose(places(revoked))

    def on_partitions_lost(self, lost):
        self._me.lose(places(lost))


class GroupConsumer:
    def __init__(self, me, request):
        more = {}
        if request.get("assignor"):
            more["partition_assignment_strategy"] = ASSIGNORS[request["assignor"]]
        if request.get("instance"):
            more["group_instance_id"] = request["instance"]
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap(), group_id=request["group"], enable_auto_commit=False,
            auto_offset_reset="earliest", session_timeout_ms=request["session_ms"], fetch_max_wait_ms=100,
            heartbeat_interval_ms=request["heartbeat_ms"], metadata_max_age_ms=5000, reconnect_backoff_ms=20,
            reconnect_backoff_max_ms=300, **more)
        self._me = me
        pattern = request.get("pattern")
        self._consumer.subscribe(topics=() if pattern else request["topics"], pattern=pattern, listener=Listener(me))

    def poll(self):
        return [(r.topic, r.partition, r.offset, r.value)
                for records in self._consumer.poll(timeout_ms=100).values() for r in records]

    def commit(self, offsets):
        self._consumer.commit({TopicPartition(t, p): OffsetAndMetadata(at, metadata, -1)
                               for (t, p), (at, metadata) in offsets.items()})

    def close(self):
        self._consumer.close()


def verbs(admin):
    def groups():
        return [g["group_id"] for g in admin().list_groups()]

    def describe_group(group):
        found = admin().describe_groups([group])[group]
        state = found.get("group_state", found.get("state"))
        return {"state": state.lower(), "members": len(found["members"])}

    def delete_group(group):
        for name, told in admin().delete_groups([group]).items():
            if told != "OK":
                raise Failure(f"{name}: {told}")

    def offsets(group, topic, partitions):
        found = admin().list_group_offsets({group: [TopicPartition(topic, p) for p in partitions]})[group]
        return [[tp.partition, at.offset, at.metadata or ""] for tp, at in found.items()]

    def reset_offsets(group, topic, offsets):
        wanted = {TopicPartition(topic, p): OffsetAndMetadata(at, "", -1) for p, at in offsets}
        for tp, error in admin().alter_group_offsets(group, wanted).items():
            if error.errno:
                raise Failure(f"{tp}: {error.__name__}", error.errno)

    return {**member.verbs(GroupConsumer), **{f.__name__: f for f in (
        groups, describe_group, delete_group, offsets, reset_offsets)}}
