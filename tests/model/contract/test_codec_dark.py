"""DARK's decoding against a slow reference that smooths whole maps, as its authors' code does."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import DTypeLike

from model.contract.arrays import DoubleArray, FloatArray
from model.contract.codec import HeatmapCodec

SMALL = HeatmapCodec((128, 160), (32, 40), 1.5, "half_pixel", "exact", "dark")
MIDDLE = HeatmapCodec((192, 256), (48, 64), 2.0, "stride", "exact", "dark")
LARGE = HeatmapCodec((288, 384), (72, 96), 3.0, "udp", "exact", "dark")
TIGHT = HeatmapCodec((24, 28), (6, 7), 2.0, "half_pixel", "exact", "dark")  # the blur is wider than the map
CODECS = [SMALL, MIDDLE, LARGE, TIGHT]
PEOPLE = 3


def slow_points(of: HeatmapCodec, maps: FloatArray, dtype: DTypeLike) -> DoubleArray:
    """(N, K, h, w) -> (N, K, 2) crop pixels, one map after the other, smoothed and logged in `dtype`."""
    points = [[slow_point(heatmap, of.sigma, dtype) for heatmap in person] for person in maps]
    return of.to_crop(np.array(points))


def slow_point(heatmap: FloatArray, sigma: float, dtype: DTypeLike) -> tuple[float, float]:
    height, width = heatmap.shape
    y, x = divmod(int(heatmap.argmax()), width)
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return x, y
    at = np.log(np.maximum(slow_smooth(heatmap.astype(dtype), sigma), 1e-10)).astype(np.float64)
    gradient = np.array([at[y, x + 1] - at[y, x - 1], at[y + 1, x] - at[y - 1, x]]) / 2
    curve_xx = (at[y, x + 2] - 2 * at[y, x] + at[y, x - 2]) / 4
    curve_yy = (at[y + 2, x] - 2 * at[y, x] + at[y - 2, x]) / 4
    curve_xy = (at[y + 1, x + 1] - at[y - 1, x + 1] - at[y + 1, x - 1] + at[y - 1, x - 1]) / 4
    if curve_xx * curve_yy - curve_xy**2 == 0:
        return x, y
    step = -np.linalg.inv(np.array([[curve_xx, curve_xy], [curve_xy, curve_yy]])) @ gradient
    return (x + step[0], y + step[1]) if np.abs(step).max() <= int(2.75 * sigma) else (x, y)


def slow_smooth(heatmap: np.ndarray, sigma: float) -> np.ndarray:
    kernel = 2 * int(2.75 * sigma) + 1
    padded = cv2.copyMakeBorder(heatmap, kernel, kernel, kernel, kernel, cv2.BORDER_CONSTANT, value=0.0)
    blurred = cv2.GaussianBlur(padded, (kernel, kernel), 0)[kernel:-kernel, kernel:-kernel]
    peak = blurred.max()
    return blurred * (heatmap.max() / peak) if peak > 0 else blurred


def clean(of: HeatmapCodec, rng: np.random.Generator) -> np.ndarray:
    """Targets whose keypoints lie all over the crop, some beyond its border."""
    points = rng.uniform(-3, np.array(of.input_size) + 3, (PEOPLE * 17, 2))
    maps, _ = of.encode(points, np.ones(len(points), dtype=np.bool_))
    return maps


def trained(of: HeatmapCodec, rng: np.random.Generator) -> np.ndarray:
    """Peaks of all heights over a little noise, partly below 0: as a network answers."""
    maps = clean(of, rng)
    return maps * rng.uniform(0.03, 1, (len(maps), 1, 1)) + rng.normal(0, 0.01, maps.shape)


def two_peaked(of: HeatmapCodec, rng: np.random.Generator) -> np.ndarray:
    return np.maximum(clean(of, rng), 0.9 * clean(of, rng))


def positive_noise(of: HeatmapCodec, rng: np.random.Generator) -> np.ndarray:
    return rng.random(clean(of, rng).shape)


def signed_noise(of: HeatmapCodec, rng: np.random.Generator) -> np.ndarray:
    """Smoothed values around the peak fall below 0, to the floor: the scale counts."""
    return rng.normal(0, 1, clean(of, rng).shape)


def negative(of: HeatmapCodec, rng: np.random.Generator) -> np.ndarray:
    return clean(of, rng) - 2.0


def at_the_floor(of: HeatmapCodec, rng: np.random.Generator) -> np.ndarray:
    """Peaks of 1e-10 to 1e-8: partly on the floor, partly above it."""
    return clean(of, rng) * 10.0 ** rng.uniform(-10, -8, (PEOPLE * 17, 1, 1))


Kind = Callable[[HeatmapCodec, np.random.Generator], np.ndarray]
MAPS: list[Kind] = [clean, trained, two_peaked, positive_noise, signed_noise, negative, at_the_floor]


def drawn_maps(of: HeatmapCodec, kind: Kind) -> FloatArray:
    width, height = of.heatmap_size
    return kind(of, np.random.default_rng(0)).astype(np.float32).reshape(PEOPLE, 17, height, width)


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("of", CODECS, ids=lambda of: f"{of.heatmap_size}")
def test_points_are_those_of_whole_smoothed_maps(of: HeatmapCodec, kind: Kind) -> None:
    maps = drawn_maps(of, kind)
    points, scores = of.decode(maps)
    np.testing.assert_allclose(points, slow_points(of, maps, np.float64), atol=1e-6)
    np.testing.assert_array_equal(scores, maps.max(axis=(2, 3)))


@pytest.mark.parametrize("kind", [clean, trained, two_peaked])
@pytest.mark.parametrize("of", CODECS, ids=lambda of: f"{of.heatmap_size}")
def test_points_are_those_of_float32_where_these_are_not_all_rounding(of: HeatmapCodec, kind: Kind) -> None:
    """On noise the curvature nearly vanishes, and float32's last bit moves a point by thousandths of a pixel."""
    maps = drawn_maps(of, kind)
    np.testing.assert_allclose(of.decode(maps)[0], slow_points(of, maps, np.float32), atol=1e-4)


@pytest.mark.parametrize("of", [SMALL, TIGHT], ids=lambda of: f"{of.heatmap_size}")
def test_every_place_of_the_peak_agrees_with_the_reference(of: HeatmapCodec) -> None:
    """The border, where the blur leaves the map, included."""
    width, height = of.heatmap_size
    centres = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 2) + 0.3
    maps, _ = of.encode(of.to_crop(centres.astype(np.float64)), np.ones(len(centres), dtype=np.bool_))
    np.testing.assert_allclose(of.decode(maps[None])[0], slow_points(of, maps[None], np.float64), atol=1e-6)


@pytest.mark.parametrize("kind", [trained, signed_noise])
def test_the_batch_changes_no_bit_of_a_person(kind: Kind) -> None:
    maps = drawn_maps(SMALL, kind)
    many = np.concatenate([maps] * 8)
    together, _ = SMALL.decode(many)
    for size in (1, 2, 3):
        alone, _ = SMALL.decode(maps[:size])
        np.testing.assert_array_equal(alone, together[:size])


def test_a_view_of_other_maps_decodes_like_its_copy() -> None:
    maps = drawn_maps(SMALL, trained)
    view = maps[::2, ::-1, :, ::-1]
    np.testing.assert_array_equal(SMALL.decode(view)[0], SMALL.decode(np.ascontiguousarray(view))[0])
