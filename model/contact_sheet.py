"""`fasterpose evaluate --contact-sheet`: people spread evenly over a file, each estimate beside its label."""

from pathlib import Path

import cv2
import numpy as np

from model.contract.arrays import ImageArray
from model.data.dataset import DataError, Sample, read_image
from model.data.drawing import draw_person, lay_out
from model.measure import Measured

PEOPLE = 24
COLUMNS = 8
PAPER = 48
"""Gray level that stands in for a photograph which must not be passed on."""


def write_contact_sheet(measured: Measured, path: Path, *, blank: bool) -> None:
    """Write a picture of 24 people, or of all where there are fewer: estimate and label side by side.

    The people are every n-th of the annotation file, so that nobody chooses them.

    Args:
        measured: people measured on their own boxes.
        path: the picture; its ending says the format.
        blank: leave the photographs out.

    Raises:
        DataError: the boxes were detected, so that no estimate belongs to a label; or the ending names no format.
    """
    if not measured.samples:
        raise DataError("a contact sheet shows estimates beside their labels; leave --detections out")
    if not cv2.haveImageWriter(str(path)):
        raise DataError(f"{path} names no picture format; take .jpg, .png or .webp")
    count = min(PEOPLE, len(measured.samples))
    chosen = [index * len(measured.samples) // count for index in range(count)]
    tiles = [tile for index in chosen for tile in _pair(measured, index, blank=blank)]
    cv2.imwrite(str(path), np.ascontiguousarray(lay_out(tiles, COLUMNS)[..., ::-1]))


def _pair(measured: Measured, index: int, *, blank: bool) -> list[ImageArray]:
    sample, skeleton = measured.samples[index], measured.spec.skeleton
    person, image = sample.person, _photograph(sample, blank=blank)
    triples = np.array(measured.results[index]["keypoints"], dtype=np.float64).reshape(-1, 3)
    everything = np.ones(skeleton.num_keypoints, dtype=np.bool_)
    return [
        draw_person(image, person.box, triples[:, :2], everything, skeleton, f"{person.id}"),
        draw_person(image, person.box, person.keypoints, person.labelled, skeleton, "label"),
    ]


def _photograph(sample: Sample, *, blank: bool) -> ImageArray:
    image = read_image(sample.image_path)
    return np.full_like(image, PAPER) if blank else image
