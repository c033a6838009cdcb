"""The heatmap codec: keypoints -> Gaussian heatmaps (encode) and heatmaps -> keypoints (decode), one object.

Decoders: argmax; SimpleBaseline's quarter offset (arXiv 1804.06208); DARK (arXiv 1910.06278); UDP (arXiv 1911.07524);
LPN's soft-argmax (arXiv 1911.10346); the mean of a distribution (arXiv 1711.08229).
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import cv2
import numpy as np

from model.contract.arrays import BoolArray, DoubleArray, FloatArray
from model.contract.crop import Size
from model.contract.expectation import centre_of_mass, mass_around, soft_argmax

Alignment = Literal["stride", "half_pixel", "udp"]
Centre = Literal["rounded", "exact"]
Decoder = Literal["argmax", "quarter", "dark", "udp", "blurred", "soft_argmax", "integral"]

TAIL = 3.0
"""A rounded Gaussian is cut off this many sigmas from its centre, as in SimpleBaseline."""

FLOOR = 1e-10
"""Smoothed values are at least this before their logarithm is taken, as in DARK."""

NEAR = 2
"""DARK's derivatives read the smoothed map up to so many pixels from the peak."""

NEIGHBOURS = tuple(
    (dx, dy) for dy in range(-NEAR, NEAR + 1) for dx in range(-NEAR, NEAR + 1) if abs(dx) + abs(dy) <= NEAR
)
"""The 13 places that they read, relative to the peak."""

STENCILS: tuple[dict[tuple[int, int], float], ...] = (
    {(1, 0): 1 / 2, (-1, 0): -1 / 2},
    {(0, 1): 1 / 2, (0, -1): -1 / 2},
    {(2, 0): 1 / 4, (0, 0): -1 / 2, (-2, 0): 1 / 4},
    {(0, 2): 1 / 4, (0, 0): -1 / 2, (0, -2): 1 / 4},
    {(1, 1): 1 / 4, (-1, 1): -1 / 4, (1, -1): -1 / 4, (-1, -1): 1 / 4},
)
"""DARK's finite differences: the gradient's x and y, the curvature's xx, yy and xy."""

DERIVATIVES = np.array([[stencil.get(place, 0.0) for stencil in STENCILS] for place in NEIGHBOURS])
"""(13, 5): values at NEIGHBOURS times this are the derivatives."""

UDP_RANGE = (0.001, 50.0)
"""Smoothed values are clipped to this before their logarithm is taken, as in UDP."""

UDP_STENCILS: tuple[dict[tuple[int, int], float], ...] = (
    *STENCILS[:2],
    {(1, 0): 1.0, (0, 0): -2.0, (-1, 0): 1.0},
    {(0, 1): 1.0, (0, 0): -2.0, (0, -1): 1.0},
    STENCILS[4],
)
"""UDP's: the curvature in steps of one pixel. Its code takes one diagonal for xy; both keep mirror images alike."""

