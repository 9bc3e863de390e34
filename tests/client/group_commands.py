#!/usr/bin/env python3
"""`imago group` against a server: list, describe with lag, reset in every way, delete; what it refuses and what it says then.

    group_commands.py IMAGO              starts a server of its own
    group_commands.py IMAGO HOST:PORT    against a server that runs (any that speaks the Kafka protocol)
"""
import json
import os
import sys
import time

from command_line import check, imago, server

topic = f"groups-{os.getpid()}"
other = topic + "-other"
group = topic + "-readers"


def describe(*more):
    return json.loads(imago("group", "describe", group, "--json", *more))[0]


def committed():
    return {(o["topic"], o["partition"]): o["committed"] for o in describe()["offsets"]}


def reset(*how, code=0):
    return imago("group", "reset", group, *how, "--yes", code=code)


def offsets():
    imago("topic", "create", topic, "-p", "4")
    imago("topic", "create", other, "-p", "1")
    for p in range(4):
        imago("produce", topic, "-p", str(p), given=b"x\n" * 100 * (p + 1))
    imago("produce", other, given=b"y\n" * 7)

    plan = json.loads(reset("--topic", topic, "--to-beginning", "--dry-run", "--json"))
    check("a dry run says what would be", [(c["partition"], c["old"], c["new"]) for c in plan["changes"]] ==
          [(p, None, 0) for p in range(4)] and plan["done"] is False, plan)
    missing = imago("group", "describe", group, code=1)
    check("and changes nothing", b"GROUP_ID_NOT_FOUND" in missing and b"imago group list" in missing, missing)

    shown = reset("--topic", topic, "--to-offset", "50")
    check("a reset shows a diff", b"+ " + topic.encode() in shown and b"- -> " in shown and b"4 of 4 changed" in shown, shown)
    check("no colours where there is no terminal", b"\x1b" not in shown)
    check("all partitions are committed", committed() == {(topic, p): 50 for p in range(4)})
    told = describe()
    check("lag by partition", [o["lag"] for o in told["offsets"]] == [50, 150, 250, 350], told)
    check("lag in total and by topic", told["lag"] == 800 and told["topics"][0]["lag"] == 800 and told["state"] == "Empty", told)
    check("--topic chooses partitions", [o["partition"] for o in describe("--topic", topic + ":1,3")["offsets"]] == [1, 3])
    check("--summary leaves partitions out", "offsets" not in describe("--summary"))
    table = imago("group", "describe", group)
    check("the table has the lag", b"lag 800 in 4 partitions" in table and b"COMMITTED" in table, table)

    reset("--topic", topic + ":1-2", "--to-end")
    check("--to-end, two partitions", committed() == {(topic, 0): 50, (topic, 1): 200, (topic, 2): 300, (topic, 3): 50})
    shown = reset("--topic", topic + ":0-1", "--shift-by", "-60", "--json")
    check("--shift-by stays inside", [(c["new"], c["limited"]) for c in json.loads(shown)["changes"]] == [(0, True), (140, False)], shown)
    shown = reset("--topic", topic + ":0", "--to-offset", "100000", "--json")
    check("--to-offset stays inside", json.loads(shown)["changes"][0]["new"] == 100)
    nothing = reset("--topic", other, "--shift-by", "1", code=1)
    check("nothing to shift is said", b"nothing to shift" in nothing, nothing)

    time.sleep(0.05)
    moment = int(time.time() * 1000)
    time.sleep(0.05)
    imago("produce", topic, "-p", "0", given=b"late\n" * 5)
    reset("--topic", topic, "--to-time", str(moment))
    check("--to-time in ms: the first at or after, else the end", [committed()[topic, p] for p in range(4)] == [100, 200, 300, 400])
    reset("--topic", topic, "--to-beginning")
    iso = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment / 1000)) + f".{moment % 1000:03}Z"
    reset("--all-topics", "--to-time", iso)
    check("--to-time in ISO 8601", [committed()[topic, p] for p in range(4)] == [100, 200, 300, 400])
    unchanged = reset("--all-topics", "--to-time", iso)
    check("what is so already is not changed", b"0 of 4 changed" in unchanged, unchanged)

    for wrong in (["--to-end"], ["--topic", topic, "--to-offset", "1", "--to-end"], ["--topic", topic]):
        advice = imago("group", "reset", group, *wrong, code=1 if wrong == ["--to-end"] else 2)
        check("it says what to give", b"--" in advice.split(b"\n")[1], advice)
    missing = reset("--topic", topic + "-missing", "--to-end", code=1)
    check("a missing topic is said", b"UNKNOWN_TOPIC" in missing, missing)
    reset("--topic", topic + ":9", "--to-end", code=1)

    reset("--topic", other, "--to-end")
    imago("group", "delete-offsets", group, "--topic", topic + ":3", "--dry-run")
    check("a dry run forgets nothing", (topic, 3) in committed())
    imago("group", "delete-offsets", group, "--topic", topic + ":3", "--yes")
    check("one partition is forgotten", sorted(committed()) == [(topic, 0), (topic, 1), (topic, 2), (other, 0)])
    imago("group", "delete-offsets", group, "--topic", topic, "--yes")
    check("a topic is forgotten", sorted(committed()) == [(other, 0)])
    imago("group", "delete-offsets", group, "--topic", topic, "--yes", code=1)


