"""The heatmap codec: keypoints -> Gaussian heatmaps (encode) and heatmaps -> keypoints (decode), one object.

Decoders: argmax; SimpleBaseline's quarter offset (arXiv 1804.06208); DARK (arXiv 1910.06278).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np

from model.contract.arrays import BoolArray, DoubleArray, FloatArray
from model.contract.crop import Size

Alignment = Literal["stride", "half_pixel", "udp"]
Centre = Literal["rounded", "exact"]
Decoder = Literal["argmax", "quarter", "dark"]

TAIL = 3.0
"""A rounded Gaussian is cut off this many sigmas from its centre, as in SimpleBaseline."""


@dataclass(frozen=True)
class HeatmapCodec:
    """How keypoints of a crop are written as heatmaps and read back.

    Attributes:
        input_size: (width, height) of the crop in pixels.
        heatmap_size: (width, height) of a heatmap in pixels.
        sigma: standard deviation of the target Gaussian, heatmap pixels.
        alignment: where heatmap pixel centres lie in the crop. `stride`: heatmap = crop / stride, as
            SimpleBaseline; `half_pixel`: areas coincide, heatmap = (crop + 0.5) / stride - 0.5, mirror symmetric;
            `udp`: the outermost pixel centres coincide, heatmap = crop (w - 1) / (W - 1) (arXiv 1911.07524).
        centre: `rounded`: the Gaussian sits on the nearest heatmap pixel and ends at 3 sigma (SimpleBaseline);
            `exact`: it sits at the sub-pixel place and fills the map (DARK).
        decoder: `argmax`, `quarter` or `dark`.
    """

    input_size: Size
    heatmap_size: Size
    sigma: float
    alignment: Alignment
    centre: Centre
    decoder: Decoder

    def __post_init__(self) -> None:
        """Refuse values that no codec has.

        Raises:
            ValueError: an unknown choice or a sigma that is not positive; the message names it.
        """
        choices = (("alignment", Alignment), ("centre", Centre), ("decoder", Decoder))
        for field, allowed in choices:
            if getattr(self, field) not in get_args(allowed):
                raise ValueError(f"codec {field} is {getattr(self, field)!r}; it must be one of {get_args(allowed)}")
        if not self.sigma > 0:
            raise ValueError(f"codec sigma is {self.sigma}; it must be positive (heatmap pixels)")

    def to_heatmap(self, points: DoubleArray) -> DoubleArray:
        """(..., 2) crop pixels -> (..., 2) heatmap pixels."""
        scale, offset = self._scale_and_offset()
        return (points - offset) / scale

    def to_crop(self, points: DoubleArray) -> DoubleArray:
        """(..., 2) heatmap pixels -> (..., 2) crop pixels."""
        scale, offset = self._scale_and_offset()
        return points * scale + offset

    def encode(self, points: DoubleArray, labelled: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Keypoints of one crop -> target heatmaps and weights.

        Args:
            points: (K, 2) crop pixels.
            labelled: (K,) whether the keypoint has a label.

        Returns:
            heatmaps: (K, height, width) float32 in [0, 1], peak 1 at the keypoint.
            weights: (K,) float32; 0 where there is no label or the 3 sigma window misses the map, else 1.
        """
        width, height = self.heatmap_size
        centres = self.to_heatmap(points)
        if self.centre == "rounded":
            centres = np.floor(centres + 0.5)
        columns = _gaussian(np.arange(width), centres[:, :1], self.sigma)  # (K, width)
        rows = _gaussian(np.arange(height), centres[:, 1:], self.sigma)  # (K, height)
        if self.centre == "rounded":
            columns = _cut_tail(columns, self.sigma)
            rows = _cut_tail(rows, self.sigma)
        weights = (labelled & self._reaches_map(centres)).astype(np.float32)
        heatmaps = rows[:, :, None] * columns[:, None, :] * weights[:, None, None]
        return heatmaps.astype(np.float32), weights

    def decode(self, heatmaps: FloatArray) -> tuple[DoubleArray, FloatArray]:
        """Heatmaps -> keypoints.

        Args:
            heatmaps: (N, K, height, width) float32, higher is likelier.

        Returns:
            points: (N, K, 2) float64 crop pixels.
            scores: (N, K) float32, the value of each map's highest pixel.
        """
        count, joints, height, width = heatmaps.shape
        maps = heatmaps.reshape(count * joints, height, width)
        columns, rows, scores = _peaks(maps)
        points = np.stack([columns, rows], axis=-1).astype(np.float64)
        if self.decoder == "quarter":
            points += _quarter_offsets(maps, columns, rows)
        elif self.decoder == "dark":
            points += _dark_offsets(maps, columns, rows, self.sigma)
        return self.to_crop(points.reshape(count, joints, 2)), scores.reshape(count, joints)

    def _scale_and_offset(self) -> tuple[DoubleArray, DoubleArray]:
        crop = np.array(self.input_size, dtype=np.float64)
        heatmap = np.array(self.heatmap_size, dtype=np.float64)
        if self.alignment == "udp":
            return (crop - 1) / (heatmap - 1), np.zeros(2)
        stride = crop / heatmap
        return stride, (stride - 1) / 2 if self.alignment == "half_pixel" else np.zeros(2)

    def _reaches_map(self, centres: DoubleArray) -> BoolArray:
        reach = np.floor(TAIL * self.sigma + 0.5)
        size = np.array(self.heatmap_size)
        return np.all((centres + reach >= 0) & (centres - reach < size), axis=-1)