UDP_DERIVATIVES = np.array([[stencil.get(place, 0.0) for stencil in UDP_STENCILS] for place in NEIGHBOURS])
"""(13, 5), as DERIVATIVES."""


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
        decoder: how positions are read. From the highest pixel: `argmax` its place, `quarter` with a quarter pixel
            towards the higher neighbours, `dark` and `udp` with a Newton step on the log of the smoothed map;
            `blurred` is `dark` on maps smoothed before, for those with plateaus, which masks train. From all
            pixels: `soft_argmax`, the mean of softmax(beta * map); `integral`, the mean of maps that are
            distributions themselves, as networks trained on positions give.
        beta: how sharp `soft_argmax` is; none for the other decoders.
    """

    input_size: Size
    heatmap_size: Size
    sigma: float
    alignment: Alignment
    centre: Centre
    decoder: Decoder
    beta: float | None = None

    def __post_init__(self) -> None:
        """Refuse values that no codec has.

        Raises:
            ValueError: an unknown choice, a sigma that is not positive, a beta that is missing, not positive or of
                another decoder; the message names it.
        """
        choices = (("alignment", Alignment), ("centre", Centre), ("decoder", Decoder))
        for field, allowed in choices:
            if getattr(self, field) not in get_args(allowed):
                raise ValueError(f"codec {field} is {getattr(self, field)!r}; it must be one of {get_args(allowed)}")
        if not self.sigma > 0:
            raise ValueError(f"codec sigma is {self.sigma}; it must be positive (heatmap pixels)")
        if self.decoder == "soft_argmax" and not (self.beta is not None and self.beta > 0):
            raise ValueError(f"codec beta is {self.beta}; soft_argmax needs a positive one, LPN's is 160")
        if self.decoder != "soft_argmax" and self.beta is not None:
            raise ValueError(f"codec beta is {self.beta}; decoder {self.decoder} takes none")

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
        columns, rows, weights = self.profiles(points, labelled)
        heatmaps = rows[:, :, None] * columns[:, None, :] * weights[:, None, None]
        return heatmaps.astype(np.float32), weights

    def profiles(self, points: DoubleArray, labelled: BoolArray) -> tuple[DoubleArray, DoubleArray, FloatArray]:
        """The factors of target heatmaps: a Gaussian along each axis, so that whoever multiplies them gets the targets.

        Args:
            points: (..., K, 2) crop pixels.
            labelled: (..., K) whether the keypoint has a label.

        Returns:
            columns: (..., K, width) float64.
            rows: (..., K, height) float64.
            weights: (..., K) float32; 0 where there is no label or the 3 sigma window misses the map, else 1.
        """
        width, height = self.heatmap_size
        centres = self.to_heatmap(points)
        if self.centre == "rounded":
            centres = np.floor(centres + 0.5)
        columns = _gaussian(np.arange(width), centres[..., :1], self.sigma)
        rows = _gaussian(np.arange(height), centres[..., 1:], self.sigma)
        if self.centre == "rounded":
            columns = _cut_tail(columns, self.sigma)
            rows = _cut_tail(rows, self.sigma)
        return columns, rows, (labelled & self._reaches_map(centres)).astype(np.float32)

    def decode(self, heatmaps: FloatArray) -> tuple[DoubleArray, FloatArray]:
        """Heatmaps -> keypoints.

        Args:
            heatmaps: (N, K, height, width) float32, higher is likelier.

        Returns:
            points: (N, K, 2) float64 crop pixels.
            scores: (N, K) float32, the value of each map's highest pixel; with `integral`, whose maps sum to 1, the
                share of the map within 3 sigma of the point.
        """
        if self.decoder == "integral":
            means = centre_of_mass(heatmaps)
            return self.to_crop(means), mass_around(heatmaps, means, TAIL * self.sigma)
        scores = heatmaps.max(axis=(-2, -1))
        if self.decoder == "blurred":
            heatmaps = _smooth_maps(heatmaps, self.sigma)
        columns, rows = _peaks(heatmaps)
        points = np.stack([columns, rows], axis=-1).astype(np.float64)
        if self.decoder == "quarter":
            points += _quarter_offsets(heatmaps, columns, rows)
        elif self.decoder in {"dark", "blurred"}:
            points += _dark_offsets(heatmaps, columns, rows, self.sigma)
        elif self.decoder == "udp":
            points += _udp_offsets(heatmaps, columns, rows, self.sigma)
        elif self.beta is not None:
            points = soft_argmax(heatmaps, self.beta)
        return self.to_crop(points), scores

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


def _peaks(maps: FloatArray) -> tuple[np.ndarray, np.ndarray]:
    """(N, K, h, w) maps -> (N, K) columns and rows of the highest pixels."""
    count, joints, height, width = maps.shape
    rows, columns = np.divmod(maps.reshape(count, joints, height * width).argmax(axis=-1), width)
    return columns, rows


def _quarter_offsets(maps: FloatArray, columns: np.ndarray, rows: np.ndarray) -> DoubleArray:
    """(N, K, 2): a quarter pixel towards the higher neighbour; none within one pixel of the border."""
    height, width = maps.shape[2:]
    offsets = np.zeros((*columns.shape, 2))
    inner = (columns > 1) & (columns < width - 1) & (rows > 1) & (rows < height - 1)
    person, joint = np.nonzero(inner)
    x, y = columns[inner], rows[inner]
    offsets[inner, 0] = 0.25 * np.sign(maps[person, joint, y, x + 1] - maps[person, joint, y, x - 1])
    offsets[inner, 1] = 0.25 * np.sign(maps[person, joint, y + 1, x] - maps[person, joint, y - 1, x])
    return offsets


def _dark_offsets(maps: FloatArray, columns: np.ndarray, rows: np.ndarray, sigma: float) -> DoubleArray:
    """(N, K, h, w) maps and their (N, K) peaks -> (N, K, 2) offsets x, y; none within two pixels of the border.

    One Newton step on the log of the smoothed map (arXiv 1910.06278, eq. 8), derivatives as its authors' code.
    """
    derivatives = np.log(_smooth_around(maps, columns, rows, sigma)) @ DERIVATIVES
    return _newton_steps(derivatives, _inside(maps, columns, rows, border=2), sigma)


def _udp_offsets(maps: FloatArray, columns: np.ndarray, rows: np.ndarray, sigma: float) -> DoubleArray:
    """The same as UDP's code does it: values clipped, curvature nearer to the peak; none at the border itself."""
    derivatives = np.log(np.clip(_blur_around(maps, columns, rows, sigma), *UDP_RANGE)) @ UDP_DERIVATIVES
    return _newton_steps(derivatives, _inside(maps, columns, rows, border=1), sigma)


