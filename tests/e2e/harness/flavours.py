"""How each client joins groups: with which protocol and assignor. The group checks run once for each."""
from collections import namedtuple

Flavour = namedtuple("Flavour", "client protocol assignor")


def label(flavour):
    assignor = flavour.assignor and flavour.assignor.rpartition(".")[2]
    return " ".join(part for part in (flavour.client, flavour.protocol, assignor) if part)


COOPERATIVE_JAVA = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
RANGE_JAVA = "org.apache.kafka.clients.consumer.RangeAssignor"

# A classic assignor is named as the client names it; none is the client's own default.
FLAVOURS = [Flavour(*row) for row in (
    ("java", "classic", None),
    ("java", "classic", COOPERATIVE_JAVA),
    ("java", "consumer", None),
    ("java", "consumer", "range"),
    ("confluent", "classic", None),
    ("confluent", "classic", "cooperative-sticky"),
    ("confluent", "consumer", None),
    ("librdkafka", "classic", None),
    ("librdkafka", "classic", "cooperative-sticky"),
    ("kcat", "classic", None),
    ("kafka-python", "classic", None),
    ("kafka-python", "classic", "cooperative-sticky"),
    ("aiokafka", "classic", None),
    ("kafkajs", "classic", None),
    ("platformatic", "classic", None),
    ("platformatic", "consumer", None),
    ("node-rdkafka", "classic", None),
    ("node-rdkafka", "consumer", None),
    ("franz-go", "classic", None),
    ("franz-go", "consumer", None),
    ("sarama", "classic", None),
    ("kafka-go", "classic", None),
)]
