"""MPII's annotation JSON (as SimpleBaseline ships it) to samples, and the ground truth of PCKh, `gt_valid.mat`.

An entry has `image`, `center`, `scale`, `joints` (16 x 2) and `joints_vis`. Positions count from 1; the centre lies
15 x scale above the person's and the square of 200 x scale pixels is tight (FACTS: the published loader moves it
down, widens it by 1.25, and subtracts 1 from centre and joints).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from scipy.io import loadmat

from model.contract.arrays import BoolArray, DoubleArray
from model.contract.coco import CocoPerson
from model.contract.coco_entry import AnnotationError, Entry
from model.contract.crop import Box
from model.contract.skeleton import MPII_16
from model.data.dataset import DataError, Sample

PERSON_SIDE = 200
"""Pixels of a person of scale 1."""
CENTRE_DROP = 15
"""Pixels, times the scale, by which the loader moves the centre down."""
CENTRED_PADDING = 1.25

JOINTS = MPII_16.num_keypoints


@dataclass(frozen=True)
class PckhTruth:
    """The ground truth of the validation people, in the order of their JSON list.

    Attributes:
        points: (N, 16, 2) joints, pixels counted from 1.
        present: (N, 16) which joints are labelled (`jnt_missing` is 0).
        head_diagonals: (N,) lengths of the head boxes' diagonals, pixels.
    """

    points: DoubleArray
    present: BoolArray
    head_diagonals: DoubleArray


def read_mpii(path: Path, folder: Path) -> list[Sample]:
    """Every person of an MPII annotation JSON, in its order, people without labels too.

    A person's box is the square of 200 x scale pixels; the loader's 1.25 is the codec's `box_padding`. Its area is the
    square's.

    Args:
        path: the JSON list.
        folder: the folder of the photographs.

    Raises:
        AnnotationError: the file is missing or broken; the message names the entry.
    """
    return [_sample(Entry(path, f"entry {at}", item), at, folder) for at, item in enumerate(_load(path))]


def read_pckh_truth(path: Path) -> PckhTruth:
    """Read `gt_valid.mat`.

    Raises:
        DataError: it is missing, no MATLAB file, or lacks what PCKh needs.
    """
    try:
        content = loadmat(str(path))
        points = np.asarray(content["pos_gt_src"], dtype=np.float64)  # (16, 2, N)
        missing = np.asarray(content["jnt_missing"])  # (16, N)
        heads = np.asarray(content["headboxes_src"], dtype=np.float64)  # (2 corners, 2, N)
    except OSError as error:
        raise DataError(f"ground truth {path} cannot be read: {error.strerror or error}") from error
    except KeyError as error:
        raise DataError(f"ground truth {path} holds no {error}; PCKh needs MPII's gt_valid.mat") from error
    except (ValueError, TypeError, NotImplementedError) as error:
        raise DataError(f"ground truth {path} is not a MATLAB file that can be read: {error}") from error
    count = missing.shape[-1]
    shapes = (points.shape, missing.shape, heads.shape)
    if shapes != ((JOINTS, 2, count), (JOINTS, count), (2, 2, count)):
        raise DataError(f"ground truth {path} has pos_gt_src, jnt_missing, headboxes_src of shapes {shapes}")
    return PckhTruth(points.transpose(2, 0, 1), missing.T == 0, np.linalg.norm(heads[1] - heads[0], axis=0))


def _load(path: Path) -> list[object]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise AnnotationError(f"annotation file {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: not JSON ({error})") from error
    if not isinstance(content, list):
        raise AnnotationError(f"{path}: an annotation file of MPII is a JSON list, not {type(content).__name__}")
    return cast("list[object]", content)


def _sample(entry: Entry, at: int, folder: Path) -> Sample:
    points = np.array(entry.number_rows("joints", JOINTS, 2))
    visible = np.array(entry.numbers("joints_vis", JOINTS)) > 0
    box = _box(entry)
    person = CocoPerson(
        id=at,
        image_id=at,
        box=box,
        area=box[2] * box[3],
        keypoints=np.where(visible[:, None], points - 1, 0.0),
        visibility=np.where(visible, 2, 0).astype(np.int64),
        iscrowd=False,
        is_pseudo=np.zeros(JOINTS, dtype=np.bool_),
    )
    return Sample(folder / entry.text("image"), person)


def _box(entry: Entry) -> Box:
    (x, y), scale = entry.numbers("center", 2), entry.number("scale")
    if not scale > 0:
        raise entry.error(f"its scale is {scale}; it must be positive")
    side = PERSON_SIDE * scale
    if x == -1:  # the published loader leaves such an entry as it is, so it takes the codec's padding back
        side /= CENTRED_PADDING
    else:
        y += CENTRE_DROP * scale
    return (x - 1 - side / 2, y - 1 - side / 2, side, side)
