"""The servers that are compared, each with its fastest honest settings, which are written into the report.

A peer has a name, a protocol (which load speaks to it), `durable` (acknowledged = on the disk), settings in words, warm_up
(the seconds of load before each measurement: a JVM compiles what it runs), and start(cage, reading), which
gives a process.Server; `reading` says that what is in memory will be read."""
from peers.kafka import Kafka
from peers.rocketmq import RocketMq
from peers.small import Imago, Nats, Redis


def all_peers(build):
    return [Imago(build), Kafka(False), Kafka(True), RocketMq(True), RocketMq(False), Nats(True), Nats(False), Redis(True),
            Redis(False)]


LEFT_OUT = {"Iggy": "its server is published on no package registry that this comparison could fetch it from"}