def _gaussian(pixels: np.ndarray, centre: DoubleArray, sigma: float) -> DoubleArray:
    return np.exp(-((pixels - centre) ** 2) / (2 * sigma**2))


def _cut_tail(values: DoubleArray, sigma: float) -> DoubleArray:
    floor = np.exp(-(np.floor(TAIL * sigma + 0.5) ** 2) / (2 * sigma**2))
    return np.where(values >= floor * (1 - 1e-9), values, 0.0)


def _peaks(maps: FloatArray) -> tuple[np.ndarray, np.ndarray, FloatArray]:
    height, width = maps.shape[1:]
    flat = maps.reshape(len(maps), height * width)
    best = flat.argmax(axis=1)
    return best % width, best // width, flat[np.arange(len(flat)), best]


def _quarter_offsets(maps: FloatArray, columns: np.ndarray, rows: np.ndarray) -> DoubleArray:
    """A quarter pixel towards the higher neighbour; none within one pixel of the border."""
    height, width = maps.shape[1:]
    offsets = np.zeros((len(maps), 2))
    inner = np.flatnonzero((columns > 1) & (columns < width - 1) & (rows > 1) & (rows < height - 1))
    x, y = columns[inner], rows[inner]
    offsets[inner, 0] = 0.25 * np.sign(maps[inner, y, x + 1] - maps[inner, y, x - 1])
    offsets[inner, 1] = 0.25 * np.sign(maps[inner, y + 1, x] - maps[inner, y - 1, x])
    return offsets


def _dark_offsets(maps: FloatArray, columns: np.ndarray, rows: np.ndarray, sigma: float) -> DoubleArray:
    """One Newton step on the log of the smoothed map (arXiv 1910.06278, eq. 8), derivatives as its authors' code."""
    height, width = maps.shape[1:]
    inner = np.flatnonzero((columns > 1) & (columns < width - 2) & (rows > 1) & (rows < height - 2))
    x, y = columns[inner], rows[inner]
    log_maps = np.log(np.maximum([_smooth(maps[i], sigma) for i in inner], 1e-10)).reshape(-1, height, width)
    index = np.arange(len(inner))

    def at(dx: int, dy: int) -> DoubleArray:
        return log_maps[index, y + dy, x + dx].astype(np.float64)

    gradient_x, gradient_y = (at(1, 0) - at(-1, 0)) / 2, (at(0, 1) - at(0, -1)) / 2
    curve_xx, curve_yy = (at(2, 0) - 2 * at(0, 0) + at(-2, 0)) / 4, (at(0, 2) - 2 * at(0, 0) + at(0, -2)) / 4
    curve_xy = (at(1, 1) - at(-1, 1) - at(1, -1) + at(-1, -1)) / 4
    determinant = curve_xx * curve_yy - curve_xy**2
    solvable = determinant != 0
    safe = np.where(solvable, determinant, 1.0)
    step_x = -(curve_yy * gradient_x - curve_xy * gradient_y) / safe
    step_y = -(curve_xx * gradient_y - curve_xy * gradient_x) / safe
    # On a map of noise the curvature nearly vanishes and the step leaves the image: the blur saw no further than this.
    near = solvable & (np.abs(step_x) <= _blur_reach(sigma)) & (np.abs(step_y) <= _blur_reach(sigma))
    offsets = np.zeros((len(maps), 2))
    offsets[inner, 0] = np.where(near, step_x, 0.0)
    offsets[inner, 1] = np.where(near, step_y, 0.0)
    return offsets


def _smooth(heatmap: FloatArray, sigma: float) -> FloatArray:
    """Blur with DARK's kernel for this sigma, zero outside the map; the maximum keeps its value."""
    kernel = 2 * _blur_reach(sigma) + 1  # 11 for sigma 2, 17 for sigma 3, as published
    padded = cv2.copyMakeBorder(heatmap, kernel, kernel, kernel, kernel, cv2.BORDER_CONSTANT, value=0.0)
    blurred = cv2.GaussianBlur(padded, (kernel, kernel), 0)[kernel:-kernel, kernel:-kernel]
    peak = blurred.max()
    return np.asarray(blurred * (heatmap.max() / peak) if peak > 0 else blurred, dtype=np.float32)


def _blur_reach(sigma: float) -> int:
    return int(2.75 * sigma)
