#!/usr/bin/env python3
"""Completion in real shells: what is offered after a TAB, with names of topics, groups and contexts of a server.

    completion.py IMAGO              starts a server of its own
    completion.py IMAGO HOST:PORT    against a server that runs
"""
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time

from command_line import FOLDER, IMAGO, check, imago, server

topic = f"completed-{os.getpid()}"


def asked(*words):
    """What imago itself answers the scripts with."""
    return [line.split("\t")[0] for line in imago("__complete", *words).decode().splitlines()]


def tables():
    top = asked("")
    check("the commands", {"topic", "group", "produce", "consume", "top", "context", "completion", "serve", "log"} <= set(top), top)
    check("begun", asked("pro") == ["produce"])
    check("subcommands", set(asked("topic", "")) == {"create", "list", "describe", "delete", "alter"})
    check("options", {"--brokers", "--partitions", "--dry-run", "--help"} <= set(asked("topic", "create", "-")))
    check("options, begun", asked("group", "reset", "g", "--to-o") == ["--to-offset"])
    check("choices of a check", asked("group", "list", "--output", "") == ["table", "json"])
    check("choices behind =", asked("group", "list", "--output=j") == ["--output=json"])
    check("choices that are offered", asked("produce", "t", "-z", "z") == ["zstd"])
    check("shells", asked("completion", "z") == ["zsh"])
    check("files", asked("serve", "-c", "") == [":files"])
    check("folders", asked("log", "check", "") == [":folders"])
    check("a value that nobody knows", asked("topic", "create", "x", "-p", "") == [])
    described = imago("__complete", "topi").decode()
    check("with a few words about it", "\t" in described and "topics" in described, described)


def names():
    check("topics", topic in asked("topic", "describe", ""))
    check("topics, begun", asked("consume", topic[:-1]) == [topic])
    check("a topic before its partitions", asked("group", "reset", "g", "--topic", topic[:-1]) == [topic])
    check("groups", topic + "-group" in asked("group", "describe", ""))
    imago("context", "add", "here", "-b", os.environ["IMAGO_BROKERS"])
    check("contexts", asked("context", "use", "h") == ["here"])
    check("contexts of an option", asked("topic", "list", "--context", "") == ["here"])
    brokers = os.environ.pop("IMAGO_BROKERS")
    check("the current context is asked", topic in asked("consume", ""))
    check("the servers on the line are asked", asked("consume", "-b", "127.0.0.1:1", "") == [])
    os.environ["IMAGO_BROKERS"] = "127.0.0.1:1"
    check("nobody there: nothing, quickly", asked("consume", "") == [])
    check("those of a context on the line", topic in asked("consume", "--context", "here", ""))
    os.environ["IMAGO_BROKERS"] = brokers


def skipped(shell):
    if shutil.which(shell):
        return False
    print(f"skipped {shell}: not installed")
    return True


def bash(line):
    script = f'source <({IMAGO} completion bash); COMP_LINE=$1 COMP_POINT=${{#1}}; _imago; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", line], capture_output=True, timeout=60)
    return done.stdout.decode().split()


class Terminal:
    """A shell in a terminal of its own."""

    def __init__(self, *command):
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", PATH=os.path.dirname(IMAGO) + ":" + os.environ["PATH"], HOME=FOLDER)
            os.execvp(command[0], command)

    def type(self, text):
        os.write(self.end, text.encode())

    def until(self, text, patience=30):
        """Reads until `text` came; all that came."""
        came, deadline = b"", time.monotonic() + patience
        while text.encode() not in came and time.monotonic() < deadline:
            if select.select([self.end], [], [], 0.2)[0]:
                try:
                    came += os.read(self.end, 65536)
                except OSError:
                    break
        return came.decode(errors="replace")

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.end)


def shells():
    word = os.path.basename(IMAGO)
    check("bash: a command", bash(f"{IMAGO} consu") == ["consume"])
    check("bash: options", "--from" not in bash(f"{IMAGO} topic list --") and "--json" in bash(f"{IMAGO} topic list --"))
    check("bash: a topic", bash(f"{IMAGO} consume {topic[:-1]}") == [topic])
    check("bash: behind '=' only the value", bash(f"{IMAGO} group list --output=j") == ["json"])
    if word == "imago":
        shell = Terminal("bash", "--norc", "-i")
        shell.type(f"source <({IMAGO} completion bash); echo rea''dy\n")
        shell.until("ready")
        shell.type(f"imago topic descr\t{topic[:-1]}\t\n")
        came = shell.until("PARTITION")
        check("bash: TAB in a terminal", f"imago topic describe {topic}" in came.replace("\r", "").replace("\a", ""), repr(came))
        shell.close()
    if not skipped("fish"):
        script = FOLDER + "/imago.fish"
        with open(script, "wb") as out:
            out.write(imago("completion", "fish"))
        done = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C 'imago topic d'; complete -C 'imago consume {topic[:-1]}'"],
                              capture_output=True, timeout=60, env={**os.environ, "PATH": os.path.dirname(IMAGO) + ":" + os.environ["PATH"]})
        offered = [line.split("\t")[0] for line in done.stdout.decode().splitlines()]
        check("fish: subcommands and topics", word != "imago" or offered == ["delete", "describe", topic] or offered == ["describe", "delete", topic],
              f"{offered} {done.stderr.decode()}")
    if not skipped("zsh") and word == "imago":
        functions = FOLDER + "/functions"
        os.makedirs(functions)
        with open(functions + "/_imago", "wb") as out:
            out.write(imago("completion", "zsh"))
        shell = Terminal("zsh", "-f", "-i")
        shell.type(f"PS1='> '; fpath=({functions} $fpath); autoload -U compinit; compinit -u -d {FOLDER}/dump; echo rea''dy\n")
        shell.until("\nready")
        shell.type(f"imago topic descr\t{topic[:-1]}\t\n")
        came = shell.until("PARTITION")
        check("zsh: TAB in a terminal", "PARTITION" in came, repr(came))
        shell.close()


os.environ["XDG_CONFIG_HOME"] = FOLDER + "/config"
with server("--set", "metrics.listen="):
    imago("topic", "create", topic)
    group_there = subprocess.run([IMAGO, "group", "reset", topic + "-group", "--topic", topic, "--to-end", "--yes"],
                                 capture_output=True, timeout=60).returncode == 0
    check("there is a group", group_there)
    tables()
    names()
    shells()
