#!/usr/bin/env python3
"""`imago top`: its numbers, its screen in a terminal of 80x24 and other sizes, and that it gives the terminal back.

    top.py IMAGO              starts a server of its own, with metrics
    top.py IMAGO HOST:PORT    against a server that runs (any that speaks the Kafka protocol; without metrics)
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

from command_line import IMAGO, check, free_address, imago, server

OWN = len(sys.argv) <= 2
METRICS = free_address() if OWN else "none"
topic = f"top-{os.getpid()}"


class Terminal:
    """A terminal of our own with a program in it: what it shows, as far as `imago top` needs it."""

    def __init__(self, columns, rows, *command):
        self.ended = None
        self.columns, self.rows = columns, rows
        self.lines = [""] * rows
        self.row = self.column = 0
        self.raw = b""
        self.other_screen = self.hidden = False
        self.overflow = False
        end, inside = pty.openpty()
        self.end, self.inside = end, inside
        self.resize(columns, rows)
        self.before = termios.tcgetattr(inside)
        self.process = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
                                        env={**os.environ, "TERM": "xterm"})
        self.pending = ""

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.lines = (self.lines + [""] * rows)[:rows]

    def read(self, seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.end], [], [], left)[0]:
                break
            try:
                got = os.read(self.end, 65536)
            except OSError:
                break
            self.raw += got
            self.show(got.decode())

    def show(self, text):
        text = self.pending + text
        self.pending = ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = re.match(r"\x1b\[(\??[0-9;]*)([A-Za-z])", text[at:])
                if not found:
                    self.pending = text[at:]
                    return
                at += found.end()
                how, what = found.groups()
                if what == "H":
                    self.row = self.column = 0
                elif what == "K":
                    self.put(cut=True)
                elif what == "J":
                    if how == "2":
                        self.lines = [""] * self.rows
                    else:
                        self.put(cut=True)
                        for i in range(self.row + 1, self.rows):
                            self.lines[i] = ""
                elif what in "hl" and how == "?1049":
                    self.other_screen = what == "h"
                elif what in "hl" and how == "?25":
                    self.hidden = what == "l"
                elif what != "m":
                    sys.exit(f"FAILED: an escape that was not expected: {found[0]!r}")
            elif text[at] == "\r":
                self.column = 0
                at += 1
            elif text[at] == "\n":
                self.row += 1
                if self.row >= self.rows:
                    self.overflow = self.overflow or self.other_screen
                    self.row = self.rows - 1
                at += 1
            else:
                self.put(text[at])
                at += 1

    def put(self, char="", cut=False):
        line = self.lines[self.row].ljust(self.column)
        if cut:
            self.lines[self.row] = line[:self.column]
            return
        if self.column >= self.columns:
            self.overflow = self.overflow or self.other_screen
            return
        self.lines[self.row] = line[:self.column] + char + line[self.column + 1:]
        self.column += 1

    def wait(self, holds, patience=30):
        """Reads until holds() does; a slow machine has its time. True if it did."""
        deadline = time.monotonic() + patience
        while not holds() and time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.read(0.2)
                break
            self.read(0.1)
        return holds()

    def until(self, what, patience=30):
        return self.wait(lambda: any(what in line for line in self.lines), patience)

    def type(self, text):
        os.write(self.end, text.encode())

    def finish(self, what):
        """Waits for the end; the terminal must be as it was."""
        deadline = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.1)
        self.read(0.2)
        check(f"{what}: it ends", self.process.poll() is not None)
        check(f"{what}: back on the first screen, with its cursor", not self.other_screen and not self.hidden)
        check(f"{what}: the terminal's settings are as before", termios.tcgetattr(self.inside) == self.before)
        check(f"{what}: nothing was written past an edge", not self.overflow)
        os.close(self.end)
        os.close(self.inside)
        return self.process.returncode

    def all(self):
        return "\n".join(self.lines)


def busy(stop):
    """Writes without a pause, and a group that falls behind."""
    while not stop.is_set():
        imago("produce", topic, "-q", given=(b"x" * 100 + b"\n") * 500)
        time.sleep(0.05)


def numbers():
    told = json.loads(imago("top", "--once", "--json", "-i", "2", "--metrics", METRICS))
    mine = [t for t in told["topics"] if t["name"] == topic][0]
    check("a busy topic has rates", mine["messages_per_second"] > 0 and mine["partitions"] == 3, mine)
    check("and a size", mine["bytes"] > 0 and mine["bytes_per_second"] is not None, mine)
    check("the busiest is first", told["topics"][0]["name"] == topic)
    lag = [g for g in told["groups"] if g["group"] == topic + "-group"][0]
    check("a group that does not read falls behind", lag["lag"] > 0 and lag["lag_change_per_second"] > 0, lag)
    if OWN:
        check("the server's own numbers", told["server"]["flushes_per_second"] > 0 and told["server"]["flush_p99_seconds"] > 0 and
              told["server"]["connections"] >= 1 and told["server"]["requests_per_second"] > 0, told["server"])
        check("both count the same messages", abs(told["server"]["messages_per_second"] - told["messages_per_second"]) <
              0.5 * told["messages_per_second"] + 500, told)
    alone = json.loads(imago("top", "--once", "--json", "-i", "0.5", "--metrics", "none"))
    check("without metrics the rest is there", alone["server"] is None and alone["topics"])
    text = imago("top", "--once", "-i", "0.5", "--metrics", METRICS).decode()
    check("plain text without escapes", "\x1b" not in text and topic in text and "GROUP" in text, text)
    if OWN:
        check("with flush latency", re.search(r"p50 .* p99 ", text), text)
    check("without groups, if so wanted", json.loads(imago("top", "--once", "--json", "-i", "0.2", "--no-groups", "--metrics", "none"))["groups"] == [])
    none = imago("top", "--once", "-b", "127.0.0.1:1", code=1)
    check("nobody there is said with advice", b"--brokers" in none, none)
    imago("top", "-i", "0", code=2)
    imago("top", "--metrics", ":x", code=2)


def screens():
    shown = Terminal(80, 24, IMAGO, "top", "-i", "0.3", "--metrics", METRICS)
    check("the screen comes", shown.until("TOPIC"), shown.all())
    check("it has a screen of its own", shown.other_screen and shown.hidden)
    check("the topic and the group are there", shown.until(topic) and shown.until("GROUP"), shown.all())
    check("the keys are on the last line", shown.until("q quit") and "q quit" in shown.lines[23], shown.all())
    check("no line is too long", all(len(line) <= 80 for line in shown.lines))
    if OWN:
        check("flush latency is there", shown.until("p99"), shown.all())
    shown.read(1)
    shown.type("n")
    shown.read(0.3)
    shown.resize(60, 12)
    shown.process.send_signal(signal.SIGWINCH)
    check("smaller: the keys follow", shown.wait(lambda: "q quit" in shown.lines[11]), shown.all())
    shown.resize(120, 40)
    shown.process.send_signal(signal.SIGWINCH)
    check("larger: the keys follow", shown.wait(lambda: "q quit" in shown.lines[39]), shown.all())
    shown.type("q")
    check("q ends it well", shown.finish("q") == 0)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        shown = Terminal(80, 24, IMAGO, "top", "-i", "0.3", "--metrics", "none")
        check(f"{name}: it runs", shown.until("q quit"), shown.all())
        shown.process.send_signal(getattr(signal, name))
        check(f"{name} ends it well", shown.finish(name) == 0)
    shown = Terminal(80, 24, IMAGO, "top", "-i", "0.3", "--metrics", "none")
    check("it runs", shown.until("q quit"), shown.all())
    shown.process.send_signal(signal.SIGABRT)
    check("also when it dies", shown.finish("SIGABRT") != 0)
    shown = Terminal(80, 24, IMAGO, "top", "-b", "127.0.0.1:1")
    check("nobody there: said on the first screen", shown.until("imago:") and not shown.other_screen, shown.all())
    check("and it ends with 1", shown.finish("no server") == 1)
    for columns, rows in ((1, 1), (20, 3), (40, 5), (300, 100)):
        shown = Terminal(columns, rows, IMAGO, "top", "-i", "0.3", "--metrics", METRICS)
        check(f"{columns}x{rows}: it has a screen of its own", shown.wait(lambda: shown.other_screen), shown.all())
        shown.read(2)
        check(f"{columns}x{rows}: it runs", shown.process.poll() is None and shown.other_screen, shown.all())
        shown.type("q")
        check(f"{columns}x{rows}: ends well", shown.finish(f"{columns}x{rows}") == 0)
    if hasattr(signal, "SIGTSTP"):
        shown = Terminal(80, 24, IMAGO, "top", "-i", "0.3", "--metrics", "none")
        check("it runs", shown.until("q quit"), shown.all())
        shown.process.send_signal(signal.SIGTSTP)
        check("Ctrl-Z gives the terminal back", shown.wait(
            lambda: not shown.other_screen and termios.tcgetattr(shown.inside) == shown.before))
        shown.process.send_signal(signal.SIGCONT)
        check("and fg takes it again", shown.wait(lambda: shown.other_screen))
        shown.type("q")
        check("and it ends well", shown.finish("Ctrl-Z") == 0)


os.environ.pop("IMAGO_CONTEXT", None)
with server("--set", f"metrics.listen={METRICS}"):
    imago("topic", "create", topic, "-p", "3")
    imago("produce", topic, given=b"x\n")
    imago("group", "reset", topic + "-group", "--topic", topic, "--to-end", "--yes")
    stop = threading.Event()
    writer = threading.Thread(target=busy, args=(stop,))
    writer.start()
    try:
        numbers()
        screens()
    finally:
        stop.set()
        writer.join()
    imago("topic", "delete", topic)
