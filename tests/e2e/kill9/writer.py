"""A producer (confluent-kafka), idempotent or not, that writes without a pause, whatever becomes of the server."""
import threading

from confluent_kafka import KafkaException, Producer

from records import key_of, value_of

PATIENCE_S = 60
SETTINGS = {"acks": "all", "log_level": 0, "message.timeout.ms": 0,
            "socket.timeout.ms": 10_000, "reconnect.backoff.ms": 5, "reconnect.backoff.max.ms": 30, "retry.backoff.ms": 5,
            "topic.metadata.refresh.interval.ms": 2000, "topic.metadata.refresh.fast.interval.ms": 20}


class Writer:
    """Writes records 0, 1, 2 ... to the topics in turn, partition by key, with at most `ahead` not yet acknowledged. All it
    knows: `sent`, how many; `places`, (topic, partition, offset) -> number, of each acknowledged record; `problems`."""

    def __init__(self, name, address, topics, ahead, idempotent=True, **settings):
        self.name, self.topics, self.ahead, self.idempotent = name.encode(), topics, ahead, idempotent
        self.sent, self.places, self.problems = 0, {}, []
        self._stopping = threading.Event()
        self._producer = Producer({**SETTINGS, "enable.idempotence": idempotent, "bootstrap.servers": address,
                                   "error_cb": self._trouble, **settings})
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def acknowledged(self):
        return len(self.places)

    def finish(self):
        """Stops writing; returns when all that was sent is acknowledged, or cannot be."""
        self._stopping.set()
        self._thread.join()

    def _trouble(self, error):
        # A broker that is away for a while is what this is about; what the producer calls fatal is not.
        if error.fatal():
            self.problems.append(f"{self.name.decode()}: fatal: {error.str()}")

    def _delivered(self, number):
        def done(error, message):
            if error:
                self.problems.append(f"{self.name.decode()}: record {number} was refused: {error.str()}")
                return
            place = (message.topic(), message.partition(), message.offset())
            if self.places.setdefault(place, number) != number:
                self.problems.append(f"{place} was acknowledged for records {self.places[place]} and {number}")
        return done

    def _run(self):
        try:
            while not self._stopping.is_set() and not self.problems:
                while len(self._producer) < self.ahead:
                    number = self.sent
                    self._producer.produce(self.topics[number % len(self.topics)], value_of(self.name, number),
                                           key_of(number), on_delivery=self._delivered(number))
                    self.sent += 1
                self._producer.poll(0.005)
            left = self._producer.flush(PATIENCE_S)
            if left:
                self.problems.append(f"{self.name.decode()}: {left} records were not acknowledged within {PATIENCE_S} s")
        except (KafkaException, BufferError) as error:
            self.problems.append(f"{self.name.decode()}: {error}")
