"""The server that is killed: started on the same folder and port each time, by itself, with no step of repair between."""
import os
import select
import signal
import subprocess
import time


class Victim:
    """One server process at a time. What is wrong with it is raised as RuntimeError with the end of its log."""

    def __init__(self, binary, folder, port, flags):
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.address = f"127.0.0.1:{port}"
        self.binary = binary
        self._command = [binary, "serve", "--data-dir", self.data, "--kafka", self.address, *flags]
        self._process = None
        self._spoken = b""
        self._began = 0.0

    def spawn(self):
        self._began, self._spoken = time.monotonic(), b""
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log)

    def wait_serving(self, patience_s=30):
        """Seconds from spawn() until it said that it serves."""
        out = self._process.stdout
        while b"imago: serving kafka on " not in self._spoken:
            left = self._began + patience_s - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                raise RuntimeError(f"the server does not serve after {patience_s} s; {self.log_end()}")
            piece = os.read(out.fileno(), 4096)
            if not piece:
                raise RuntimeError(f"the server ended by itself, exit {self._process.wait()}; {self.log_end()}")
            self._spoken += piece
        return time.monotonic() - self._began

    def kill(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"the server ended by itself, exit {self._process.returncode}; {self.log_end()}")
        self._process.send_signal(signal.SIGKILL)
        self._reap()

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the server did not stop within 20 s of SIGTERM; {self.log_end()}") from None
        self._reap()
        if status != 0:
            raise RuntimeError(f"exit {status} after SIGTERM; {self.log_end()}")

    def abandon(self):
        """At the end of a run that failed: nothing stays behind."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._reap()

    def _reap(self):
        self._process.wait()
        self._process.stdout.close()

    def check_log(self):
        """None, or what `imago log check` finds wrong with the stopped folder."""
        done = subprocess.run([self.binary, "log", "check", self.data], capture_output=True, text=True)
        return None if done.returncode == 0 else f"exit {done.returncode}: {(done.stdout + done.stderr)[-1200:]}"

    def segments(self, segment_bytes):
        """How many segments the log has had, and how many of them it still has."""
        bases = [int(path.stem) for path in (self.data / "log").glob("*.seg")]
        return max(bases) // segment_bytes + 1, len(bases)

    def log_end(self):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"its log ends:\n{text[-1500:]}"
