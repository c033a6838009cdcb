"""Draws the dashboard's panels from a live Prometheus where there is no Grafana: real queries, other looks.

    python docker/grafana/draw.py http://localhost:9090 docs/images/dashboard.png --minutes 15

Needs matplotlib (in `.venv-train`). Variables stand for all of their values.
"""

import argparse
import json
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import StrMethodFormatter

DASHBOARD = Path(__file__).parent / "dashboards/fasterpose.json"
POINTS = 200
ROW_INCHES, COLUMN_INCHES = 0.34, 0.75
UNITS = {"s": (1e3, "ms"), "percentunit": (100, "%"), "bytes": (1e-6, "MB"), "reqps": (1, "/s"), "short": (1, "")}

Panel = dict[str, Any]
Series = dict[str, Any]


class Prometheus:
    """A Prometheus server, and the time that is looked at.

    Attributes:
        end: seconds since 1970.
        minutes: before it.
    """

    def __init__(self, url: str, minutes: float) -> None:
        self.end = time.time()
        self.minutes = minutes
        self._url = url.rstrip("/")

    def over_time(self, query: str) -> list[Series]:
        """The series of a query over the time that is looked at: `metric` and `values`."""
        seconds = self.minutes * 60
        span = {"start": self.end - seconds, "end": self.end, "step": max(seconds / POINTS, 1)}
        return self._get("query_range", query=query, **span)["result"]

    def now(self, query: str) -> list[Series]:
        """The series of a query at the end: `metric` and `value`."""
        return self._get("query", query=query, time=self.end)["result"]

    def values(self, query: str) -> list[str]:
        """What `label_values(METRIC, LABEL)` of a variable finds."""
        metric, label = query.removeprefix("label_values(").removesuffix(")").split(", ")
        return sorted({each["metric"][label] for each in self.now(f"group by ({label}) ({metric})")})

    def _get(self, path: str, **parameters: object) -> Any:  # noqa: ANN401 - JSON
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the developer's own address
            return json.load(answer)["data"]


def draw(dashboard: dict[str, Any], prometheus: Prometheus, out: Path) -> None:
    """Write a picture of all panels, laid out as in Grafana."""
    panels = [each for panel in dashboard["panels"] for each in repeated(panel, dashboard, prometheus)]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = plt.figure(figsize=(24 * COLUMN_INCHES, rows * ROW_INCHES), dpi=100)
    for panel in panels:
        place = panel["gridPos"]
        left, bottom = place["x"] / 24, 1 - (place["y"] + place["h"]) / rows
        if panel["type"] == "row":
            figure.text(0.005, bottom + 0.3 / rows, panel["title"], fontsize=13, weight="bold")
            continue
        inner = (left + 0.035, bottom + 1.6 / rows, place["w"] / 24 - 0.045, (place["h"] - 2.8) / rows)
        axes = figure.add_axes(inner)
        axes.set_title(panel["title"], fontsize=10, loc="left")
        axes.tick_params(labelsize=7)
        DRAWERS[panel["type"]](axes, panel, prometheus)
    figure.savefig(out)


def repeated(panel: Panel, dashboard: dict[str, Any], prometheus: Prometheus) -> list[Panel]:
    """A panel with its variables filled in; one for each value of the variable that it is repeated for."""
    variables = {each["name"]: each["query"]["query"] for each in dashboard["templating"]["list"]}
    name = panel.get("repeat")
    if name is None:
        return [fill_in(panel, dict.fromkeys(variables, ".*"))]
    values = prometheus.values(variables[name])
    place, width = panel["gridPos"], 24 // len(values)
    return [
        fill_in(panel | {"gridPos": place | {"x": index * width, "w": width}}, {"instance": ".*", name: value})
        for index, value in enumerate(values)
    ]


def fill_in(panel: Panel, variables: dict[str, str]) -> Panel:
    """A panel with values for its variables, and Grafana's rate interval: four scrapes."""
    text = json.dumps(panel)
    for name, value in (variables | {"__rate_interval": "20s"}).items():
        text = text.replace(f"${name}", value)
    return json.loads(text)


