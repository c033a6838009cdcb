"""The plot of a reproduction: a figure after every epoch, one line a row, its seeds as a band."""

from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Curve = Sequence[Mapping[str, float]]
"""A training's figures after every epoch, and `epoch` itself."""

DRAWN = ("AP", "PCK@0.2", "Mean")
"""Figures that get a plot of their own, of each validation source."""


def draw_curves(rows: Mapping[str, Sequence[Curve]], title: str) -> bytes:
    """A PNG of every drawn figure: the mean over a row's seeds, from the lowest to the highest seed in a lighter shade.

    Args:
        rows: label -> curves of its seeds; rows without any are left out.
        title: what is compared.
    """
    names = _drawn_figures(rows)
    figure = Figure(figsize=(6.5 * max(1, len(names)), 4.5), layout="constrained")
    figure.suptitle(title)
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(1, len(names), place, xlabel="epoch", ylabel=f"{name}, percent")
        for label, curves in rows.items():
            _draw_row(axes, label, name, curves)
        axes.legend()
    file = BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _drawn_figures(rows: Mapping[str, Sequence[Curve]]) -> list[str]:
    first = next((curve[-1] for curves in rows.values() for curve in curves if curve), {})
    return [name for name in first if name.rpartition("/")[2] in DRAWN]


def _draw_row(axes: Axes, label: str, name: str, curves: Sequence[Curve]) -> None:
    whole = [[(entry["epoch"], 100 * entry[name]) for entry in curve] for curve in curves if curve]
    if not whole:
        return
    length = min(map(len, whole))  # a training that diverged ends early
    values = np.array([curve[:length] for curve in whole])  # seeds x epochs x 2
    epochs, figures = values[0, :, 0], values[:, :, 1]
    (line,) = axes.plot(epochs, figures.mean(axis=0), label=f"{label} ({len(whole)} seeds)")
    axes.fill_between(epochs, figures.min(axis=0), figures.max(axis=0), color=line.get_color(), alpha=0.2)
