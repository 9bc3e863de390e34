"""Server processes in private folders, and what the system tells of them."""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PORTS = [20_000, 30_000]  # below those that the system gives to clients
WHERE = [None]            # the folder for data; None: the system's for temporary files


class Missing(Exception):
    """A peer is not installed; the text says how to get it."""


class Failed(Exception):
    """A server or a load did not do what it should; the text is what is shown."""


def free_port():
    for _ in range(1000):
        port = random.randrange(*PORTS)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failed(f"no port is free between {PORTS[0]} and {PORTS[1]}")


class Server:
    """One server, which may be several processes, with a folder of its own. `main` is the one that has the data."""

    def __init__(self, name, cage=None):
        self.name, self.cage = name, cage
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"imago-compare-{name}-", dir=WHERE[0]))
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.processes = []
        self.command = None
        self.more = {}    # what its loads must know besides the address
        self.filled = {}  # number of queues -> (topic, messages) that consumers find
        self.log = self.folder / "server.log"

    def run(self, command, port, wait_s, environment=None):
        """Starts a process and waits until it listens."""
        with open(self.log, "ab") as log:
            process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT,
                                       env={**os.environ, **(environment or {})}, cwd=self.folder,
                                       preexec_fn=self.cage.enter if self.cage else None)
        self.processes.append(process)
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return self
            except OSError:
                time.sleep(0.01)
        raise Failed(f"{self.name} does not listen; its log ends: {self.tail()}")

    def start(self, command, wait_s, environment=None):
        """The main process; restart() does the same again."""
        self.again = (command, wait_s, environment)
        return self.run(command, self.port, wait_s, environment)

    def restart(self):
        command, wait_s, environment = self.again
        return self.run(command, self.port, wait_s, environment)

    @property
    def main(self):
        return self.processes[-1]

    def kill_main(self):
        process = self.processes.pop()
        process.kill()
        process.wait()

    def tail(self, characters=300):
        return self.log.read_text(errors="replace")[-characters:].strip() if self.log.exists() else ""

    def gone(self):
        """None, or how a process of it ended that should still run."""
        for process in self.processes:
            if process.poll() is not None:
                killed = f"signal {-process.returncode}" if process.returncode < 0 else f"exit {process.returncode}"
                return f"the server ended ({killed}); its log ends: {self.tail()}"
        return None

    def forget(self):
        """Ends it, however it ends, and removes its folder: what is compared is over."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)  # nobody reads the folder any more
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def counters(self):
        return Counters([process.pid for process in self.processes])

    def memory(self):
        """Bytes resident, and those among them that are not pages of files."""
        resident = own = 0
        for process in self.processes:
            fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
                          if ":" in line)
            resident += int(fields["VmRSS"].split()[0]) * 1024
            own += int(fields["RssAnon"].split()[0]) * 1024
        return {"resident_bytes": resident, "anonymous_bytes": own}


class Counters:
    """What some processes and the disks have done so far; a difference of two tells what a measurement cost."""

    def __init__(self, pids):
        self.processor = self.written = 0
        for pid in pids:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            self.processor += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            io = dict(line.split(": ") for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines())
            self.written += int(io["write_bytes"])
        self.flushes = self.device = 0
        for path in pathlib.Path("/sys/block").glob("[a-z]*/stat"):
            fields = path.read_text().split()
            if not path.parts[3].startswith(("loop", "ram", "zram", "dm-", "md")):
                self.device += int(fields[6]) * 512
                self.flushes += int(fields[15]) if len(fields) > 15 else 0

    def cpu_since(self, before, messages):
        """Seconds of processor time for a million messages."""
        return (self.processor - before.processor) * 1e6 / messages

    def since(self, before, messages):
        """A million messages' share of what a server did."""
        if not messages:
            return {}
        share = 1e6 / messages
        return {"server_cpu_seconds_per_million": self.cpu_since(before, messages),
                "written_bytes_per_million": (self.written - before.written) * share,
                "device_bytes_per_million": (self.device - before.device) * share,
                "flushes_per_million": (self.flushes - before.flushes) * share}
