"""One Markdown to read, with plots; results.json beside it has everything."""
import plots
from cells import SWEEP
from ratios import Compared, interval, median, values

HEADINGS = ["Lost to a peer that is durable as imago is", "Lost to a peer that acknowledges before the disk has it",
            "Won, but a goal is missed", "The rest"]

FUA = {"1": "has FUA: a durable write is one request, and no flush is counted for it",
       "0": "has no FUA: a durable write is a write and a flush, and both are counted"}


def spread(numbers, shape="{:,.0f}"):
    if not numbers:
        return "-"
    if len(numbers) == 1:
        return shape.format(numbers[0])
    return (shape + " ({}..{})").format(median(numbers), shape.format(min(numbers)), shape.format(max(numbers)))


def ratio(numbers):
    sure = interval(numbers)
    text = spread(numbers, "{:.3g}")
    return text if sure is None else f"{text} [{sure[0]:.3g}, {sure[1]:.3g}]"


def shape_of(unit):
    return "{:,.2f}" if unit == "s" else "{:,.0f}"


def limit_share(compared, runs, facts):
    """Of what the disk or loopback could do in the same round and group."""
    cell = compared.cell
    found = []
    for number, run in runs.items():
        limits = [each for each in facts["limits"] if each["round"] == int(number) and each["group"] == cell["group"]]
        if "error" in run or not limits or "seconds" not in run:
            continue
        bound = limits[-1]["loopback_mb_s"] if cell["limit"] == "loopback" else limits[-1]["disk"]["262144"]["mb_s"]
        found.append(100 * run["messages_per_second"] * cell["load"]["message"] / 1e6 / bound)
    return found


def per_million(runs, key, scale, shape):
    found = median(values(runs, key))
    return "" if found is None else shape.format(found / scale)


def table(compared, facts):
    cell = compared.cell
    columns = ["server", "durable", f"{cell['figure'].replace('_', ' ')}, {cell['unit']}", "imago by this [95 %]", "server CPU s/M",
               "imago's CPU by this", "load's CPU s/M", "GB written/M", "flushes/M", "resident MiB"]
    if cell["limit"]:
        columns.append(f"% of the {cell['limit']}'s limit")
    timed = any(values(runs, "times_us") for runs in compared.runs.values())
    if timed:
        columns.append("p50 / p99 / p99.9, us")
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for peer, runs in compared.runs.items():
        words = [f"**{peer}**" if peer == "imago" else peer, "yes" if facts["durable"].get(peer) else "no", figure(cell, runs), "",
                 spread(values(runs, "server_cpu_seconds_per_million"), "{:.2f}"), "",
                 per_million(runs, "load_cpu_seconds_per_million", 1, "{:.2f}"),
                 per_million(runs, "written_bytes_per_million", 1e9, "{:.2f}"), per_million(runs, "flushes_per_million", 1, "{:,.0f}"),
                 per_million(runs, "resident_bytes", 1 << 20, "{:,.0f}")]
        if peer != "imago":
            words[3] = ratio(compared.against(peer))
            words[5] = spread(compared.against(peer, "server_cpu_seconds_per_million"), "{:.3g}")
        if cell["limit"]:
            words.append(spread(limit_share(compared, runs, facts)))
        if timed:
            times = values(runs, "times_us")
            words.append(" / ".join(f"{median([each[q] for each in times]):,.0f}" for q in ("p50", "p99", "p99.9")) if times else "")
        lines.append("| " + " | ".join(words) + " |")
    return "\n".join(lines)


def figure(cell, runs):
    """With what went wrong, what was remarked, and how often the canary moved."""
    numbers = values(runs)
    text = spread(numbers, shape_of(cell["unit"])) if numbers else "failed"
    errors = [run["error"] for run in runs.values() if "error" in run]
    if errors:
        text += f"; {len(errors)} of {len(runs)} failed: " + " ".join(errors[-1].replace("|", "/").split())[:200]
    remarks = [run["remark"] for run in runs.values() if "remark" in run]
    if remarks:
        text += f"; {remarks[-1]}"
    shaken = sum(run.get("canary_moved", 0) > 0.2 for run in runs.values())
    return text + (f"; canary moved in {shaken} of {len(runs)}" if shaken else "")


