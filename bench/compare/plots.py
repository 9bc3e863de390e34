"""SVG plots: bars with their rounds, all ratios at a glance, speed against the number of queues."""
import html
import math

from ratios import median, values

COLOURS = {"imago": "#0b7a5b", "kafka-cache": "#b9b9b9", "kafka-flushed": "#6f6f6f", "rocketmq-sync": "#b5651d",
           "rocketmq-async": "#e3b27c", "nats-always": "#3f6fb5", "nats-default": "#a9c1e6", "redis-always": "#b5413a",
           "redis-everysec": "#e6aca8"}
HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" font-family="sans-serif" font-size="13">'
        '<rect width="100%" height="100%" fill="#fff"/><text x="10" y="20" font-weight="bold">{2}</text>'
        '<text x="10" y="37" fill="#555" font-size="12">{3}</text>')


def head(width, height, title, below):
    return HEAD.format(width, height, html.escape(title), html.escape(below))


def short(value):
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def bars(compared, durable):
    """A bar for each server, a dot for each round."""
    cell = compared.cell
    top = max((max(values(runs)) for runs in compared.runs.values() if values(runs)), default=1)
    left, width, height = 130, 470, 28
    rows = []
    for i, (peer, runs) in enumerate(compared.runs.items()):
        y = 48 + i * height
        weight = ' font-weight="bold"' if peer == "imago" else ""
        rows.append(f'<text x="{left - 10}" y="{y + 14}" text-anchor="end"{weight}>{html.escape(peer)}</text>')
        numbers = values(runs)
        if not numbers:
            rows.append(f'<text x="{left}" y="{y + 14}" fill="#a00">failed</text>')
            continue
        middle = median(numbers)
        # What was on no disk yet when it was acknowledged is hollow.
        colour = COLOURS.get(peer, "#777")
        fill = colour if durable.get(peer, True) else "#fff"
        rows.append(f'<rect x="{left}" y="{y}" width="{max(1, width * middle / top):.1f}" height="18" fill="{fill}" stroke="{colour}" '
                    'stroke-width="1.5"/>')
        rows += [f'<circle cx="{left + width * each / top:.1f}" cy="{y + 9}" r="2.5" fill="#222" fill-opacity="0.7"/>'
                 for each in numbers]
        rows.append(f'<text x="{left + width * max(numbers) / top + 8:.1f}" y="{y + 14}">{short(middle)}</text>')
    better = "more is better" if cell["better"] == "more" else "less is better"
    below = f"{cell['unit']}, {better}. Bar: median, dots: rounds; hollow: acknowledged before it was on the disk"
    return head(700, 58 + len(compared.runs) * height, cell["title"], below) + "".join(rows) + "</svg>\n"


def log_axis(low, high, x0, width):
    """Value -> position."""
    span = math.log(high / low)
    return lambda value: x0 + width * math.log(min(max(value, low), high) / low) / span


def overview(all_compared):
    """How many times better imago is than each peer, for every cell."""
    rows, y = [], 70
    left, width = 240, 520
    at = log_axis(0.1, 1000, left, width)
    for value in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        rows.append(f'<line x1="{at(value):.1f}" x2="{at(value):.1f}" y1="58" y2="{70 + 22 * len(all_compared)}" '
                    f'stroke="{"#000" if value == 1 else "#e4e4e4"}"/>')
        rows.append(f'<text x="{at(value):.1f}" y="54" text-anchor="middle" font-size="11" fill="#555">{value:g}x</text>')
    for compared in all_compared:
        rows.append(f'<text x="{left - 10}" y="{y + 8}" text-anchor="end">{html.escape(compared.cell["name"])}</text>')
        for peer in compared.others:
            found = median(compared.against(peer))
            if not found:
                continue
            better = found if compared.cell["better"] == "more" else 1 / found
            rows.append(f'<circle cx="{at(better):.1f}" cy="{y + 4}" r="5" fill="{COLOURS.get(peer, "#777")}" stroke="#222" '
                        f'stroke-width="0.6"><title>{html.escape(peer)}: {better:.3g}x better</title></circle>')
        y += 22
    x = 10
    for peer, colour in COLOURS.items():
        if peer != "imago":
            rows.append(f'<circle cx="{x + 6}" cy="{y + 18}" r="5" fill="{colour}" stroke="#222" stroke-width="0.6"/>'
                        f'<text x="{x + 15}" y="{y + 22}" font-size="11">{peer}</text>')
            x += 100
    return head(830, y + 40, "How many times better imago is", "right of the line imago is better; a dot for each peer (median)") + \
        "".join(rows) + "</svg>\n"


def sweep(all_compared):
    """Speed against the number of queues, both logarithmic."""
    lines = {}
    for compared in all_compared:
        for peer, runs in compared.runs.items():
            if (middle := median(values(runs))):
                lines.setdefault(peer, []).append((compared.cell["load"]["queues"], middle, values(runs)))
    every = [value for points in lines.values() for _, _, numbers in points for value in numbers]
    if not every:
        return None
    low = 10 ** math.floor(math.log10(min(every)))
    high = 10 ** math.ceil(math.log10(max(every)))
    x = log_axis(1, 10_000, 80, 520)
    down = log_axis(low, high, 0, 330)
    rows = []
    value = low
    while value <= high:
        y = 390 - down(value)
        rows.append(f'<line x1="80" x2="600" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>'
                    f'<text x="72" y="{y + 4:.1f}" text-anchor="end" font-size="11">{short(value)}</text>')
        value *= 10
    for queues in (1, 16, 100, 1000, 10_000):
        rows.append(f'<text x="{x(queues):.1f}" y="408" text-anchor="middle" font-size="11">{queues:,}</text>')
    names = []
    for peer, points in lines.items():
        points.sort()
        colour = COLOURS.get(peer, "#777")
        path = " ".join(f"{x(queues):.1f},{390 - down(middle):.1f}" for queues, middle, _ in points)
        rows.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{3 if peer == "imago" else 2}"/>')
        for queues, middle, numbers in points:
            rows.append(f'<line x1="{x(queues):.1f}" x2="{x(queues):.1f}" y1="{390 - down(min(numbers)):.1f}" '
                        f'y2="{390 - down(max(numbers)):.1f}" stroke="{colour}"/><circle cx="{x(queues):.1f}" '
                        f'cy="{390 - down(middle):.1f}" r="3" fill="{colour}"/>')
        names.append((390 - down(points[-1][1]), peer, colour))
    last = 40.0
    for y, peer, colour in sorted(names):
        last = max(y + 4, last + 14)
        rows.append(f'<text x="610" y="{last:.1f}" fill="{colour}" font-size="12">{peer}</text>')
    return head(740, 425, "Speed against the number of queues, 1 KiB, saturated",
                "messages/s (logarithmic) against queues; lines: medians, strokes: spread of the rounds") + "".join(rows) + "</svg>\n"
