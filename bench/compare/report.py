"""One JSON with everything, one Markdown to read, one SVG for each cell."""
import html
import json
import statistics

COLOURS = {"imago": "#1f6f54", "kafka-cache": "#b9b9b9", "kafka-flushed": "#8c8c8c", "redis-always": "#c8776b",
           "redis-everysec": "#e3b7b0"}


def values(runs, key="value"):
    return [run[key] for run in runs if run.get(key) is not None and "error" not in run]


def spread(numbers, shape="{:,.0f}"):
    if not numbers:
        return "-"
    return (shape + " ({}..{})").format(statistics.median(numbers), shape.format(min(numbers)), shape.format(max(numbers)))


def ratios(ours, theirs, key="value"):
    """Round by round."""
    return [a[key] / b[key] for a, b in zip(ours, theirs) if "error" not in a and "error" not in b and b.get(key) and a.get(key)]


def verdict(cell, numbers, goal):
    if not numbers or goal is None:
        return ""
    middle = statistics.median(numbers)
    met = middle >= goal if cell["better"] == "more" else middle <= goal
    return "met" if met else "MISSED"


def rank(cell, runs):
    """Cells that were lost first, then missed goals, then the others."""
    ours = runs.get("imago", [])
    lost = missed = False
    for peer, theirs in runs.items():
        if peer == "imago":
            continue
        numbers = ratios(ours, theirs)
        if not numbers:
            continue
        middle = statistics.median(numbers)
        lost = lost or (middle < 1 if cell["better"] == "more" else middle > 1)
        missed = missed or verdict(cell, numbers, cell["goals"].get(peer)) == "MISSED"
    return 0 if lost else 1 if missed else 2


def table(cell, runs):
    shape = "{:,.0f}" if cell["unit"] != "s" else "{:,.2f}"
    lines = [f"| server | {cell['figure']}, {cell['unit']} | imago by this | goal | | server CPU s/M | imago's CPU by this | goal |",
             "|---|---|---|---|---|---|---|---|"]
    for peer, theirs in runs.items():
        numbers = values(theirs)
        errors = [run["error"] for run in theirs if "error" in run]
        figure = spread(numbers, shape) if numbers else "failed"
        if errors:
            figure += f" ({len(errors)} of {len(theirs)} failed: {errors[-1][:120]})"
        cpu = values(theirs, "server_cpu_seconds_per_million")
        cells = [peer, figure, "", "", "", spread(cpu, "{:.2f}"), "", ""]
        if peer != "imago":
            found = ratios(runs.get("imago", []), theirs)
            cells[2] = spread(found, "{:.3g}")
            goal = cell["goals"].get(peer)
            if goal is not None:
                cells[3] = (">= " if cell["better"] == "more" else "<= ") + f"{goal:.3g}"
                cells[4] = verdict(cell, found, goal)
            found = ratios(runs.get("imago", []), theirs, "server_cpu_seconds_per_million")
            cells[6] = spread(found, "{:.3g}")
            if peer in cell["cpu_goals"]:
                cells[7] = f"<= {cell['cpu_goals'][peer]:.3g}"
                if found:
                    cells[7] += " met" if statistics.median(found) <= cell["cpu_goals"][peer] else " MISSED"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(cell, runs):
    """A bar for each server, a dot for each round."""
    bars = [(peer, values(theirs)) for peer, theirs in runs.items()]
    top = max((max(numbers) for _, numbers in bars if numbers), default=1)
    left, width, height = 150, 430, 34
    rows = []
    for i, (peer, numbers) in enumerate(bars):
        y = 46 + i * height
        rows.append(f'<text x="{left - 10}" y="{y + 15}" text-anchor="end">{html.escape(peer)}</text>')
        if not numbers:
            rows.append(f'<text x="{left}" y="{y + 15}" fill="#a00">failed</text>')
            continue
        middle = statistics.median(numbers)
        rows.append(f'<rect x="{left}" y="{y}" width="{width * middle / top:.1f}" height="20" fill="{COLOURS.get(peer, "#777")}"/>')
        rows += [f'<circle cx="{left + width * each / top:.1f}" cy="{y + 10}" r="2.5" fill="#222"/>' for each in numbers]
        rows.append(f'<text x="{left + width * max(numbers) / top + 8:.1f}" y="{y + 15}">{middle:,.4g}</text>')
    better = "more is better" if cell["better"] == "more" else "less is better"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="700" height="{60 + len(bars) * height}" font-family="sans-serif" '
            f'font-size="13"><rect width="100%" height="100%" fill="#fff"/><text x="10" y="20" font-weight="bold">'
            f'{html.escape(cell["title"])}</text><text x="10" y="37" fill="#555">{cell["unit"]}, {better}; bar: median, dots: '
            f'rounds</text>{"".join(rows)}</svg>\n')


def write(folder, facts, cells, results):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps({"facts": facts, "results": results}, indent=1))
    done = [cell for cell in cells if cell["name"] in results]
    done.sort(key=lambda cell: rank(cell, results[cell["name"]]))
    lines = ["# imago and its peers side by side", "",
             f"{facts['when']}, {facts['machine']}, {facts['processors']} processors shared by server and load, loopback. "
             f"{facts['rounds']} rounds of {facts['seconds']:g} s, order alternating, each on a fresh folder; median (least..most). "
             f"Others used {100 * facts['busy_before']:.0f} % of the processors before it began. Read-ahead, KiB: "
             + ", ".join(f"{disk} {value}" for disk, value in facts["read_ahead_kb"].items()) + ".", ""]
    lines += [f"- {peer}: {settings}" for peer, settings in facts["settings"].items()]
    headings = ["Lost to a peer", "Won, but a goal is missed", "The rest"]
    last = None
    for cell in done:
        place = rank(cell, results[cell["name"]])
        if place != last:
            last = place
            lines += ["", f"## {headings[place]}"]
        (folder / f"{cell['name']}.svg").write_text(plot(cell, results[cell["name"]]))
        lines += ["", f"### {cell['title']}", "", f"![]({cell['name']}.svg)", "", table(cell, results[cell["name"]])]
    (folder / "report.md").write_text("\n".join(lines) + "\n")
