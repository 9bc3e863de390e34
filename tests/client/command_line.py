"""What the tests of the command line share: running imago, a server of its own, counting checks."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

IMAGO = sys.argv[1]
FOLDER = tempfile.mkdtemp(prefix="imago-commands-")
checks = 0


def check(what, holds, detail=""):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"FAILED: {what} {detail}")


def imago(*args, given=b"", code=0, environment=None):
    """Standard output of a command that did well, else its standard error."""
    done = subprocess.run([IMAGO, *args], input=given, capture_output=True, timeout=120,
                          env=None if environment is None else {**os.environ, **environment})
    check(f"imago {' '.join(args)} exits with {code}", done.returncode == code,
          f"not {done.returncode}: {done.stderr.decode()}")
    return done.stdout if code == 0 else done.stderr


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def start_server(*more):
    # The system gives it a port of its own: one that was free a moment ago may be another test's by now.
    process = subprocess.Popen([IMAGO, "serve", "--data-dir", FOLDER + "/data", "--kafka", "127.0.0.1:0", *more],
                               stdout=subprocess.PIPE)
    told = process.stdout.readline().decode()
    check("the server says that it serves", "serving kafka" in told, told)
    return process, told.split()[-1]


@contextlib.contextmanager
def server(*more):
    """The server of the second argument, or one of its own that ends with the block; IMAGO_BROKERS names it."""
    process = None
    try:
        if len(sys.argv) > 2:
            os.environ["IMAGO_BROKERS"] = sys.argv[2]
        else:
            process, os.environ["IMAGO_BROKERS"] = start_server(*more)
        yield
        if process:
            process.send_signal(signal.SIGTERM)
            check("the server stops cleanly", process.wait(60) == 0)
            process = None
        print(f"{checks} checks passed")
    finally:
        if process:
            process.kill()
        shutil.rmtree(FOLDER, ignore_errors=True)
