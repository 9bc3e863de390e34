#!/usr/bin/env python3
"""`imago consume -g` and `--broadcast`: what is printed is committed, no more; members share; positions live in a file.

    consume_commands.py IMAGO              starts a server of its own
    consume_commands.py IMAGO HOST:PORT    against a server that runs (any that speaks the Kafka protocol)
"""
import json
import os
import pathlib
import signal
import subprocess
import time

from command_line import FOLDER, IMAGO, check, imago, server

topic = f"consumed-{os.getpid()}"


def produce(first, last):
    for p in range(4):
        imago("produce", topic, "-p", str(p), given="".join(f"{p}-{i}\n" for i in range(first, last)).encode())


def everything(first, last):
    return sorted(f"{p}-{i}" for p in range(4) for i in range(first, last))


def consume(*more, code=0):
    return imago("consume", topic, *more, code=code).decode().split()


def committed(group):
    told = json.loads(imago("group", "describe", group, "--json"))[0]
    return {o["partition"]: o["committed"] for o in told["offsets"] if o["committed"] is not None}, told


def alone(protocol):
    group = f"{topic}-{protocol}"
    how = ["-g", group, "--protocol", protocol]
    check("the first time from the beginning", sorted(consume(*how, "-o", "beginning", "-e")) == everything(0, 100))
    check("all of it is committed", committed(group)[0] == {p: 100 for p in range(4)})
    check("the second time nothing", consume(*how, "-e") == [])
    imago("group", "reset", group, "--topic", topic, "--to-beginning", "--yes")
    seven = consume(*how, "-c", "7")
    check("-c stops", len(seven) == 7)
    check("only what was printed is committed", sum(committed(group)[0].values()) == 7, committed(group)[0])
    rest = consume(*how, "-e")
    check("the rest comes the next time", sorted(seven + rest) == everything(0, 100), f"{len(rest)}")
    fresh = consume("-g", group + "-end", "--protocol", protocol, "-e")
    check("a new group begins at the end", fresh == [])


def together(protocol, first):
    """Two members share, one leaves, the other goes on; then both are gone."""
    group = f"{topic}-{protocol}-two"
    imago("group", "reset", group, "--topic", topic, "--to-end", "--yes")
    outs = [f"{FOLDER}/{protocol}-{i}" for i in range(2)]
    members = [subprocess.Popen([IMAGO, "consume", topic, "-g", group, "--protocol", protocol], stdout=open(out, "wb")) for out in outs]

    def described(holds, what):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            done = subprocess.run([IMAGO, "group", "describe", group, "--json"], capture_output=True, timeout=60)
            if done.returncode == 0 and holds(json.loads(done.stdout)[0]):
                return
            time.sleep(0.2)
        check(what, False, done.stdout.decode())

    described(lambda g: g["state"] == "Stable" and sorted(len(m["assignment"]) for m in m_of(g)) == [2, 2], "two members share four partitions")
    told = imago("group", "reset", group, "--topic", topic, "--to-beginning", "--yes", code=1)
    check("a reset is refused, and says what to do", b"2 active members" in told and b"imago group describe" in told, told)
    would = imago("group", "reset", group, "--topic", topic, "--to-beginning", "--dry-run")
    check("a dry run shows it all the same", b"4 of 4 would change" in would, would)
    told = imago("group", "delete", group, "--yes", code=1)
    check("deleting is refused too", b"NON_EMPTY_GROUP" in told, told)
    produce(first, first + 100)
    wait_for(outs, 400)
    members[0].send_signal(signal.SIGINT)
    check("interrupted, it ends well", members[0].wait(60) == 0)
    described(lambda g: g["state"] == "Stable" and [len(m["assignment"]) for m in m_of(g)] == [4], "the other one takes over")
    produce(first + 100, first + 200)
    wait_for(outs, 800)
    members[1].send_signal(signal.SIGTERM)
    check("ended, it ends well", members[1].wait(60) == 0)
    parts = [read(out) for out in outs]
    check("each message was printed once", sorted(parts[0] + parts[1]) == everything(first, first + 200), [len(p) for p in parts])
    check("both had some", all(parts))
    offsets, told = committed(group)
    check("everything is committed and nobody is left", told["lag"] == 0 and told["members"] == [] and told["state"] == "Empty", told)


def m_of(group):
    return group["members"]


def read(out):
    return pathlib.Path(out).read_text().split()


def wait_for(outs, count):
    deadline = time.monotonic() + 60
    while sum(len(read(out)) for out in outs) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    check(f"{count} messages came", sum(len(read(out)) for out in outs) == count, [len(read(out)) for out in outs])


def broadcast():
    file = FOLDER + "/position"
    how = ["--broadcast", "--position", file]
    check("from the beginning", sorted(consume(*how, "-o", "beginning", "-e")) == everything(0, 100))
    check("the next time nothing", consume(*how, "-o", "beginning", "-e") == [])
    imago("produce", topic, "-p", "2", given=b"a\nb\nc\n")
    check("-c 1 takes one", consume(*how, "-c", "1") == ["a"])
    check("and the rest comes the next time", consume(*how, "-e") == ["b", "c"])
    other = consume("--broadcast", "--position", file + "-2", "-o", "beginning", "-e")
    check("another file, another position", len(other) == 403)
    check("it is a file of this user", os.path.getsize(file) > 0)
    with open(file, "r+b") as damaged:
        damaged.write(b"xxxx")
    told = imago("consume", topic, *how, "-e", code=1)
    check("a damaged file is said", b"imago: cannot consume" in told, told)
    os.environ["XDG_STATE_HOME"] = FOLDER + "/state"
    consume("--broadcast", "-o", "beginning", "-e")
    check("its default place", os.path.exists(f"{FOLDER}/state/imago/{topic}.position"))


def wrong_arguments():
    for args in (["-g", "g", "-p", "1"], ["-g", "g", "-o", "7"], ["-g", "g", "--protocol", "new"], ["--protocol", "classic"], ["--instance", "x"],
                 ["--broadcast", "-g", "g"], ["--broadcast", "-p", "0"], ["--broadcast", "-o", "-5"], ["--position", "f"]):
        imago("consume", "t", *args, code=2)


with server("--set", "metrics.listen=", "--set", "groups.initial_rebalance_delay=0"):
    wrong_arguments()
    imago("topic", "create", topic, "-p", "4")
    produce(0, 100)
    protocols = os.environ.get("PROTOCOLS", "classic,consumer").split(",")
    for protocol in protocols:
        alone(protocol)
    broadcast()
    for i, protocol in enumerate(protocols):
        together(protocol, 1000 * (i + 1))
    imago("topic", "delete", topic)
