"""Figures of rounds: medians, ratios within rounds, how sure they are, goals."""
import random
import statistics


def values(runs, key="value"):
    return [run[key] for _, run in sorted(runs.items()) if "error" not in run and run.get(key) is not None]


def median(numbers):
    return statistics.median(numbers) if numbers else None


def ratios(ours, theirs, key="value"):
    """Round by round, where both were measured."""
    return [ours[number][key] / theirs[number][key] for number in sorted(ours) if number in theirs and
            "error" not in ours[number] and "error" not in theirs[number] and ours[number].get(key) and theirs[number].get(key)]


def interval(numbers, share=0.95, times=2000):
    """Of the median, by resampling; the same for the same numbers. None for less than three."""
    if len(numbers) < 3:
        return None
    dice = random.Random(7)
    found = sorted(statistics.median(dice.choices(numbers, k=len(numbers))) for _ in range(times))
    return found[int(times * (1 - share) / 2)], found[int(times * (1 + share) / 2) - 1]


def met(cell, found, goal):
    """None where there is nothing to say."""
    if goal is None or not found:
        return None
    middle = statistics.median(found)
    return middle >= goal if cell["better"] == "more" else middle <= goal


class Compared:
    """One cell as the report sees it: the runs of each peer, borrowed ones included."""

    def __init__(self, cell, results):
        self.cell = cell
        self.runs = {}
        for peer in cell["peers"]:
            found = results.get(cell["like"].get(peer, cell["name"]), {}).get(peer)
            if found:
                self.runs[peer] = found
        self.results = results
        self.ours = self.runs.get("imago", {})
        self.others = {peer: runs for peer, runs in self.runs.items() if peer != "imago"}

    def against(self, peer, key="value"):
        return ratios(self.ours, self.runs.get(peer, {}), key)

    def lost_to(self):
        """Peers whose median round beat ours; all of them if ours has no figure."""
        lost = []
        for peer, runs in self.others.items():
            found = self.against(peer)
            if found:
                middle = statistics.median(found)
                if middle < 1 if self.cell["better"] == "more" else middle > 1:
                    lost.append(peer)
            elif self.ours and not values(self.ours) and values(runs):
                lost.append(peer)
        return lost

    def goals(self):
        """(what, found, met?) of each goal of the cell. A peer that failed has no ratio: None."""
        sign = ">=" if self.cell["better"] == "more" else "<="
        for peer, goal in self.cell["goals"].items():
            found = self.against(peer)
            yield f"{sign} {goal:.3g}x {peer}", median(found), met(self.cell, found, goal)
        for peer, goal in self.cell["cpu_goals"].items():
            found = self.against(peer, "server_cpu_seconds_per_million")
            yield f"server CPU <= {goal:.3g}x {peer}", median(found), None if not found else statistics.median(found) <= goal
        if self.cell["of_own"]:
            other, share = self.cell["of_own"]
            found = ratios(self.ours, self.results.get(other, {}).get("imago", {}))
            yield f">= {share:.3g}x imago's own {other}", median(found), None if not found else statistics.median(found) >= share
        if self.cell["beyond_device_us"] is not None:
            found = [run["times_us"]["p50"] - run["canary"]["write_us"] for run in self.ours.values() if "times_us" in run]
            middle = median(found)
            yield (f"p50 within {self.cell['beyond_device_us']} us of the device's own write", middle,
                   None if middle is None else middle <= self.cell["beyond_device_us"])

    def place(self, durable):
        """0, 1 lost (to a durable peer, to another), 2 a goal is missed, 3 the rest."""
        lost = self.lost_to()
        if any(durable.get(peer) for peer in lost):
            return 0
        if lost:
            return 1
        return 2 if any(found is False for _, _, found in self.goals()) else 3
