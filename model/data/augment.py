"""Augmentation: draws the parameters of a crop window; the crop itself is `model.contract.crop`.

Order and distributions are SimpleBaseline's (arXiv 1804.06208), with the half-body step that the paper uses on COCO.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from model.config import HALF_BODY_MIN_JOINTS, AugmentationRecipe
from model.contract.arrays import BoolArray, DoubleArray, ImageArray
from model.contract.crop import CropWindow
from model.contract.skeleton import Skeleton

HALF_BODY_PADDING = 1.5
UPPER_PROBABILITY = 0.691
"""The reference compares a normal draw with 0.5, so it takes the upper body in 69.1 % of the cases, not in half."""

Corners = tuple[float, float, float, float]
"""Left, top, right, bottom of an upright rectangle, image pixels."""


@dataclass(frozen=True)
class Augmentation:
    """Draws crop windows around people of one skeleton."""

    recipe: AugmentationRecipe
    skeleton: Skeleton

    def window(self, upright: CropWindow, points: DoubleArray, labelled: BoolArray, rng: Generator) -> CropWindow:
        """A random window: half-body, then scale, shift, rotation and flip.

        Args:
            upright: the window that serving would use.
            points: (K, 2) keypoints, image pixels.
            labelled: (K,) whether a keypoint has a label.
            rng: the sample's own generator; the same generator state gives the same window.
        """
        recipe = self.recipe
        half_body = rng.random() < recipe.half_body_probability and labelled.sum() > HALF_BODY_MIN_JOINTS
        window = self._half_body(upright, points, labelled, rng) if half_body else upright
        window = window.scaled(float(np.clip(rng.normal(1, recipe.scale), 1 - recipe.scale, 1 + recipe.scale)))
        turn = np.clip(rng.normal(0, recipe.rotation), -2 * recipe.rotation, 2 * recipe.rotation)
        shift_x, shift_y = np.clip(rng.normal(0, recipe.shift, 2), -2 * recipe.shift, 2 * recipe.shift)
        return replace(
            window,
            center_x=window.center_x + shift_x * window.width,
            center_y=window.center_y + shift_y * window.height,
            rotation=float(turn) if rng.random() < recipe.rotation_probability else 0.0,
            mirrored=bool(rng.random() < recipe.flip_probability),
        )

    def levels(self, rng: Generator) -> ImageArray | None:
        """(256,) uint8, what each grey level becomes: contrast and brightness change by at most `brightness` each.

        None without brightness; no random number is taken then.
        """
        bound = self.recipe.brightness
        if bound == 0:
            return None
        gain, offset = 1 + rng.uniform(-bound, bound), 255 * rng.uniform(-bound, bound) / 2
        return np.clip(np.arange(256) * gain + offset, 0, 255).astype(np.uint8)

    def reach(self, upright: CropWindow, points: DoubleArray, labelled: BoolArray) -> Corners:
        """The corners that no window drawn around a person leaves; arguments as `window`'s."""
        recipe = self.recipe
        windows = [upright]
        if recipe.half_body_probability > 0 and labelled.sum() > HALF_BODY_MIN_JOINTS:
            windows += [_around(half, upright) for half in self._halves(points, labelled) if len(half) > 1]
        turns = recipe.rotation > 0 and recipe.rotation_probability > 0
        return _enclosing([_reach_of(window.scaled(1 + recipe.scale), recipe.shift, turns=turns) for window in windows])

    def _half_body(self, upright: CropWindow, points: DoubleArray, labelled: BoolArray, rng: Generator) -> CropWindow:
        upper, lower = self._halves(points, labelled)
        prefer_upper = rng.random() < UPPER_PROBABILITY
        chosen = upper if (len(upper) > 2 and prefer_upper) or len(lower) <= 2 else lower
        return upright if len(chosen) < 2 else _around(chosen, upright)

    def _halves(self, points: DoubleArray, labelled: BoolArray) -> tuple[DoubleArray, DoubleArray]:
        """The labelled keypoints of the upper and of the lower body."""
        is_upper = np.isin(np.arange(len(points)), self.skeleton.upper_body)
        return points[labelled & is_upper], points[labelled & ~is_upper]


def _around(chosen: DoubleArray, upright: CropWindow) -> CropWindow:
    """The half-body window around keypoints, in the upright window's aspect ratio."""
    extent = np.ptp(chosen, axis=0)
    aspect_ratio = upright.width / upright.height
    width = max(extent[0], extent[1] * aspect_ratio, 1.0) * HALF_BODY_PADDING
    center_x, center_y = chosen.mean(axis=0)
    return CropWindow(float(center_x), float(center_y), float(width), float(width / aspect_ratio))


def _reach_of(window: CropWindow, shift: float, *, turns: bool) -> Corners:
    """Corners around a window wherever it is shifted and, if it turns, by whatever angle."""
    radius = math.hypot(window.width, window.height) / 2
    x = (radius if turns else window.width / 2) + 2 * shift * window.width
    y = (radius if turns else window.height / 2) + 2 * shift * window.height
    return window.center_x - x, window.center_y - y, window.center_x + x, window.center_y + y


def _enclosing(corners: list[Corners]) -> Corners:
    lefts, tops, rights, bottoms = zip(*corners, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
