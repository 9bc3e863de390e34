"""The records that clients exchange, and how the records of two clients are compared."""
import random

# Every byte but the two that kcat separates keys and records by.
BYTES = bytes(b for b in range(256) if b not in (0x1e, 0x1f))
PARTITIONS = 3


def text(value):
    """A short form of a key or value, for reports."""
    return repr(value) if value is None or len(value) <= 40 else f"{value[:30]!r}.. ({len(value)} bytes)"


def sample(seed, base_ms):
    """Records for each partition: nulls, empty and binary values, repeated header names, a large value, time that steps.

    A record is {p, ts, k, v, h}; all that follows from the seed, so that a failure can be looked at again.
    """
    rng = random.Random(seed)
    big = bytes(rng.choice(BYTES) for _ in range(4000)) * 15
    shapes = [
        (b"plain", b"value", []),
        (b"plain", b"the same key again", []),
        (None, b"no key", []),
        (b"tombstone", None, []),
        (b"", b"empty key", []),
        (b"empty value", b"", []),
        (BYTES, BYTES, []),
        ("schl\u00fcssel \u9375".encode(), "\u00fcn\u00efc\u00f6de \U0001f98b\nwith a line break".encode(), []),
        (b"header", b"one", [["trace", b"abc"]]),
        (b"headers", b"twice the same name", [["a", b"1"], ["a", b"2"], ["b", b""]]),
        (b"headers", b"null and bytes", [["null", None], ["bytes", bytes(range(1, 16))]]),
        (b"big", big, []),
    ]
    shapes += [(f"key-{i % 5}".encode(), f"value {i} {rng.random()}".encode() * rng.randint(1, 20), [])
               for i in range(12)]
    return [{"p": p, "ts": base_ms + 1000 * i, "k": k, "v": v, "h": [list(pair) for pair in h]}
            for i, (k, v, h) in enumerate(shapes) for p in range(PARTITIONS)]


def as_kcat_prints(pairs):
    return ",".join(name + "=" + ("NULL" if value is None else value.decode("latin1")) for name, value in pairs)


def grouped(pairs):
    """Header values by name: all that a client with a map of headers can tell."""
    out = {}
    for name, value in pairs:
        out.setdefault(name, []).append(value)
    return out


def blurred(record):
    """The record as a client reads it that does not tell null from empty."""
    return {**record, "k": record["k"] or b"", "v": record["v"] or b"", "h": [[n, v or b""] for n, v in record["h"]]}


def difference(want, got, headers="exact"):
    """What is wrong with the records that were read, or None. Both are ordered by partition and offset."""
    if headers == "blurred":
        return difference([blurred(r) for r in want], [blurred(r) for r in got])
    if len(want) != len(got):
        return f"{len(got)} records instead of {len(want)}"
    for w, g in zip(want, got):
        for field in ("p", "o", "ts", "k", "v"):
            if w[field] != g[field]:
                a, b = ((text(x[field]) if field in "kv" else x[field]) for x in (w, g))
                return f"partition {w['p']} offset {w['o']}: {field} is {b} instead of {a}"
        shown = {"exact": lambda h: [list(pair) for pair in h], "grouped": grouped, "printed": as_kcat_prints}[headers]
        seen = g["h"] if headers == "printed" else shown(g["h"])
        if shown(w["h"]) != seen:
            return f"partition {w['p']} offset {w['o']}: headers are {seen} instead of {shown(w['h'])}"
    return None


def in_order(records):
    return sorted(records, key=lambda r: (r["p"], r["o"]))
