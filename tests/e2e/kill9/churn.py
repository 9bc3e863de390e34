"""Creates and deletes topics without a pause: what was acknowledged of it must hold after a crash too."""
import threading

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic


def wait(futures, patience_s=20):
    for future in futures.values():
        future.result(patience_s)


def make_admin(address):
    return AdminClient({"bootstrap.servers": address, "log_level": 0, "reconnect.backoff.ms": 5,
                        "reconnect.backoff.max.ms": 30, "socket.timeout.ms": 5000})


class Churn:
    """Two of three topics are deleted again. A request that a crash cut short may have been done or not."""

    def __init__(self, prefix, address):
        self._prefix, self._admin = prefix, make_admin(address)
        self.there, self.gone = set(), set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="churn", daemon=True)
        self._thread.start()

    def finish(self):
        self._stopping.set()
        self._thread.join()

    def _run(self):
        number = 0
        while not self._stopping.wait(0.005):
            name, number = f"{self._prefix}-{number}", number + 1
            try:
                wait(self._admin.create_topics([NewTopic(name, 3)], request_timeout=3))
                if number % 3 == 0:
                    self.there.add(name)
                    continue
                wait(self._admin.delete_topics([name], request_timeout=3))
                self.gone.add(name)
            except (KafkaException, TimeoutError):
                pass

    def problem(self):
        """None, or what is wrong with the topics that the server has now."""
        have = set(self._admin.list_topics(timeout=20).topics)
        if lost := self.there - have:
            return f"{len(lost)} created topics are lost, one of them {min(lost)}"
        if back := self.gone & have:
            return f"{len(back)} deleted topics are back, one of them {min(back)}"
        return None
