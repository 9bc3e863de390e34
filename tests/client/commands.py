#!/usr/bin/env python3
"""The command line against a server: what goes in through `imago produce` comes out of `imago consume`, byte for byte.

    commands.py IMAGO              starts a server of its own, and looks at its folder with `imago log` afterwards
    commands.py IMAGO HOST:PORT    against a server that runs (any that speaks the Kafka protocol)
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

from command_line import FOLDER, IMAGO, check, imago, start_server


def run(topic):
    random.seed(7)
    imago("topic", "create", topic, "-p", "5", "-c", "retention.ms=86400000")
    check("the topic is listed", topic in [t["name"] for t in json.loads(imago("topic", "list", "--output", "json"))])
    imago("topic", "create", topic, code=1)
    imago("topic", "create", topic, "--if-not-exists")

    # Every byte may stand in a value; messages of many sizes, across the blocks of standard input.
    sent = []
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        messages = []
        for i in range(400):
            size = random.choice((0, 1, 50, 3000, 40000 if i % 100 == 0 else 7))
            value = random.randbytes(size).replace(b"\x1e", b"").replace(b"\x1f", b"")
            messages.append((f"{codec}-{i}".encode(), value))
        stream = b"\x1e".join(k + b"\x1f" + v for k, v in messages)
        imago("produce", topic, "-K", r"\x1f", "-D", r"\x1e", "-z", codec, "-H", "codec=" + codec, given=stream)
        sent += messages
    got = imago("consume", topic, "-o", "beginning", "-e", "-f", r"%p\x1f%k\x1f%s\x1f%h\x1e")
    rows = [row.split(b"\x1f") for row in got.split(b"\x1e")[:-1]]
    check("every message came back once", sorted((k, v) for _, k, v, _ in rows) == sorted(sent))
    check("headers came back", all(h == b"codec=" + k.split(b"-")[0] for _, k, _, h in rows))
    place = {k: p for p, k, _, _ in rows}
    for p in set(place.values()):
        wanted = [k for k, _ in sent if place[k] == p]
        check(f"partition {p.decode()} is in order", [k for q, k, _, _ in rows if q == p] == wanted)

    check("-c stops", len(imago("consume", topic, "-o", "beginning", "-c", "7", "--json").splitlines()) == 7)
    tail = imago("consume", topic, "-p", "2", "-o", "-3", "-e", "-f", r"%o\n").split()
    ends = json.loads(imago("topic", "describe", topic, "--output", "json"))[0]["partitions"]
    check("-o -3 gives the last three", [int(o) for o in tail] == list(range(ends[2]["end"] - 3, ends[2]["end"])))
    before = str(int(time.time() * 1000) + 60_000)
    check("a time in the future gives nothing", imago("consume", topic, "-o", "@" + before, "-e") == b"")
    check("a time in the past gives all", imago("consume", topic, "-o", "@0", "-e", "-f", "x") == b"x" * len(sent))

    imago("produce", topic, "-p", "1", "-Z", given=b"a\n\nb\n")
    nulls = imago("consume", topic, "-p", "1", "-o", "-3", "-e", "-f", "%S,")
    check("-Z sends an empty line as null", nulls == b"1,-1,1,")
    imago("produce", topic, "-p", "1", "-a", "0", given=b"unanswered\n")
    imago("produce", topic, "-p", "99", given=b"x\n", code=1)

    imago("topic", "alter", topic, "-p", "8", "--trim", f"2:{ends[2]['end'] - 1}", "-c", "max.message.bytes=2000")
    check("trimmed", imago("consume", topic, "-p", "2", "-o", "beginning", "-e", "-f", r"%o\n").split() == tail[-1:])
    advice = imago("produce", topic, "-p", "7", given=b"y" * 5000, code=1)
    check("too large is said with advice", b"MESSAGE_TOO_LARGE" in advice and b"max.message.bytes" in advice)
    imago("consume", topic, "-p", "0", "-o", "999999", "-e", "-c", "1")
    imago("consume", topic + "-missing", "-e", code=1)
    imago("topic", "delete", topic)
    imago("topic", "delete", topic, code=1)
    imago("topic", "delete", topic, "--if-exists")


def wrong_arguments():
    for args in (["produce"], ["produce", "t", "-D", r"\q"], ["produce", "t", "-D", ""], ["produce", "t", "-z", "rar"],
                 ["produce", "t", "-H", "x"], ["consume", "t", "-o", "soon"], ["consume", "t", "-f", "%q"],
                 ["consume", "t", "-c", "0"], ["topic"], ["topic", "create"], ["topic", "alter", "t", "--trim", "x"],
                 ["produce", "t", "-b", "host:x"], ["nonsense"]):
        imago(*args, code=2)
    for command in ("produce", "consume", "topic", "topic create", "log check"):
        check(f"{command} --help has an example", b"Example" in imago(*command.split(), "--help"))
    advice = imago("topic", "list", "-b", "127.0.0.1:1", code=1)
    check("no server is said with advice", b"--brokers" in advice, advice.decode())


try:
    wrong_arguments()
    if len(sys.argv) > 2:
        os.environ["IMAGO_BROKERS"] = sys.argv[2]
        run(f"commands-{os.getpid()}")
    else:
        server, os.environ["IMAGO_BROKERS"] = start_server()
        try:
            run("commands")
            imago("produce", "kept", given=b"one\ntwo\nthree\n")
        finally:
            server.send_signal(signal.SIGTERM)
        check("the server stops cleanly", server.wait(60) == 0)
        imago("log", "check", FOLDER + "/data")
        frames = [json.loads(line) for line in imago("log", "dump", FOLDER + "/data", "--records", "--output", "json").splitlines()]
        kept = [f for f in frames if f["type"] == "batch" and f["queue"] >= 16 and
                [r["value"] for r in f.get("records", [])] == ["one", "two", "three"]]
        check("log dump shows the messages", len(kept) == 1)
        with open(f"{FOLDER}/data/log/00000000000000000000.seg", "r+b") as segment:
            segment.seek(kept[0]["position"] + 150)
            byte = segment.read(1)[0]
            segment.seek(-1, 1)
            segment.write(bytes([byte ^ 4]))
        told = subprocess.run([IMAGO, "log", "check", FOLDER + "/data"], capture_output=True, timeout=60)
        check("log check names the queue that was hit", told.returncode == 1 and
              f"queue {kept[0]['queue']}, offsets {kept[0]['base']} to".encode() in told.stdout, told.stdout.decode())
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
