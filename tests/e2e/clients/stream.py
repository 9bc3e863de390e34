#!/usr/bin/env python3
"""stream.py HOST:PORT idempotent|plain TOPIC PARTITIONS: produces until its input ends, whatever becomes of the server.

For each acknowledged record it prints "ID PARTITION OFFSET". The key is the id, the value follows from the id (body), and
ids of one partition are sent in rising order. Exit status 1 if a record could not be delivered in the end.
"""
import hashlib
import os
import select
import sys


def body(number):
    """The value of a record: 20 to some 1,500 bytes that follow from its id."""
    seed = hashlib.sha256(str(number).encode()).digest()
    return (seed * 48)[:20 + seed[0] * 6]


def settings(address, kind):
    return {"bootstrap.servers": address, "log_level": 0, "acks": "all", "enable.idempotence": kind == "idempotent",
            "linger.ms": 2, "message.timeout.ms": 120_000, "socket.timeout.ms": 5000, "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 20, "topic.metadata.refresh.interval.ms": 1000}


def main():
    from confluent_kafka import Producer
    address, kind, topic, partitions = *sys.argv[1:4], int(sys.argv[4])
    producer = Producer(settings(address, kind))
    failed = []
    out = os.fdopen(1, "w", buffering=1 << 16)

    def delivered(error, message):
        if error:
            failed.append(error.str())
        else:
            out.write(f"{message.key().decode()} {message.partition()} {message.offset()}\n")

    number = 0
    while not select.select([0], [], [], 0)[0]:      # readable: its end
        while len(producer) < 1500:
            producer.produce(topic, body(number), str(number), number % partitions, on_delivery=delivered)
            number += 1
        producer.poll(0.01)
    left = producer.flush(120)
    out.flush()
    if failed or left:
        print(f"{kind}: {left} not delivered, {len(failed)} failed: {failed[:1]}", file=sys.stderr)
    sys.exit(1 if failed or left else 0)


if __name__ == "__main__":
    main()