def draw_stat(axes: Axes, panel: Panel, prometheus: Prometheus) -> None:
    """One large number."""
    factor, unit = UNITS[panel["fieldConfig"]["defaults"]["unit"]]
    found = prometheus.now(panel["targets"][0]["expr"])
    text = f"{float(found[0]['value'][1]) * factor:,.4g} {unit}" if found else "no data"
    axes.axis("off")
    axes.text(0.5, 0.4, text, ha="center", va="center", fontsize=22, color="tab:green")


def draw_lines(axes: Axes, panel: Panel, prometheus: Prometheus) -> None:
    """Lines over time, stacked if the panel says so."""
    defaults = panel["fieldConfig"]["defaults"]
    factor, unit = UNITS[defaults["unit"]]
    lines = [
        (label(target["legendFormat"], each["metric"]), np.array(each["values"], float))
        for target in panel["targets"]
        for each in prometheus.over_time(target["expr"])
    ]
    if not lines:
        axes.text(0.5, 0.5, "no data", ha="center", color="grey", transform=axes.transAxes)
    elif "stacking" in defaults["custom"]:
        times = np.unique(np.concatenate([line[:, 0] for _, line in lines]))
        heights = [np.interp(times, line[:, 0], np.nan_to_num(line[:, 1]) * factor) for _, line in lines]
        axes.stackplot(minutes(times, prometheus), heights, labels=[name for name, _ in lines])
    else:
        for name, line in lines:
            axes.plot(minutes(line[:, 0], prometheus), line[:, 1] * factor, label=name, linewidth=1)
    axes.set_xlim(-prometheus.minutes, 0)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(StrMethodFormatter(f"{{x:g}} {unit}"))
    if lines:
        axes.legend(fontsize=6, loc="upper left", ncols=2)


def draw_heatmap(axes: Axes, panel: Panel, prometheus: Prometheus) -> None:
    """Counts of a histogram's buckets over time."""
    found = sorted(prometheus.over_time(panel["targets"][0]["expr"]), key=lambda each: float(each["metric"]["le"]))
    times = np.unique([float(moment) for each in found for moment, _ in each["values"]])
    counts = np.zeros((len(found), len(times)))
    for row, each in enumerate(found):
        for moment, value in each["values"]:
            counts[row, np.searchsorted(times, float(moment))] = float(value)
    counts = np.diff(counts, axis=0, prepend=0)
    filled = max((row for row in range(len(found)) if counts[row].any()), default=0) + 1
    axes.imshow(
        counts[:filled],
        aspect="auto",
        origin="lower",
        cmap="Oranges",
        extent=(*minutes(times[[0, -1]], prometheus), -0.5, filled - 0.5),
    )
    axes.set_yticks(range(filled), [f"{float(each['metric']['le']):g}" for each in found[:filled]])
    axes.set_xlim(-prometheus.minutes, 0)


def draw_table(axes: Axes, panel: Panel, prometheus: Prometheus) -> None:
    """The labels of each series."""
    found = prometheus.now(panel["targets"][0]["expr"])
    names = ("instance", "model", "version", "runtime", "precision", "sha256")
    lines = ["  ".join(f"{each['metric'].get(name, ''):<18.18}" for name in names) for each in found]
    axes.axis("off")
    axes.text(0, 1, "\n".join(lines), va="top", fontsize=8, family="monospace")


def label(form: str, metric: dict[str, str]) -> str:
    """Grafana's legend with the labels of a series filled in."""
    for name, value in metric.items():
        form = form.replace(f"{{{{{name}}}}}", value)
    return form


def minutes(times: np.ndarray, prometheus: Prometheus) -> np.ndarray:
    """Minutes before the end, negative."""
    return (times - prometheus.end) / 60


DRAWERS = {"stat": draw_stat, "timeseries": draw_lines, "heatmap": draw_heatmap, "table": draw_table}


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("prometheus", help="its address")
    parser.add_argument("out", type=Path, help="the picture")
    parser.add_argument("--minutes", type=float, default=15, help="how far back to look")
    arguments = parser.parse_args()
    draw(json.loads(DASHBOARD.read_text()), Prometheus(arguments.prometheus, arguments.minutes), arguments.out)


if __name__ == "__main__":
    main()