def _inside(maps: FloatArray, columns: np.ndarray, rows: np.ndarray, border: int) -> BoolArray:
    """(N, K): whether the peak is `border` pixels or more away from the outermost ones."""
    height, width = maps.shape[2:]
    near_x, near_y = np.minimum(columns, width - 1 - columns), np.minimum(rows, height - 1 - rows)
    return np.minimum(near_x, near_y) >= border


def _newton_steps(derivatives: DoubleArray, inner: BoolArray, sigma: float) -> DoubleArray:
    """(N, K, 5) derivatives of the log -> (N, K, 2) steps x, y; none where not `inner`."""
    gradient_x, gradient_y, curve_xx, curve_yy, curve_xy = (derivatives[..., i] for i in range(len(STENCILS)))
    determinant = curve_xx * curve_yy - curve_xy**2
    solvable = determinant != 0
    safe = np.where(solvable, determinant, 1.0)
    step_x = (curve_xy * gradient_y - curve_yy * gradient_x) / safe
    step_y = (curve_xy * gradient_x - curve_xx * gradient_y) / safe
    # On a map of noise the curvature nearly vanishes and the step leaves the image: the blur saw no further than this.
    near = solvable & (np.maximum(np.abs(step_x), np.abs(step_y)) <= _blur_reach(sigma))
    offsets = np.zeros((*inner.shape, 2))
    np.copyto(offsets[..., 0], step_x, where=near & inner)
    np.copyto(offsets[..., 1], step_y, where=near & inner)
    return offsets


def _smooth_around(maps: FloatArray, columns: np.ndarray, rows: np.ndarray, sigma: float) -> DoubleArray:
    """(N, K, 13) smoothed values at NEIGHBOURS of the peaks, at least FLOOR.

    DARK smooths the whole map and scales it so that the maximum keeps its value. That scale is 1 or more and cancels
    in derivatives of the log, except beside values that end on the floor: only for these maps is it worked out.
    """
    smooth = _blur_around(maps, columns, rows, sigma)
    for person, joint in zip(*(smooth.min(axis=-1) < FLOOR).nonzero(), strict=True):
        smooth[person, joint] *= _scale_to_old_peak(maps[person, joint], sigma)
    return np.maximum(smooth, FLOOR)