def groups():
    second = group + "-2"
    imago("group", "reset", second, "--topic", topic, "--to-end", "--yes")
    names = [g["group"] for g in json.loads(imago("group", "list", "--json"))]
    check("groups are listed", group in names and second in names, names)
    listed = [g["group"] for g in json.loads(imago("group", "list", "--json", "--state", "Empty", "--type", "classic"))]
    check("by state and type", group in listed, listed)
    check("and not those of another", group not in [g["group"] for g in json.loads(imago("group", "list", "--json", "--state", "Stable"))])
    both = json.loads(imago("group", "describe", group, second, "--json"))
    check("several are described at once", [g["group"] for g in both] == [group, second])
    everything = json.loads(imago("group", "describe", "--all", "--summary", "--json"))
    check("--all describes them", {group, second} <= {g["group"] for g in everything})
    partly = imago("group", "describe", group, group + "-missing", code=1)
    check("a missing one is an error, the others are told", b"GROUP_ID_NOT_FOUND" in partly, partly)
    imago("group", "describe", code=1)

    imago("group", "delete", second, "--dry-run")
    imago("group", "describe", second)
    imago("group", "delete", second, "--yes")
    imago("group", "delete", second, "--yes", code=1)
    imago("group", "delete", second, "--if-exists", "--yes")
    check("deleted", second not in [g["group"] for g in json.loads(imago("group", "list", "--json"))])


def many():
    imago("topic", "create", topic + "-many", "-p", "2500")
    reset("--topic", topic + "-many", "--to-beginning")
    check("thousands of partitions", describe("--topic", topic + "-many")["topics"][0]["partitions"] == 2500)


def wrong_arguments():
    for args in (["group"], ["group", "reset"], ["group", "delete"], ["group", "reset", "g", "--topic", "t:x", "--to-end"],
                 ["group", "reset", "g", "--all-topics", "--topic", "t", "--to-end"], ["group", "reset", "g", "--to-time", "soon"],
                 ["group", "describe", "g", "--all"], ["group", "describe", "g", "--members", "--offsets"],
                 ["group", "list", "--json", "--output", "table"]):
        imago(*args, code=2)
    for command in ("list", "describe", "reset", "delete", "delete-offsets"):
        check(f"group {command} --help has an example", b"Example" in imago("group", command, "--help"))


with server():
    wrong_arguments()
    offsets()
    groups()
    many()
    for name in (topic, other, topic + "-many"):
        imago("topic", "delete", name)
