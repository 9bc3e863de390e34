"""One JSON with everything, one Markdown to read, a line plot (SVG) for each curve."""
import html
import json
import math
import statistics

COLOURS = ("#1f6f54", "#c8776b", "#5b7db1", "#b08a2e")


def shown(number):
    if number is None:
        return "-"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def as_line(found):
    if "plot" in found:
        return f"{found['plot']:50} {found['x']:>8,} {shown(found['y'])}"
    return f"{found['name']:90} {shown(found['value'])} {found['unit']}  {json.dumps(found['details'])}"


def verdict(rows):
    goal, better = rows[0]["goal"], rows[0]["better"]
    if goal is None:
        return ""
    middle = statistics.median(each["value"] for each in rows)
    return "met" if (middle >= goal if better == "more" else middle <= goal) else "MISSED"


class Found:
    """Everything that was measured so far; written anew after each round, so that a run that ends early leaves a report."""

    def __init__(self):
        self.rows, self.curves, self.errors = {}, {}, {}

    def add(self, cell, found):
        if "plot" in found:
            self.curves.setdefault(found["plot"], []).append(found)
        else:
            self.rows.setdefault((cell, found["name"]), []).append(found)

    def failed(self, cell, why):
        self.errors.setdefault(cell, []).append(why)

    def write(self, folder, facts):
        folder.mkdir(parents=True, exist_ok=True)
        everything = {"facts": facts, "rows": [{"cell": cell, **each} for (cell, _), rows in self.rows.items() for each in rows],
                      "curves": self.curves, "errors": self.errors}
        (folder / "report.json").write_text(json.dumps(everything, indent=1))
        lines = ["# imago on its own", "",
                 f"{facts['when']}, {facts['machine']}, {facts['processors']} processors shared by server and load, loopback. Up to "
                 f"{facts['rounds']} rounds, {facts['seconds']:g} s a measurement; median (least..most). Others used "
                 f"{100 * facts['busy_before']:.0f} % of the processors before it began. Read-ahead, KiB: "
                 + ", ".join(f"{disk} {value}" for disk, value in facts["read_ahead_kb"].items()) + ".", ""]
        for cell, errors in self.errors.items():
            lines.append(f"- **{cell} failed** {len(errors)} times: {errors[-1][:300]}")
        groups = {"MISSED": "Goals that were missed", "met": "Goals that were met", "": "Figures without a goal"}
        for wanted, title in groups.items():
            rows = [(name, each) for (_, name), each in self.rows.items() if verdict(each) == wanted]
            if rows:
                lines += ["", f"## {title}", "", "| | figure | goal | limit, MB/s |", "|---|---|---|---|"]
                lines += [self.line(name, each) for name, each in rows]
        if self.curves:
            lines += ["", "## Curves", ""]
        for plot, points in self.curves.items():
            file = "".join(c if c.isalnum() else "-" for c in plot.lower()).strip("-") + ".svg"
            (folder / file).write_text(line_plot(plot, points))
            lines += [f"![{plot}]({file})", ""]
        (folder / "report.md").write_text("\n".join(lines) + "\n")

    @staticmethod
    def line(name, rows):
        values = [each["value"] for each in rows]
        spread = f" ({shown(min(values))}..{shown(max(values))})" if len(values) > 1 else ""
        goal = rows[0]["goal"]
        limits = [each["limit"] for each in rows if each["limit"] is not None]
        told = "" if goal is None else (">= " if rows[0]["better"] == "more" else "<= ") + shown(goal)
        limit = shown(statistics.median(limits)) if limits else ""
        return f"| {name} | {shown(statistics.median(values))} {rows[0]['unit']}{spread} | {told} | {limit} |"


def line_plot(title, points):
    """x by powers of ten, y from zero on."""
    width, height, left, bottom, top = 640, 300, 70, 40, 50
    first, last = min(each["x"] for each in points), max(each["x"] for each in points)
    highest = 1.15 * max(each["y"] for each in points) or 1

    def across(x):
        span = math.log10(last / first) or 1
        return left + (width - left - 20) * math.log10(x / first) / span

    def up(y):
        return height - bottom - (height - bottom - top) * y / highest

    parts = [f'<text x="10" y="20" font-weight="bold">{html.escape(title)}</text>']
    for i in range(5):
        y = highest * i / 4
        parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{up(y):.1f}" y2="{up(y):.1f}" stroke="#ddd"/>'
                     f'<text x="{left - 8}" y="{up(y) + 4:.1f}" text-anchor="end">{shown(y)}</text>')
    for x in sorted({each["x"] for each in points}):
        parts.append(f'<text x="{across(x):.1f}" y="{height - bottom + 18}" text-anchor="middle">{x:,}</text>')
    lines = {}
    for each in points:
        lines.setdefault(each["line"], {}).setdefault(each["x"], []).append(each["y"])
    for colour, values in zip(COLOURS, lines.values()):
        path = [(across(x), up(statistics.median(ys))) for x, ys in sorted(values.items())]
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
                     + " ".join(f"{x:.1f},{y:.1f}" for x, y in path) + '"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in path]
    parts.append(f'<text x="{width - 20}" y="{height - 6}" text-anchor="end" fill="#555">{html.escape(points[0]["x_name"])}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">'
            f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n')
