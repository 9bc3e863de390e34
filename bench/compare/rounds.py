"""The order of things: rounds, groups, peers, cells; what was measured already is not measured again."""
import json
import subprocess
import time

import machine
from cells import GROUPS, has_goal
from process import Failed, Missing
from scenarios import CAGE_MIB, Scenarios

MOVED = 0.2  # of the canary, beyond which a figure is not trusted


class Results:
    """cell -> peer -> round -> figures, in a file that is written after each measurement."""

    def __init__(self, path, resume):
        self.path = path
        known = json.loads(path.read_text()) if resume and path.exists() else {}
        self.of, self.facts = known.get("results", {}), known.get("facts", {})

    def has(self, cell, peer, number):
        got = self.of.get(cell, {}).get(peer, {}).get(str(number))
        return got is not None and not got.get("error", "").startswith(("not installed", "does not start"))

    def put(self, cell, peer, number, got):
        self.of.setdefault(cell, {}).setdefault(peer, {})[str(number)] = got
        self.write()

    def write(self):
        made = self.path.with_suffix(".new")
        made.write_text(json.dumps({"facts": self.facts, "results": self.of}, indent=1))
        made.replace(self.path)


def lives(peer, group, cells):
    """Which cells share a server's life. Redis has no room for more than one; imago and NATS are started for reading anew,
    which costs nothing; a JVM with ten thousand queues is not."""
    if group == "life" or peer.protocol == "redis":
        return [[cell] for cell in cells]
    if group == "many" and peer.warm_up <= 1:
        reading = [cell for cell in cells if cell["load"]["do"] == "consume"]
        writing = [cell for cell in cells if cell not in reading]
        return [each for each in (writing, reading) if each]
    return [cells] if cells else []


class Rounds:
    def __init__(self, args, peers, cells, results, canary):
        self.args, self.peers, self.cells, self.results, self.canary = args, peers, cells, results, canary
        self.scenarios = Scenarios(args.build, args.seconds)

    def run(self):
        for number in range(self.args.rounds):
            for group in GROUPS:
                # A-B-C, C-B-A: what drifts over minutes falls on all alike.
                todo = [(peer, self.open(peer, group, number)) for peer in self.peers]
                if not any(mine for _, mine in todo):
                    continue
                self.limits(number, group)
                for peer, mine in todo if number % 2 == 0 else reversed(todo):
                    for cells in lives(peer, group, mine):
                        self.live(peer, cells, number)

    def open(self, peer, group, number):
        """What is to be measured still. What no goal asks for is measured in fewer rounds."""
        def times(cell):
            wanted = self.args.rounds if has_goal(cell, peer.name) else self.args.other_rounds
            return min(wanted, cell["rounds"] or wanted)
        return [cell for cell in self.cells if cell["group"] == group and peer.name in cell["wanted"] and
                number < times(cell) and not self.results.has(cell["name"], peer.name, number)]

    def limits(self, number, group):
        machine.settle()
        found = {"round": number, "group": group, "disk": machine.disk_limit(self.args.build, self.args.folder),
                 "loopback_mb_s": machine.loopback_limit()}
        self.results.facts.setdefault("limits", []).append(found)
        print(f"{time.strftime('%H:%M:%S')} round {number + 1} limits: disk {found['disk']['262144']['mb_s']:,.0f} MB/s at 256 KiB, "
              f"{found['disk']['4096']['p50_us']:.0f} us for 4 KiB; loopback {found['loopback_mb_s']:,.0f} MB/s", flush=True)

    def live(self, peer, cells, number):
        """A server's life: one cell after the other, each on a topic of its own."""
        server, cage, wrong = None, None, None
        machine.settle()
        if cells[0]["load"]["do"] == "catch-up":
            cage = machine.Cage(CAGE_MIB << 20)
            if cage.folder is None:
                wrong = f"memory cannot be limited here: {cage.why}"
        try:
            if wrong is None:
                server, wrong = self.start(peer, cage, cells)
            for cell in cells:
                got = {"error": wrong} if wrong else self.trusted(cell, peer, server)
                self.results.put(cell["name"], peer.name, number, got)
                self.tell(cell, peer, number, got)
                if server is not None and wrong is None:
                    wrong = server.gone()
        finally:
            if server is not None:
                server.forget()
            if cage is not None:
                cage.close()

    def start(self, peer, cage, cells):
        begun = time.monotonic()
        try:
            server = peer.start(cage, reading=cells[0]["load"]["do"] == "consume")
        except Missing as why:
            return None, f"not installed: {why}"
        except (Failed, subprocess.CalledProcessError) as why:
            return None, f"does not start: {why}"
        server.start_seconds = time.monotonic() - begun
        if peer.warm_up > 1:
            time.sleep(2)  # what a JVM does right after its start is not what is measured
        if peer.warm_up > 1 and cells[0]["group"] not in ("life", "read"):
            try:
                self.scenarios.warm(peer, server)
            except Failed as why:
                return server, f"fails when it is warmed up: {why}"
        return server, None

    def trusted(self, cell, peer, server):
        """Once more if the canary moved; told if it moved again."""
        best = None
        for _ in range(1 if self.args.no_repeat or cell["group"] == "life" else 2):
            got = self.measured(cell, peer, server)
            if best is None or "error" not in got and got["canary_moved"] < best.get("canary_moved", 9):
                got["repeated"] = best is not None
                best = got
            if "error" in got or got["canary_moved"] <= MOVED or cell["load"]["do"] == "create":
                break
        return best

    def measured(self, cell, peer, server):
        try:
            self.scenarios.prepare(cell, peer, server)
            machine.settle()
            before = self.canary.sing()
            began = time.monotonic()
            got = self.scenarios.run(cell, peer, server)
            got["took_seconds"] = time.monotonic() - began
            got |= server.memory()
            machine.settle()
            after = self.canary.sing()
        except Missing as why:
            return {"error": f"not installed: {why}"}
        except (Failed, subprocess.SubprocessError, OSError) as why:
            return {"error": str(why)}
        got |= {"canary": before, "canary_after": after, "canary_moved": machine.moved(before, after)}
        got["value"] = got.get(cell["figure"], got.get("times_us", {}).get(cell["figure"]))
        return got if got["value"] is not None else {"error": f"no figure {cell['figure']}"}

    def tell(self, cell, peer, number, got):
        shown = f"failed: {got['error']}" if "error" in got else f"{got['value']:,.6g} {cell['unit']}"
        if got.get("canary_moved", 0) > MOVED:
            shown += f"  (canary moved {100 * got['canary_moved']:.0f} %)"
        if "remark" in got:
            shown += f"  ({got['remark']})"
        print(f"{time.strftime('%H:%M:%S')} round {number + 1} {cell['name']:20} {peer.name:15} {shown}", flush=True)
