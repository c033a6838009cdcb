"""Self-training: keypoints for people of whom only a box is known, where two networks agree.

A joint becomes a label if MoveNet and a bundle put it in one place, if MoveNet's four views of the person do too, and
if MoveNet is not unsure of it. Distances are counted in 2 sigma sqrt(area), the unit of OKS's exponent: at 1 the OKS
of a joint is 0.61.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.contract.arrays import BoolArray, DoubleArray, ImageArray
from model.contract.boxes import box_overlaps
from model.contract.crop import Box, CropTransform
from model.contract.poses import average_with_mirrored
from model.contract.skeleton import COCO_17
from model.contract.spec import PoseSpec
from model.data.dataset import DataError, read_image
from model.data.movenet import MoveNet
from model.data.sources import read_annotations
from model.graph import Graph

PADDINGS = (1.0, 1.15)
"""Crops that the bundle sees, in its own padding."""

AREA_OF_BOX = 0.534
"""COCO's mean of a person's area in their box's."""


@dataclass(frozen=True)
class Agreement:
    """When two networks agree.

    Attributes:
        apart: the most that both may lie apart, in OKS units.
        spread: the most that one of MoveNet's views may lie from their mean.
        score: MoveNet's least.
        joints: the fewest labels of a person; people with fewer are left out.
    """

    apart: float = 1.0
    spread: float = 1.5
    score: float = 0.2
    joints: int = 5


@dataclass(frozen=True)
class Candidate:
    """A person without keypoints: ids of the box and its photograph, the photograph's file, x, y, width, height."""

    id: int
    image_id: int
    file_name: str
    box: Box


def unlabelled_people(
    boxes: Path, labelled: Path, *, overlap: float = 0.4, size: tuple[float, float] = (30, 60), score: float = 0.35
) -> list[Candidate]:
    """Boxes that lie on nobody who has keypoints, in the order of their photographs.

    Args:
        boxes: COCO-format file of person boxes, `score` where a network found them.
        labelled: keypoint file of the same photographs (by file name).
        overlap: a box with this IoU or more with a labelled person's is that person's.
        size: least width and height in pixels.
        score: least score of a box that has one.

    Raises:
        DataError, AnnotationError: a file cannot be read.
    """
    content = _read(boxes)
    names = {image["id"]: image["file_name"] for image in content["images"]}
    known = _boxes_by_file(labelled)
    found = (
        Candidate(entry["id"], entry["image_id"], names[entry["image_id"]], tuple(entry["bbox"]))
        for entry in content["annotations"]
        if entry["bbox"][2] >= size[0] and entry["bbox"][3] >= size[1] and entry.get("score", 1) >= score
    )
    others = [c for c in found if not _lies_on(c.box, known.get(c.file_name, []), overlap)]
    return sorted(others, key=lambda candidate: (candidate.image_id, candidate.id))


def label_people(
    people: Sequence[Candidate], images: Path, movenet: MoveNet, bundle: tuple[PoseSpec, Graph], rule: Agreement
) -> Iterator[dict[str, Any] | None]:
    """For each person a COCO annotation whose labels are all `pseudo_keypoints`, or None where too few agree.

    Raises:
        DataError: the bundle has other keypoints than COCO's, or a photograph cannot be read.
    """
    if bundle[0].skeleton.keypoint_names != COCO_17.keypoint_names:
        raise DataError(f"bundle {bundle[0].provenance.name} has not COCO's 17 keypoints, which MoveNet finds")
    shown, image = "", np.zeros((0, 0, 3), dtype=np.uint8)
    for person in people:
        if person.file_name != shown:
            shown, image = person.file_name, read_image(images / person.file_name)
        points, agreed = agree(
            movenet.look(image, person.box), _bundle_points(bundle, image, person.box), person.box, rule
        )
        yield _annotation(person, points, agreed) if agreed.sum() >= rule.joints else None


def agree(views: DoubleArray, second: DoubleArray, box: Box, rule: Agreement) -> tuple[DoubleArray, BoolArray]:
    """(V, 17, 3) views of one network and (17, 2) points of another -> (17, 2) middle, (17,) whether they agree."""
    unit = 2 * np.asarray(COCO_17.sigmas) * np.sqrt(_area(box))
    first = views.mean(axis=0)
    spread = np.linalg.norm(views[:, :, :2] - first[:, :2], axis=2).max(axis=0) / unit
    apart = np.linalg.norm(first[:, :2] - second, axis=1) / unit
    agreed = (apart < rule.apart) & (spread < rule.spread) & (first[:, 2] > rule.score)
    return (first[:, :2] + second) / 2, agreed


def write_labels(boxes: Path, labelled: Path, annotations: Sequence[dict[str, Any]], output: Path) -> None:
    """Write annotations as a COCO keypoint file with the photographs of `boxes` and the categories of `labelled`."""
    used = {annotation["image_id"] for annotation in annotations}
    images = [image for image in _read(boxes)["images"] if image["id"] in used]
    content = {"images": images, "annotations": list(annotations), "categories": _read(labelled)["categories"]}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(content))


def _bundle_points(bundle: tuple[PoseSpec, Graph], image: ImageArray, box: Box) -> DoubleArray:
    """(17, 2) image pixels: the mean over the paddings, each with the flip test."""
    spec, predict = bundle
    transforms = [CropTransform.from_box(box, spec.input_size, spec.box_padding * padding) for padding in PADDINGS]
    crops = np.stack([transform.crop_image(image) for transform in transforms])
    mirrored = predict(np.ascontiguousarray(crops[:, :, ::-1]))
    heatmaps = average_with_mirrored(predict(crops), mirrored, spec.skeleton.mirror_order, shift=spec.flip_shift)
    points, _ = spec.codec.decode(heatmaps)
    return np.mean([t.points_to_image(p) for t, p in zip(transforms, points, strict=True)], axis=0)


def _annotation(person: Candidate, points: DoubleArray, agreed: BoolArray) -> dict[str, Any]:
    keypoints = [
        number
        for (x, y), labelled in zip(points, agreed, strict=True)
        for number in ((round(float(x), 2), round(float(y), 2), 2) if labelled else (0, 0, 0))
    ]
    return {
        "id": person.id,
        "image_id": person.image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": list(person.box),
        "area": _area(person.box),
        "keypoints": keypoints,
        "num_keypoints": int(agreed.sum()),
        "pseudo_keypoints": [int(index) for index in np.flatnonzero(agreed)],
    }


def _area(box: Box) -> float:
    return AREA_OF_BOX * box[2] * box[3]


def _boxes_by_file(labelled: Path) -> dict[str, list[Box]]:
    annotations = read_annotations(labelled)
    boxes: dict[str, list[Box]] = {}
    for person in annotations.people:
        boxes.setdefault(annotations.images[person.image_id].file_name, []).append(person.box)
    return boxes


def _lies_on(box: Box, known: list[Box], overlap: float) -> bool:
    return bool(known) and float(box_overlaps([box], known).max()) >= overlap


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
