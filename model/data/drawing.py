"""People drawn into their photographs, cut out and laid side by side."""

from collections.abc import Sequence

import cv2
import numpy as np

from model.contract.arrays import BoolArray, DoubleArray, ImageArray
from model.contract.crop import Box, CropTransform
from model.contract.skeleton import Skeleton

TILE = (192, 256)
PADDING = 1.25
LEFT, RIGHT, MIDDLE = (255, 150, 40), (60, 160, 255), (90, 220, 120)
"""RGB colours of left-hand, right-hand and other keypoints."""


def draw_person(
    image: ImageArray, box: Box, points: DoubleArray, shown: BoolArray, skeleton: Skeleton, caption: str
) -> ImageArray:
    """A person's crop, (256, 192, 3) uint8 RGB, with their keypoints and limbs and a caption.

    Args:
        image: the (H, W, 3) uint8 RGB photograph.
        box: the person's box with some area, image pixels.
        points: (K, 2) keypoints, image pixels.
        shown: (K,) which keypoints are drawn.
        skeleton: names, limbs and sides.
        caption: a few characters.
    """
    transform = CropTransform.from_box(box, TILE, PADDING)
    tile = np.ascontiguousarray(transform.crop_image(image))
    places = np.round(np.clip(transform.points_to_crop(points), -2000, 2000)).astype(int).tolist()
    for a, b in skeleton.edges:
        if shown[a] and shown[b]:
            cv2.line(tile, places[a], places[b], (245, 245, 245), 1, cv2.LINE_AA)
    for keypoint in np.flatnonzero(shown):
        cv2.circle(tile, places[keypoint], 3, _colour(int(keypoint), skeleton), -1, cv2.LINE_AA)
    cv2.rectangle(tile, (0, 0), (TILE[0], 16), (0, 0, 0), -1)
    cv2.putText(tile, caption, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def lay_out(tiles: Sequence[ImageArray], columns: int) -> ImageArray:
    """Tiles of one size in rows of `columns`, the rest of the last row black."""
    missing = -len(tiles) % columns
    filled = [*tiles, *[np.zeros_like(tiles[0])] * missing]
    rows = [np.hstack(filled[start : start + columns]) for start in range(0, len(filled), columns)]
    return np.vstack(rows)


def _colour(keypoint: int, skeleton: Skeleton) -> tuple[int, int, int]:
    if any(keypoint == left for left, _ in skeleton.flip_pairs):
        return LEFT
    return RIGHT if any(keypoint == right for _, right in skeleton.flip_pairs) else MIDDLE
