"""A tiny MPII set: drawn figures with MPII's joints, its JSON lists and a gt_valid.mat."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.io import savemat

from model.contract.arrays import DoubleArray
from model.contract.skeleton import MPII_16
from tests.model.drawn import SIZE

# 40 x 80 pixels, facing the camera
FIGURE: DoubleArray = np.array(
    [
        *[(11, 76), (12, 60), (13, 44), (27, 44), (28, 60), (29, 76)],
        *[(20, 44), (20, 22), (20, 16), (20, 4)],
        *[(2, 44), (4, 32), (10, 20), (30, 20), (36, 32), (38, 44)],
    ],
    dtype=np.float64,
)
MISSING = (1, 0)
"""The joint that nobody labelled: of person 1, joint 0."""


def figure_at(x: float, y: float) -> DoubleArray:
    """(16, 2) joints of the figure with its top-left corner at (x, y), image pixels counted from 0."""
    return FIGURE + np.array([x, y])


def write_set(folder: Path) -> Path:
    """`train.json`, `valid.json`, `gt_valid.mat` and `images/`: two people each, on a photograph of their own."""
    (folder / "images").mkdir(parents=True)
    for split, places in (("train", [(10, 8), (62, 14)]), ("valid", [(30, 6), (55, 12)])):
        people = [figure_at(*place) for place in places]
        entries = [_entry(f"{split}-{at}.png", points, at) for at, points in enumerate(people)]
        (folder / f"{split}.json").write_text(json.dumps(entries))
        for at, points in enumerate(people):
            cv2.imwrite(str(folder / "images" / f"{split}-{at}.png"), _draw(points))
    points = np.stack([figure_at(30, 6), figure_at(55, 12)])
    savemat(str(folder / "gt_valid.mat"), truth_arrays(points + 1, np.full(2, 12.0)))
    return folder


def truth_arrays(points: DoubleArray, diagonals: DoubleArray, missing: Any = None) -> dict[str, Any]:
    """What `gt_valid.mat` holds: (N, 16, 2) points counted from 1 and (N,) head diagonals."""
    if missing is None:
        missing = np.zeros(points.shape[:2])
        missing[MISSING] = 1
    heads = np.zeros((2, 2, len(points)))
    heads[1, 0], heads[1, 1] = diagonals * 0.6, diagonals * 0.8
    names = np.array(["rank", "rkne", "rhip", "lhip", "head"], dtype=object)
    return {
        "pos_gt_src": points.transpose(1, 2, 0),
        "jnt_missing": missing.T,
        "headboxes_src": heads,
        "dataset_joints": names,
    }


def _entry(name: str, points: DoubleArray, at: int) -> dict[str, Any]:
    visible = [int((at, joint) != MISSING) for joint in range(MPII_16.num_keypoints)]
    scale = 0.4  # 80 pixels
    center = (points.min(axis=0) + points.max(axis=0)) / 2 + 1 - (0, 15 * scale)
    return {
        "image": name,
        "scale": scale,
        "center": center.tolist(),
        "joints": (points + 1).tolist(),
        "joints_vis": visible,
    }


def _draw(points: DoubleArray) -> np.ndarray:
    picture = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    for start, end in MPII_16.edges:
        ends = [tuple(int(value) for value in points[joint]) for joint in (start, end)]
        cv2.line(picture, ends[0], ends[1], (40, 40, 220) if start % 2 else (220, 60, 40), 3)
    return picture
