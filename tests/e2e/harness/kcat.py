"""kcat as a client: each command is one run of the program, its arguments and framing are made here."""
import re
import subprocess

RECORD, FIELD, END = b"\x1e", b"\x1f", b"\x1d\n"
FORMAT = r"%p %o %T %K %S\n%k%s%h\x1d\n"


class KcatError(Exception):
    code = None


class Kcat:
    name = "kcat"
    headers = "printed"       # it prints headers as name=value,.. and nothing more exact
    explicit_time = False     # it cannot be told a timestamp
    can = frozenset()
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]

    def __init__(self, address):
        self.address = address
        told = subprocess.run(["kcat", "-V"], capture_output=True, text=True).stdout
        self.version = re.search(r"Version (\S+).*librdkafka (\S+)", told).expand(r"\1 (librdkafka \2)")

    def close(self):
        pass

    def _run(self, *arguments, data=b"", timeout=45):
        command = ["kcat", "-b", self.address, "-m", "10", *map(str, arguments)]
        done = subprocess.run(command, input=data, capture_output=True, timeout=timeout)
        if done.returncode:
            raise KcatError(f"kcat: exit {done.returncode}: {done.stderr.decode(errors='replace').strip()[-300:]}")
        return done.stdout

    def produce(self, topic, codec, records):
        """kcat tells no offsets: None. Headers and nulls are flags of a whole run, so equal neighbours share a run."""
        for p in sorted({r["p"] for r in records}):
            run = []
            for r in [r for r in records if r["p"] == p]:
                kind = (r["h"], r["v"] is None)
                if run and kind != run[0]:
                    self._send(topic, codec, p, *run)
                    run = []
                if not run:
                    run = [kind, []]
                run[1].append((b"" if r["k"] is None else r["k"] + FIELD) + (r["v"] or b""))
            self._send(topic, codec, p, *run)

    def _send(self, topic, codec, partition, kind, texts):
        headers, nulls = kind
        flags = ["-P", "-t", topic, "-p", partition, "-D", r"\x1e", "-K", r"\x1f", "-z", codec]
        for name, value in headers:
            flags += ["-H", name if value is None else name + "=" + value.decode("latin1")]
        self._run(*flags, *(["-Z"] if nulls else []), data=b"".join(t + RECORD for t in texts))

    def consume(self, topic, partitions, begin, count, max_wait_ms=500, timeout_s=20):
        where = begin if begin == "beginning" else begin.get("offset", f"s@{begin.get('time')}")
        one = ["-p", partitions[0]] if len(partitions) == 1 else []   # without -p: all there are
        flags = ["-C", "-q", "-t", topic, *one, "-o", where, "-c", count, "-f", FORMAT,
                 "-X", f"fetch.wait.max.ms={max_wait_ms}"]
        try:
            out = self._run(*flags, timeout=timeout_s)
        except subprocess.TimeoutExpired as late:
            out = late.stdout or b""
        return list(parse(out))

    def describe_topic(self, topic):
        told = self._run("-L", "-t", topic).decode()
        if "Unknown topic" in told:
            raise KcatError("kcat: unknown topic")
        return {"partitions": int(re.search(r'topic "[^"]+" with (\d+) partitions', told)[1])}

    def list_offsets(self, topic, partition, at):
        stamp = {"earliest": -2, "latest": -1}.get(at, at)
        told = self._run("-Q", "-t", f"{topic}:{partition}:{stamp}").decode()
        return int(re.search(r"offset (-?\d+)", told)[1])


def parse(out):
    """The records in what kcat printed with FORMAT."""
    at = 0
    while at < len(out):
        line = out.index(b"\n", at)
        partition, offset, time_ms, key_size, value_size = map(int, out[at:line].split())
        at = line + 1
        key, at = out[at:at + max(0, key_size)], at + max(0, key_size)
        value, at = out[at:at + max(0, value_size)], at + max(0, value_size)
        end = out.index(END, at)
        yield {"p": partition, "o": offset, "ts": time_ms, "k": None if key_size < 0 else key,
               "v": None if value_size < 0 else value, "h": out[at:end].decode("latin1")}
        at = end + len(END)
