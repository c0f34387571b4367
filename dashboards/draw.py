#!/usr/bin/env python3
"""Draws a dashboard with the data of a Prometheus, for a look at it where there is no Grafana.

    dashboards/draw.py http://127.0.0.1:9090 overview 15m overview.png

Takes places, queries, units, words and colours from the dashboard's JSON. It is a drawing with matplotlib, not Grafana: fonts,
legends and tables differ.
"""
import json, math, pathlib, sys, time, urllib.parse, urllib.request

import matplotlib
matplotlib.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle
from datetime import datetime, timezone

SECONDS = {"s": 1, "m": 60, "h": 3600}
GRID, LINE = "#d8d9da", ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C8C8C", "#F0E442"]


def ask(server, path, **parameters):
    url = f"{server}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)["data"]["result"]


def filled(expr, step):
    for name in ("environment", "vantage", "datacenter", "cluster", "resolver"):
        expr = expr.replace(f"${name}", ".+")
    return expr.replace("$__rate_interval", f"{max(4 * step, 40)}s")


def named(legend, labels):
    for key, value in labels.items():
        legend = legend.replace("{{" + key + "}}", value)
    return legend or "value"


def unit(value, kind):
    if value is None or math.isnan(value):
        return "no data"
    if kind == "s":
        for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
            if value >= size:
                return f"{value / size:.1f} {name}"
        return f"{value:.3g} s"
    if kind == "bytes":
        return f"{value / 2**20:.0f} MiB"
    if kind == "percentunit":
        return f"{value * 100:.4g} %"
    return f"{value:.4g}"


def words(panel):
    mappings = panel["fieldConfig"]["defaults"].get("mappings", [])
    options = mappings[0]["options"] if mappings else {}
    return {float(code): (word["text"], word["color"]) for code, word in options.items()}


def threshold(panel, value):
    colour = "#8C8C8C"
    for step in panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", []):
        if step["value"] is None or (value is not None and value >= step["value"]):
            colour = step["color"]
    return colour


def when(t):
    return datetime.fromtimestamp(float(t), timezone.utc)


def time_axis(ax, start, end):
    ax.set_xlim(when(start), when(end))
    ax.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M:%S" if end - start < 600 else "%H:%M"))
    ax.tick_params(labelsize=7, length=2)
    ax.grid(True, color=GRID, linewidth=0.5)
    for spine in ax.spines.values():
        spine.set_visible(False)


def series(panel, server, start, end, step):
    for target in panel["targets"]:
        found = ask(server, "query_range", query=filled(target["expr"], step), start=start, end=end, step=step)
        for one in sorted(found, key=lambda one: sorted(one["metric"].items())):
            yield named(target.get("legendFormat", ""), one["metric"]), one["metric"], [(float(t), float(v)) for t, v in one["values"]]


def gaps(points, step):
    """A line is broken where values are missing."""
    drawn = []
    for t, v in points:
        if drawn and t - drawn[-1][0] > 1.5 * step:
            drawn.append((drawn[-1][0] + step, math.nan))
        drawn.append((t, v))
    return drawn


def lines(ax, panel, server, start, end, step):
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    fixed = {o["matcher"]["options"]: o["properties"][0]["value"].get("fixedColor") for o in panel["fieldConfig"]["overrides"] if o["properties"][0]["id"] == "color"}
    found = list(series(panel, server, start, end, step))
    if custom.get("stacking"):
        instants = [start + i * step for i in range(int((end - start) / step) + 1)]
        values = [[dict(points).get(t, 0.0) for t in instants] for _, _, points in found]
        if found:
            colours = [fixed.get(name, LINE[i % len(LINE)]) for i, (name, _, _) in enumerate(found)]
            ax.stackplot([when(t) for t in instants], values, labels=[name for name, _, _ in found], colors=colours, alpha=0.85, step="post")
    else:
        for i, (name, _, points) in enumerate(found):
            points = gaps(points, step)
            style = {"drawstyle": "steps-post"} if custom.get("lineInterpolation") == "stepAfter" else {}
            ax.plot([when(t) for t, _ in points], [v for _, v in points], label=name, color=fixed.get(name, LINE[i % len(LINE)]), linewidth=1.6, **style)
        if custom.get("thresholdsStyle"):
            top = ax.get_ylim()[1]
            for bound in defaults["thresholds"]["steps"][1:]:
                if bound["value"] <= top * 1.5:
                    ax.axhline(bound["value"], color=bound["color"], linestyle="--", linewidth=1)
    ax.set_ylim(0, 1.05 if defaults["unit"] == "percentunit" else None)
    ax.yaxis.set_major_formatter(lambda v, _: unit(v, defaults["unit"]))
    time_axis(ax, start, end)
    if found:
        ax.legend(fontsize=6, loc="upper left", frameon=True, ncols=max(1, min(4, len(found) // 4 + 1)), framealpha=0.8, edgecolor="none")
    return len(found)


def states(ax, panel, server, start, end, step):
    rows, known = list(series(panel, server, start, end, step)), words(panel)
    for row, (name, _, points) in enumerate(rows):
        y, runs = len(rows) - 1 - row, []
        for t, v in points:
            if runs and runs[-1][2] == v and t - runs[-1][1] <= 1.5 * step:
                runs[-1][1] = t
            else:
                runs.append([t, t, v])
        for begin, last, value in runs:
            text, colour = known.get(value, (f"{value:g}", "#8C8C8C"))
            left, right = mdates.date2num(when(begin)), mdates.date2num(when(min(last + step, end)))
            ax.add_patch(Rectangle((left, y - 0.42), right - left, 0.84, color=colour, linewidth=0))
            if (last + step - begin) / (end - start) > 0.012 * len(text) / (panel["gridPos"]["w"] / 12):
                dark = sum(int(colour[i:i + 2], 16) * f for i, f in ((1, .3), (3, .59), (5, .11))) < 140
                ax.text(left, y, f" {text}", fontsize=6, va="center", color="white" if dark else "black", clip_on=True)
    time_axis(ax, start, end)
    ax.set_ylim(-0.5, max(len(rows), 1) - 0.5)
    ax.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)], fontsize=6.5)
    ax.grid(False)
    return len(rows)


