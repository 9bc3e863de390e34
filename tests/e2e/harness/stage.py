"""What every chapter works with: the clients, the report, topics of this run, and work done by all clients at once."""
import concurrent.futures
import os


class Stage:
    def __init__(self, clients, report):
        self.clients, self.report = clients, report
        self.prefix = f"e2e-{os.getpid()}"
        self.admins = [c for c in clients if hasattr(c, "create_topic")]
        self._made = []

    def topic(self, name, partitions=1, configs=None):
        """A new topic of this run, made through the first client that can."""
        full = f"{self.prefix}-{name}"
        self.admins[0].create_topic(topic=full, partitions=partitions, configs=configs or {})
        self._made.append(full)
        return full

    def each(self, work, clients=None):
        """work(client) for all clients at once; its exceptions are raised here."""
        clients = self.clients if clients is None else clients
        with concurrent.futures.ThreadPoolExecutor(max(1, len(clients))) as pool:
            return list(pool.map(work, clients))

    def clean_up(self):
        for topic in self._made:
            self.report.attempt(f"topic {topic} is deleted at the end",
                                lambda t=topic: self.admins[0].delete_topic(topic=t))
