"""What every chapter works with: the clients, the report, topics of this run, and work done by all clients at once."""
import concurrent.futures
import os

TELL_TYPES = ("java", "confluent")      # clients that say which protocol a group uses; the best one first


class Stage:
    def __init__(self, clients, report, address=None, build=None, flavours=()):
        self.clients, self.report = clients, report
        self.address, self.build, self.flavours = address, build, flavours
        self.prefix = f"e2e-{os.getpid()}"
        self.admins = [c for c in clients if "topics" in c.can]
        self.admins.sort(key=lambda c: c.name not in ("confluent", "java"))     # quick, and what they make is there at once
        able = [c for c in clients if {"groups", "offsets"} <= c.can]
        self.groups_admin = min(able, key=lambda c: (*TELL_TYPES, c.name).index(c.name), default=None)
        self._made = []

    def topic(self, name, partitions=1, configs=None):
        """A new topic of this run, made through the first client that can."""
        full = f"{self.prefix}-{name}"
        self.admins[0].create_topic(topic=full, partitions=partitions, configs=configs or {})
        self._made.append(full)
        return full

    def write(self, topic, values):
        """(partition, text) of each record, through the first client that can; all are acknowledged on return."""
        records = [{"p": p, "ts": None, "k": None, "v": v.encode(), "h": []} for p, v in values]
        return self.admins[0].produce(topic=topic, codec="none", records=records)

    def each(self, work, clients=None):
        """work(client) for all clients at once; its exceptions are raised here."""
        clients = self.clients if clients is None else clients
        with concurrent.futures.ThreadPoolExecutor(max(1, len(clients))) as pool:
            return list(pool.map(work, clients))

    def clean_up(self):
        for topic in self._made:
            self.report.attempt(f"topic {topic} is deleted at the end",
                                lambda t=topic: self.admins[0].delete_topic(topic=t))
