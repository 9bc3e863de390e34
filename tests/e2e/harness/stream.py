"""A producer that writes to a topic without a pause while a group changes."""
import threading
import time

from harness import sessions

CLIENTS = ("confluent", "librdkafka", "java", "kafka-python")     # the first that is there


class Stream:
    """Writes 20 times a second to every queue. `written`: the values that were acknowledged, in no particular order."""

    def __init__(self, stage, topic, queues, name):
        client = next(c for c in CLIENTS if not sessions.absent(c, stage.build))
        self._session = sessions.open_one(client, stage.address, stage.build)
        self._topic, self._queues, self._name = topic, queues, name
        self.written, self.problem = [], None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stream {name}", daemon=True)
        self._thread.start()

    def _run(self):
        number = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            values = [f"{self._name}/{number + i}" for i in range(self._queues)]
            number += len(values)
            records = [{"p": i, "ts": None, "k": None, "v": v.encode(), "h": []} for i, v in enumerate(values)]
            try:
                self._session.produce(topic=self._topic, codec="none", records=records)
            except sessions.ClientError as error:
                self.problem = str(error)
                return
            self.written += values
            self._stopping.wait(max(0.0, 0.05 - (time.monotonic() - began)))

    def stop(self):
        """All that was acknowledged."""
        self._stopping.set()
        self._thread.join()
        return self.written

    def close(self):
        self.stop()
        self._session.close()
