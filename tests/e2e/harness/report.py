"""Results: one line for each failure as it happens, counts for each chapter, one closing line."""
import copy
import sys
import threading
import time


class Report:
    """Collects results from any thread. A result is passed, failed (with a reason) or skipped (with a reason)."""

    def __init__(self):
        self._lock = threading.Lock()
        self.failed, self.skipped, self.passed = [], [], 0
        self._chapter = None

    def chapter(self, title):
        self._finish()
        self._chapter = (title, time.monotonic(), self.passed, len(self.failed))

    def _finish(self):
        if self._chapter:
            title, began, passed, failed = self._chapter
            with self._lock:
                print(f"  {title}: {self.passed - passed} passed, {len(self.failed) - failed} failed "
                      f"({time.monotonic() - began:.1f} s)", flush=True)

    def result(self, name, problem=None):
        with self._lock:
            if problem is None:
                self.passed += 1
            else:
                self.failed.append(name)
                print(f"FAILED {name}\n       {problem}", flush=True)

    def skip(self, name, reason):
        with self._lock:
            self.skipped.append(name)
            print(f"skipped {name}: {reason}", flush=True)

    def attempt(self, name, check):
        """Run a check: it returns None or what is wrong; an exception is a failure with its text."""
        try:
            problem = check()
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        self.result(name, problem)
        return problem is None

    def close(self):
        """The closing line; the exit status of the run."""
        self._finish()
        print(f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped", flush=True)
        return 1 if self.failed else 0


class Trial(Report):
    """Results that are kept back until it is known whether they count."""

    def __init__(self):
        super().__init__()
        self.results = []

    def result(self, name, problem=None):
        with self._lock:
            self.results.append((name, problem))


def twice(stage, work):
    """Runs work(stage), and once more on fresh names if something failed. What is about time fails when the machine or its
    disk stands still for some seconds; what is wrong fails again. The first failure is printed either way."""
    for attempt in range(2):
        trial = copy.copy(stage)
        trial.report = Trial()
        if attempt:
            trial.prefix = stage.prefix + "-again"
        try:
            work(trial)
        except Exception as error:
            trial.report.result("a chapter's work", f"{type(error).__name__}: {error}")
        problems = [(name, problem) for name, problem in trial.report.results if problem is not None]
        if attempt or not problems:
            break
        for name, problem in problems:
            print(f"seen once, tried again: {name}\n       {problem}", flush=True)
    for name, problem in trial.report.results:
        stage.report.result(name, problem)


def fatal(text):
    print(text, file=sys.stderr)
    sys.exit(2)