def _blur_around(maps: FloatArray, columns: np.ndarray, rows: np.ndarray, sigma: float) -> DoubleArray:
    """(N, K, 13) values of the blurred maps at NEIGHBOURS of the peaks."""
    count, joints = columns.shape
    along_x, along_y = _blur_weights(sigma)
    patches = _cut_patches(maps, columns, rows, NEAR + _blur_reach(sigma))
    # A product a person, so that no bit of it depends on who else is in the batch.
    blurred = patches.reshape(count, joints * len(along_x), len(along_x)) @ along_x  # (N, K * side, 5)
    return blurred.reshape(count, joints, len(along_y)) @ along_y


def _cut_patches(maps: FloatArray, columns: np.ndarray, rows: np.ndarray, reach: int) -> DoubleArray:
    """(N, K, side, side) of the maps around (columns, rows), side 2 reach + 1, zero outside the map."""
    count, joints, height, width = maps.shape
    steps = np.arange(-reach, reach + 1)
    x, y = columns[..., None] + steps, rows[..., None] + steps  # (N, K, side)
    near_x, near_y = np.minimum(np.maximum(x, 0), width - 1), np.minimum(np.maximum(y, 0), height - 1)
    first = np.arange(count * joints, dtype=np.intp).reshape(count, joints, 1) * (height * width)  # of each map
    patches = maps.reshape(-1)[(first + near_y * width)[..., None] + near_x[..., None, :]]
    patches[(near_y != y)[..., None] | (near_x != x)[..., None, :]] = 0.0
    return patches.astype(np.float64)


@cache
def _blur_weights(sigma: float) -> tuple[DoubleArray, DoubleArray]:
    """The blur of a patch in two products: (side, 5) for its rows, (side * 5, 13) from there to NEIGHBOURS."""
    kernel = _blur_kernel(sigma)[:, 0]
    along_x = np.stack([np.pad(kernel, (NEAR + step, NEAR - step)) for step in range(-NEAR, NEAR + 1)], axis=1)
    along_y = np.zeros((*along_x.shape, len(NEIGHBOURS)))  # (side, 5, 13)
    for index, (dx, dy) in enumerate(NEIGHBOURS):
        along_y[:, NEAR + dx, index] = along_x[:, NEAR + dy]
    return along_x, along_y.reshape(-1, len(NEIGHBOURS))


def _smooth_maps(maps: FloatArray, sigma: float) -> FloatArray:
    """(N, K, h, w) maps, each smoothed."""
    smooth = np.empty_like(maps)
    for place in np.ndindex(maps.shape[:2]):
        smooth[place] = _smooth(maps[place], sigma)
    return smooth


def _scale_to_old_peak(heatmap: FloatArray, sigma: float) -> float:
    """What gives the smoothed map the old maximum; 1 where nothing of it is positive."""
    peak = float(_smooth(heatmap, sigma).max())
    return float(heatmap.max()) / peak if peak > 0 else 1.0


def _smooth(heatmap: FloatArray, sigma: float) -> FloatArray:
    """(h, w) blurred with DARK's kernel, zero outside."""
    kernel = _blur_kernel(sigma)
    blurred = cv2.sepFilter2D(heatmap, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, dtype=np.float32)


def _blur_kernel(sigma: float) -> DoubleArray:
    """(size, 1): DARK's kernel for this sigma; of size 11 for sigma 2, 17 for sigma 3, as published."""
    return np.asarray(cv2.getGaussianKernel(2 * _blur_reach(sigma) + 1, 0), dtype=np.float64)


def _blur_reach(sigma: float) -> int:
    return int(2.75 * sigma)
