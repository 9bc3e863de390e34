"""confluent-kafka in groups: the classic and the consumer protocol, eager and cooperative; groups through its admin."""
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka import admin as ck

import member
from session import Failure, bootstrap, tell

CAN = ["topics", "max_timestamp", "classic", "consumer", "cooperative", "static", "pattern", "groups", "describe", "offsets", "reset", "delete"]


def places(partitions):
    return [(tp.topic, tp.partition) for tp in partitions]


class GroupConsumer:
    def __init__(self, me, request):
        self._me = me
        protocol, assignor = request["protocol"], request.get("assignor")
        settings = {"bootstrap.servers": bootstrap(), "group.id": request["group"], "group.protocol": protocol,
                    "enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100,
                    "log_level": 0, "error_cb": self._trouble, "reconnect.backoff.ms": 20,
                    "reconnect.backoff.max.ms": 300, "topic.metadata.refresh.interval.ms": 5000}
        if protocol == "classic":
            settings |= {"session.timeout.ms": request["session_ms"], "heartbeat.interval.ms": request["heartbeat_ms"]}
            if assignor:
                settings["partition.assignment.strategy"] = assignor
        elif assignor:
            settings["group.remote.assignor"] = assignor
        if request.get("instance"):
            settings["group.instance.id"] = request["instance"]
        self._incremental = protocol == "consumer" or assignor == "cooperative-sticky"
        self._consumer = Consumer(settings)
        topics = ["^" + request["pattern"]] if request.get("pattern") else request["topics"]
        self._consumer.subscribe(topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def _trouble(self, error):
        if error.fatal():
            tell("trouble", text="fatal: " + error.str())

    def _assigned(self, consumer, partitions):
        if self._incremental:
            self._me.gain(places(partitions))
            consumer.incremental_assign(partitions)
        else:
            self._me.own(places(partitions))
            consumer.assign(partitions)

    def _revoked(self, consumer, partitions):
        if self._incremental:
            self._me.lose(places(partitions))
            consumer.incremental_unassign(partitions)
        else:
            self._me.own([])
            consumer.unassign()

    def poll(self):
        got = []
        for m in self._consumer.consume(200, 0.1):
            if m.error():
                tell("trouble", text=m.error().str())
            else:
                got.append((m.topic(), m.partition(), m.offset(), m.value()))
        return got

    def commit(self, offsets):
        done = self._consumer.commit(offsets=[TopicPartition(t, p, at, metadata) for (t, p), (at, metadata)
                                              in offsets.items()], asynchronous=False)
        for tp in done:
            if tp.error:
                raise KafkaException(tp.error)

    def close(self):
        self._consumer.close()


def verbs(admin):
    def one(futures):
        try:
            return [future.result(20) for future in futures.values()][0]
        except KafkaException as error:
            raise Failure(error.args[0].str(), error.args[0].code()) from error

    def groups():
        return [g.group_id for g in admin.list_consumer_groups().result(20).valid]

    def describe_group(group):
        found = one(admin.describe_consumer_groups([group]))
        return {"state": found.state.name.lower(), "members": len(found.members), "type": found.type.name.lower()}

    def delete_group(group):
        one(admin.delete_consumer_groups([group]))

    def offsets(group, topic, partitions):
        asked = [TopicPartition(topic, p) for p in partitions]
        found = one(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, asked)]))
        return [[tp.partition, tp.offset if tp.offset >= 0 else -1, tp.metadata or ""]
                for tp in found.topic_partitions]

    def reset_offsets(group, topic, offsets):
        wanted = [TopicPartition(topic, p, at) for p, at in offsets]
        done = one(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, wanted)]))
        for tp in done.topic_partitions:
            if tp.error:
                raise Failure(tp.error.str(), tp.error.code())

    return {**member.verbs(GroupConsumer), **{f.__name__: f for f in (
        groups, describe_group, delete_group, offsets, reset_offsets)}}
