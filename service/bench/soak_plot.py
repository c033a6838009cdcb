"""The picture of a soak: memory and file descriptors over time. Drawn with OpenCV, which the server has anyway."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from model.contract.arrays import DoubleArray, ImageArray
from service.bench.soak import Soak
from service.bench.soak_slope import Slope

WIDTH, HEIGHT = 1000, 300
"""Of one panel, pixels."""
LEFT, RIGHT, TOP, BOTTOM = 80, 30, 50, 45
INK, GREY, SHADE, LINE, FIT = (40, 40, 40), (160, 160, 160), (238, 238, 238), (190, 110, 30), (40, 60, 200)
"""Colours in OpenCV's order, BGR."""
FONT = cv2.FONT_HERSHEY_SIMPLEX


def plot_soak(soak: Soak, path: Path) -> None:
    """Write both panels as a PNG file; the warm-up is shaded, the fitted line is red."""
    minutes = np.array([sample.seconds for sample in soak.samples]) / 60
    warm_up = soak.plan.warm_up_minutes
    panels = [
        _panel("resident memory, MiB", minutes, [sample.resident for sample in soak.samples], soak.resident, warm_up),
        _panel("open file descriptors", minutes, [sample.files for sample in soak.samples], soak.files, warm_up),
    ]
    path.write_bytes(cv2.imencode(".png", np.concatenate(panels))[1].tobytes())


def _panel(title: str, minutes: DoubleArray, samples: Sequence[float], slope: Slope, warm_up: float) -> ImageArray:
    values = np.asarray(samples)
    canvas = np.full((HEIGHT, WIDTH, 3), 255, dtype=np.uint8)
    top = 1.1 * float(values.max())

    def place(minute: float, value: float) -> tuple[int, int]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * minute / float(minutes[-1])
        return round(x), round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top)

    cv2.rectangle(canvas, place(0, top), place(min(warm_up, float(minutes[-1])), 0), SHADE, -1)
    _axes(canvas, place, float(minutes[-1]), top)
    points = [place(float(minute), float(value)) for minute, value in zip(minutes, values, strict=True)]
    cv2.polylines(canvas, [np.array(points, dtype=np.int32)], False, LINE, 1, cv2.LINE_AA)
    warm = minutes >= warm_up
    middle, mean = float(minutes[warm].mean()), float(values[warm].mean())
    ends = [place(minute, mean + slope.per_hour * (minute - middle) / 60) for minute in (warm_up, float(minutes[-1]))]
    cv2.line(canvas, ends[0], ends[1], FIT, 1, cv2.LINE_AA)
    text = f"{title}; slope after the warm-up {slope.per_hour:+.2f} +- {slope.margin:.2f} an hour (95%)"
    cv2.putText(canvas, text, (LEFT, TOP - 20), FONT, 0.5, INK, 1, cv2.LINE_AA)
    return canvas


def _axes(canvas: ImageArray, place: Callable[[float, float], tuple[int, int]], last: float, top: float) -> None:
    """A frame, and five marks on each side."""
    cv2.rectangle(canvas, place(0, top), place(last, 0), GREY, 1)
    for part in range(6):
        minute, value = last * part / 5, top * part / 5
        x, y = place(minute, 0)
        cv2.putText(canvas, f"{minute:.0f} min", (x - 20, y + 20), FONT, 0.4, INK, 1, cv2.LINE_AA)
        x, y = place(0, value)
        cv2.putText(canvas, f"{value:.0f}", (x - 45, y + 5), FONT, 0.4, INK, 1, cv2.LINE_AA)
