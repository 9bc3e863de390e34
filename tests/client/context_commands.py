#!/usr/bin/env python3
"""Saved contexts: the file, and which servers a command asks.

    context_commands.py IMAGO
"""
import json
import os
import stat
import sys

from command_line import FOLDER, check, imago, server

os.environ["XDG_CONFIG_HOME"] = FOLDER + "/config"
place = FOLDER + "/config/imago/contexts"
for name in ("IMAGO_CONTEXT", "IMAGO_BROKERS"):
    os.environ.pop(name, None)


def the_file():
    none = imago("context", "show", code=1)
    check("no context yet is said", b"imago context use" in none, none)
    imago("context", "add", "one", "-b", "127.0.0.1:1,127.0.0.1:2", "--metrics", "127.0.0.1:3", "--timeout", "2.5")
    check("only for its owner", stat.S_IMODE(os.stat(place).st_mode) == 0o600)
    check("the first becomes the current one", json.loads(imago("context", "show", "--json")) ==
          {"name": "one", "brokers": "127.0.0.1:1,127.0.0.1:2", "metrics": "127.0.0.1:3", "timeout": 2.5, "current": True})
    imago("context", "add", "two", "-b", "127.0.0.1:4")
    check("the second does not", [c["current"] for c in json.loads(imago("context", "list", "--json"))] == [True, False])
    again = imago("context", "add", "two", "-b", "127.0.0.1:5", code=1)
    check("a name that is taken is said", b"--force" in again, again)
    imago("context", "add", "two", "-b", "127.0.0.1:5", "--force", "--use")
    check("replaced, and current", b"two (current)" in imago("context", "show") and b":5" in imago("context", "show"))
    imago("context", "use", "one")
    missing = imago("context", "use", "three", code=1)
    check("a missing one is said with those there are", b"one, two" in missing, missing)
    imago("context", "remove", "one")
    check("removed", [c["name"] for c in json.loads(imago("context", "list", "--json"))] == ["two"])
    imago("context", "remove", "one", code=1)
    for wrong in (["add", "a b", "-b", "x:1"], ["add", "x"], ["add", "x", "-b", "x:y"], ["add", "x", "-b", "x:1", "--metrics", ":"], ["use"], []):
        imago("context", *wrong, code=2)
    check("nothing is left beside the file", os.listdir(os.path.dirname(place)) == ["contexts"])

    with open(place, "w") as file:
        file.write("# by hand\n current=hand \n\n[hand]\nbrokers = 127.0.0.1:9\n")
    check("a file written by hand", json.loads(imago("context", "show", "--json"))["brokers"] == "127.0.0.1:9")
    for text, line in (("nonsense\n", 1), ("[a\n", 1), ("[a]\nbrokers = :::\n", 2), ("[a]\ncolour = red\n", 2), ("[a]\ntimeout = -1\n", 2),
                       ("brokers = x:1\n", 1)):
        with open(place, "w") as file:
            file.write(text)
        told = imago("context", "list", code=1)
        check("what cannot be understood is told with its line", f"line {line}".encode() in told, told)
        check("and stays as it is", open(place).read() == text)
        imago("topic", "list", environment={"IMAGO_BROKERS": ""}, code=2)
    os.remove(place)


def which_servers():
    brokers = os.environ.pop("IMAGO_BROKERS")
    dead = "127.0.0.1:1"
    imago("context", "add", "live", "-b", brokers)
    imago("context", "add", "dead", "-b", dead, "--timeout", "3")
    imago("topic", "list")
    imago("topic", "list", "--context", "dead", code=1)
    imago("topic", "list", "--context", "dead", "-b", brokers)
    imago("topic", "list", environment={"IMAGO_CONTEXT": "dead"}, code=1)
    imago("topic", "list", "--context", "live", environment={"IMAGO_CONTEXT": "dead"})
    imago("topic", "list", environment={"IMAGO_CONTEXT": "dead", "IMAGO_BROKERS": brokers})
    imago("topic", "list", environment={"IMAGO_BROKERS": dead}, code=1)
    imago("topic", "list", "-b", brokers, environment={"IMAGO_BROKERS": dead})
    imago("topic", "list", "--context", "live", environment={"IMAGO_BROKERS": dead})
    imago("context", "use", "dead")
    imago("topic", "list", code=1)
    imago("topic", "list", "-b", brokers)
    for told in (imago("topic", "list", "--context", "nowhere", code=2), imago("topic", "list", environment={"IMAGO_CONTEXT": "nowhere"}, code=2)):
        check("a context that is not there is told with what to do", b"imago context list" in told, told)
    os.environ["IMAGO_BROKERS"] = brokers


with server("--set", "metrics.listen="):
    the_file()
    which_servers()