def heatmap(ax, panel, server, start, end, step):
    found = sorted(((float(labels["le"]), points) for _, labels, points in series(panel, server, start, end, step)))
    instants = [start + i * step for i in range(int((end - start) / step) + 1)]
    rows, before = [], [0.0] * len(instants)
    for _, points in found:
        now = [dict(points).get(t, 0.0) for t in instants]
        rows.append([max(n - b, 0) for n, b in zip(now, before)])
        before = now
    if rows:
        ax.imshow([[math.sqrt(v) if v > 0 else math.nan for v in row] for row in rows], aspect="auto", origin="lower", cmap="cividis", extent=(mdates.date2num(when(start)), mdates.date2num(when(end)), -0.5, len(rows) - 0.5), interpolation="nearest")
        ax.set_yticks(range(len(rows)), ["∞" if le == math.inf else f"{le:g} s" for le, _ in found], fontsize=6)
    time_axis(ax, start, end)
    return len(found)


def now(panel, server, end):
    for target in panel["targets"]:
        for one in ask(server, "query", query=filled(target["expr"], 10), time=end):
            yield named(target.get("legendFormat", ""), one["metric"]), one["metric"], float(one["value"][1])


def number(ax, panel, server, end):
    ax.axis("off")
    found, known = list(now(panel, server, end)), words(panel)
    for i, (name, _, value) in enumerate(found or [("", {}, None)]):
        text, colour = known.get(value, (unit(value, panel["fieldConfig"]["defaults"]["unit"]), threshold(panel, value)))
        ax.add_patch(Rectangle((i / max(len(found), 1), 0), 0.98 / max(len(found), 1), 1, transform=ax.transAxes, color=colour))
        ax.text((i + 0.5) / max(len(found), 1), 0.5, text, transform=ax.transAxes, ha="center", va="center", fontsize=15 if len(found) < 2 else 9, color="white", weight="bold")
        if len(found) > 1:
            ax.text((i + 0.5) / len(found), 0.12, name, transform=ax.transAxes, ha="center", fontsize=6, color="white")
    return len(found)


def table(ax, panel, server, end):
    ax.axis("off")
    options = panel["transformations"][0]["options"]
    left_out, renamed = options["excludeByName"], options.get("renameByName", {})
    found = sorted(now(panel, server, end), key=lambda one: sorted(one[1].items()))
    columns = sorted({label for _, labels, _ in found for label in labels if not left_out.get(label)})
    if not left_out.get("Value"):
        columns.append("Value")
    cells = [[labels.get(c, "") if c != "Value" else unit(value, panel["fieldConfig"]["defaults"]["unit"]) for c in columns] for _, labels, value in found]
    room = int(panel["gridPos"]["h"] * 1.7)
    if cells:
        drawn = ax.table(cells[:room], colLabels=[renamed.get(c, c) for c in columns], loc="upper left", cellLoc="left", edges="horizontal")
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(6.5)
    else:
        ax.text(0.5, 0.5, "none", ha="center", va="center", fontsize=10, color="#8C8C8C", transform=ax.transAxes)
    return len(found)


def draw(server, dashboard, span, file, end):
    end = end - end % 10
    start = end - span
    step = max(5, span // 180)
    panels = dashboard["panels"]
    height = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels)
    figure = plt.figure(figsize=(16, height * 0.36 + 0.5), dpi=90)
    empty = []
    for panel in panels:
        at = panel["gridPos"]
        x, y = at["x"] / 24, 1 - (at["y"] + 1) / (height + 1)
        if panel["type"] == "row":
            figure.text(0.005, y - 0.5 / (height + 1), panel["title"], fontsize=11, weight="bold", va="center")
            continue
        w, h = at["w"] / 24, at["h"] / (height + 1)
        wide = {"state-timeline": 0.1, "heatmap": 0.03, "timeseries": 0.032}.get(panel["type"], 0.006)
        ax = figure.add_axes((x + wide, y - h + 0.8 / (height + 1), w - wide - 0.01, h - 2.0 / (height + 1)))
        figure.text(x + 0.006, y - 0.55 / (height + 1), panel["title"], fontsize=8.5, va="center")
        kinds = {"timeseries": lines, "state-timeline": states, "heatmap": heatmap}
        if panel["type"] in kinds:
            count = kinds[panel["type"]](ax, panel, server, start, end, step)
        else:
            count = {"stat": number, "table": table}[panel["type"]](ax, panel, server, end)
        if not count:
            empty.append(panel["title"])
    figure.text(0.5, 1 - 0.4 / (height + 1), dashboard["title"], fontsize=13, ha="center", va="center")
    figure.savefig(file)
    print(f"{file}: {len(panels)} panels; without data: {', '.join(empty) or 'none'}")


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    server, name, span, file = sys.argv[1:5]
    end = float(sys.argv[5]) if len(sys.argv) == 6 else time.time()
    source = pathlib.Path(__file__).parent / f"{name}.json"
    draw(server, json.loads(source.read_text()), int(span[:-1]) * SECONDS[span[-1]], file, end)