def extras(compared):
    """What some cells tell besides."""
    lines = []
    for peer, runs in compared.runs.items():
        for key, words, scale in (("p99_alone_us", "producer's p99 before, us", 1), ("p99_meanwhile_us", "meanwhile, us", 1),
                                  ("listening_seconds", "listens after, s", 1), ("start_seconds", "first start until it listens, s", 1),
                                  ("idle_share_of_a_core", "idle, % of a core", 0.01),
                                  ("anonymous_bytes", "of it no pages of files, MiB", 1 << 20)):
            if compared.cell["group"] == "life" and (found := values(runs, key)):
                lines.append(f"{peer}: {words} {median(found) / scale:,.3g}")
    return "; ".join(lines)


def goals(all_compared):
    lines = ["| cell | goal | found | |", "|---|---|---|---|"]
    for compared in all_compared:
        for words, found, is_met in compared.goals():
            shown = "not measured" if found is None else f"{found:,.3g}"
            lines.append(f"| {compared.cell['name']} | {words} | {shown} | {'' if is_met is None else 'met' if is_met else '**MISSED**'} |")
    return "\n".join(lines)


def limits(facts):
    disk = [each["disk"] for each in facts["limits"]]
    if not disk:
        return "The machine's limits were not measured."
    words = [f"{int(block) // 1024} KiB {spread([each[block]['mb_s'] for each in disk])} MB/s, p50 "
             f"{spread([each[block]['p50_us'] for each in disk])} us" for block in ("4096", "65536", "262144", "1048576")]
    copy = spread([each["loopback_mb_s"] for each in facts["limits"]])
    return ("Limits beside it, before each group of each round: durable sequential writes, one in flight: " + "; ".join(words) +
            f". One TCP connection over loopback that copies 1 MiB at a time: {copy} MB/s.")


def opening(facts):
    fua = ", ".join(f"{disk} {FUA.get(value, value)}" for disk, value in facts["fua"].items())
    ahead = ", ".join(f"{disk} {value}" for disk, value in facts["read_ahead_kb"].items())
    lines = ["# imago and its peers side by side", "",
             f"{facts['when']}, {facts['machine']}, {facts['memory_gib']:.0f} GiB, {facts['processors']} processors shared by server and "
             f"load, loopback. {facts['rounds']} rounds of {facts['seconds']:g} s ({facts.get('took_minutes', 0):.0f} minutes in all), "
             "fewer where a cell takes long or has no goal for a peer; order of the peers alternating, each group of cells on a fresh "
             "folder. Told: median (least..most) [95 % bootstrap interval of the median]; ratios are made within a round. Others used "
             f"{100 * facts['busy_before']:.0f} % of the processors before it began. Read-ahead, KiB: {ahead}. Disk: {fua}. /M: a "
             "million messages; bytes written and processor time are the server's, flushes are the disk's.", "", limits(facts), ""]
    lines += [f"- **{peer}**{'' if facts['durable'][peer] else ' (acknowledges before the disk has it)'}: {settings}"
              for peer, settings in facts["settings"].items()]
    return lines + [f"- {peer} is left out: {why}." for peer, why in facts["left_out"].items()]


def write(folder, results, cells):
    facts = results.facts
    every = [Compared(cell, results.of) for cell in cells]
    every = [compared for compared in every if compared.runs]
    every.sort(key=lambda compared: compared.place(facts["durable"]))
    lines = opening(facts)
    (folder / "overview.svg").write_text(plots.overview(every))
    lines += ["", "![](overview.svg)", "", "## Goals", "", goals(every)]
    swept = plots.sweep([compared for compared in every if compared.cell["name"] in SWEEP])
    if swept:
        (folder / "queues.svg").write_text(swept)
        lines += ["", "![](queues.svg)"]
    last = None
    for compared in every:
        place, name = compared.place(facts["durable"]), compared.cell["name"]
        if place != last:
            last = place
            lines += ["", f"## {HEADINGS[place]}"]
        (folder / f"{name}.svg").write_text(plots.bars(compared, facts["durable"]))
        lost = compared.lost_to()
        lines += ["", f"### {compared.cell['title']}", "", *([f"Lost to {', '.join(lost)}.", ""] if lost else []), f"![]({name}.svg)",
                  "", table(compared, facts)]
        if lent := [peer for peer in compared.runs if peer in compared.cell["like"]]:
            lines += ["", f"With a load of its own kind, as in cell {compared.cell['like'][lent[0]]}: {', '.join(lent)}."]
        if more := extras(compared):
            lines += ["", more + "."]
    (folder / "report.md").write_text("\n".join(lines) + "\n")
