"""Servers on fresh folders, the programs that load them, and what the system says of both."""
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "compare"))
from loads import WINDOW  # noqa: E402, F401
from machine import busy_share, loopback_limit  # noqa: E402, F401
from process import Failed, free_port  # noqa: E402


def processor_seconds(pid):
    """User and system time of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class Server:
    """imago on a folder of its own. start() can be called again after kill() or stop(): the folder stays until forget()."""

    def __init__(self, build, *settings, parent=None):
        self.binary = build / "imago"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="imago-own-", dir=parent))
        self.settings = list(settings)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.metrics_port = free_port()
        self.process = None

    def start(self, patience=120):
        """Seconds from the start of the process to its first answer."""
        words = [word for setting in (f"metrics.listen=127.0.0.1:{self.metrics_port}", *self.settings) for word in ("--set", setting)]
        began = time.monotonic()
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve", "--data-dir", self.folder / "data", "--kafka", self.address,
                                             *words], stdout=log, stderr=subprocess.STDOUT)
        while self.process.poll() is None and time.monotonic() < began + patience:
            if answers(self.port):
                return time.monotonic() - began
            time.sleep(0.001)
        self.kill()
        raise Failed(f"the server does not answer; its log ends:\n{self.log()[-800:]}")

    def log(self):
        return (self.folder / "server.log").read_text(errors="replace")

    @property
    def pid(self):
        return self.process.pid

    def memory(self):
        return resident_bytes(self.pid)

    def cpu(self):
        return processor_seconds(self.pid)

    def metrics(self):
        """Those without labels."""
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=30).read().decode()
        return {name: float(value) for name, value in re.findall(r"^(imago_\w+) ([0-9.e+]+)$", text, re.M)}

    def read_bytes(self):
        """Bytes that the server had the disk read since its start."""
        lines = pathlib.Path(f"/proc/{self.pid}/io").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("read_bytes")).split()[1])

    def segments(self):
        return sorted((self.folder / "data").rglob("*.seg"))

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, patience=120):
        """Seconds that a clean stop takes."""
        began = time.monotonic()
        self.process.terminate()
        if self.process.wait(patience) != 0:
            raise Failed(f"the server ended with {self.process.returncode}:\n{self.log()[-800:]}")
        return time.monotonic() - began

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def answers(port):
    """True if somebody answers ApiVersions there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.settimeout(30)
            s.sendall(struct.pack(">ihhih", 10, 18, 0, 1, -1))
            return len(s.recv(4)) == 4
    except OSError:
        return False


def call(command, timeout=600):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise Failed((done.stderr or done.stdout).strip()[-500:] or f"{command[0]}: exit {done.returncode}")
    return done.stdout


class Rig:
    """What every cell gets."""

    def __init__(self, build, seconds, folder=None):
        self.build, self.seconds, self.parent = build, seconds, folder

    def server(self, *settings):
        return Server(self.build, *settings, parent=self.parent)

    def command(self, server, what, **options):
        words = [self.build / "imago", "bench", what, "-b", server.address, "--json", "--pid", server.pid]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", value]
        return [str(word) for word in words]

    def bench(self, server, what, **options):
        """The objects that `imago bench` printed; the last of them alone where there is but one."""
        got = [json.loads(line) for line in call(self.command(server, what, **options), 1800).splitlines()]
        return got[0] if len(got) == 1 else got

    def started(self, server, what, **options):
        """The same, under way beside something else; finished() gives its object."""
        return subprocess.Popen(self.command(server, what, **options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def create(self, server, name, partitions):
        call([self.build / "imago", "topic", "create", name, "--brokers", server.address, "--partitions", partitions])

    def alter(self, server, name, partitions):
        call([self.build / "imago", "topic", "alter", name, "--brokers", server.address, "--partitions", partitions])


def finished(process, timeout=600):
    out, err = process.communicate(timeout=timeout)
    if process.returncode != 0:
        raise Failed(err.strip()[-500:] or f"exit {process.returncode}")
    return json.loads(out.strip().splitlines()[-1])


def row(name, value, unit, goal=None, better="more", limit=None, **details):
    """A line of the report: one figure, its goal, the limit it is held against, and what else was seen."""
    return {"name": name, "value": value, "unit": unit, "goal": goal, "better": better, "limit": limit, "details": details}


def curve(name, x_name, y_name, x, y):
    """A point of a line plot: `name` says which plot, `y_name` which line."""
    return {"plot": name, "x_name": x_name, "line": y_name, "x": x, "y": y}
