"""COCO annotation files: reading keypoints and detections, and choosing the people to train on."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from model.contract.arrays import BoolArray, DoubleArray
from model.contract.coco_entry import AnnotationError, Entry
from model.contract.crop import Box

PERSON_CATEGORY = 1
"""COCO's category of people."""


@dataclass(frozen=True)
class CocoImage:
    """An image of an annotation file; width and height in pixels."""

    id: int
    file_name: str
    width: int
    height: int


@dataclass(frozen=True)
class CocoPerson:
    """An annotated person.

    Attributes:
        id: the annotation's id.
        image_id: the image it belongs to.
        box: x, y, width, height in image pixels, as annotated.
        area: the person's area in square pixels, as annotated (COCO: of the segment).
        keypoints: (K, 2) float64 image pixels; 0, 0 where there is no label.
        visibility: (K,) int64: 0 no label, 1 labelled but hidden, 2 visible.
        iscrowd: whether the annotation stands for a group.
        is_pseudo: (K,) whether a network, not a person, labelled the keypoint (`pseudo_keypoints`).
    """

    id: int
    image_id: int
    box: Box
    area: float
    keypoints: DoubleArray
    visibility: np.ndarray[Any, np.dtype[np.int64]]
    iscrowd: bool
    is_pseudo: BoolArray

    @property
    def labelled(self) -> BoolArray:
        """(K,) which keypoints carry a label, hidden ones too."""
        return self.visibility > 0


@dataclass(frozen=True)
class CocoKeypoints:
    """A keypoint annotation file.

    Attributes:
        path: the file.
        images: image id -> image.
        people: every annotation, crowds and people without labels too.
        keypoint_names: K names, in the file's order.
    """

    path: Path
    images: dict[int, CocoImage]
    people: list[CocoPerson]
    keypoint_names: tuple[str, ...]


@dataclass(frozen=True)
class CocoDetection:
    """One entry of a COCO detections file: a box (x, y, width, height in image pixels) and its score."""

    image_id: int
    category_id: int
    box: Box
    score: float


Identified = TypeVar("Identified", CocoImage, CocoPerson)


def read_keypoints(path: Path) -> CocoKeypoints:
    """Read a COCO keypoint annotation file and check every entry.

    Raises:
        AnnotationError: not such a file; the message names the file, the entry and what is wrong.
        FileNotFoundError: there is no such file.
    """
    root = Entry(path, "the file", _load(path))
    images = _by_id(path, [_read_image(entry) for entry in root.entries("images", "image")])
    names = _person_keypoints(root)
    people = [_read_person(entry, images, len(names)) for entry in root.entries("annotations", "annotation")]
    _by_id(path, people)
    return CocoKeypoints(path, images, people, names)


def read_detections(path: Path) -> list[CocoDetection]:
    """Read a COCO detections file: a JSON list of `image_id`, `category_id`, `bbox` and `score`.

    Raises:
        AnnotationError: not such a file; the message names the file, the entry and what is wrong.
        FileNotFoundError: there is no such file.
    """
    content = _load(path)
    if not isinstance(content, list):
        raise AnnotationError(f"{path}: a detections file is a JSON list, not {type(content).__name__}")
    entries = [Entry(path, f"entry {i}", item) for i, item in enumerate(cast("list[object]", content))]
    return [
        CocoDetection(
            entry.whole_number("image_id"), entry.whole_number("category_id"), _box(entry), entry.number("score")
        )
        for entry in entries
    ]


def training_people(annotations: CocoKeypoints) -> list[CocoPerson]:
    """The people to train and evaluate on with annotated boxes, their boxes clipped, as SimpleBaseline's loader.

    Crowds, people without a label, and people whose area or clipped box is empty are left out;
    `dropped_people` counts them. A clipped box ends on the centre of the last pixel it holds.
    """
    judged = [_judge(person, annotations.images[person.image_id]) for person in annotations.people]
    return [verdict for verdict in judged if isinstance(verdict, CocoPerson)]


def dropped_people(annotations: CocoKeypoints) -> dict[str, int]:
    """Why and how often `training_people` leaves somebody out: reason -> count, for reasons that occur."""
    judged = [_judge(person, annotations.images[person.image_id]) for person in annotations.people]
    return dict(Counter(verdict for verdict in judged if isinstance(verdict, str)))


def _judge(person: CocoPerson, image: CocoImage) -> CocoPerson | str:
    """The person with a clipped box, or the reason to leave it out."""
    if person.iscrowd:
        return "crowd"
    if not person.labelled.any():
        return "no labelled keypoint"
    x, y, width, height = person.box
    left, top = max(0.0, x), max(0.0, y)
    right = min(image.width - 1.0, left + max(0.0, width - 1))
    bottom = min(image.height - 1.0, top + max(0.0, height - 1))
    if not person.area > 0:
        return "no area"
    if right <= left or bottom <= top:
        return "box outside the image or under two pixels"
    return replace(person, box=(left, top, right - left, bottom - top))


def _load(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path}: not JSON ({error})") from error


def _by_id(path: Path, items: list[Identified]) -> dict[int, Identified]:
    found: dict[int, Identified] = {}
    for item in items:
        if item.id in found:
            raise AnnotationError(f"{path}: the id {item.id} occurs twice among its {type(item).__name__} entries")
        found[item.id] = item
    return found


def _read_image(entry: Entry) -> CocoImage:
    image = CocoImage(
        entry.whole_number("id"), entry.text("file_name"), entry.whole_number("width"), entry.whole_number("height")
    )
    if image.width < 1 or image.height < 1:
        raise entry.error(f"its size is {image.width} x {image.height}; both sides must be positive")
    return image


def _person_keypoints(root: Entry) -> tuple[str, ...]:
    for category in root.entries("categories", "category"):
        if category.whole_number("id") == PERSON_CATEGORY:
            return category.texts("keypoints")
    raise root.error(f"no category has id {PERSON_CATEGORY} (person); it must list its keypoint names")


def _read_person(entry: Entry, images: dict[int, CocoImage], count: int) -> CocoPerson:
    image_id = entry.whole_number("image_id")
    if image_id not in images:
        raise entry.error(f"its image_id {image_id} is not among the images")
    category = entry.whole_number("category_id", PERSON_CATEGORY)
    if category != PERSON_CATEGORY:
        raise entry.error(f"its category_id is {category}; keypoint files hold people ({PERSON_CATEGORY}) only")
    triples = np.array(entry.numbers("keypoints", 3 * count)).reshape(count, 3)
    if not np.isin(triples[:, 2], (0, 1, 2)).all():
        raise entry.error("a keypoint's visibility is none of 0, 1 and 2")
    return CocoPerson(
        id=entry.whole_number("id"),
        image_id=image_id,
        box=_box(entry),
        area=entry.number("area"),
        keypoints=triples[:, :2].copy(),
        visibility=triples[:, 2].astype(np.int64),
        iscrowd=entry.whole_number("iscrowd", 0) == 1,
        is_pseudo=_pseudo(entry, count),
    )


def _box(entry: Entry) -> Box:
    x, y, width, height = entry.numbers("bbox", 4)
    return (x, y, width, height)


def _pseudo(entry: Entry, count: int) -> BoolArray:
    indices = entry.whole_numbers("pseudo_keypoints")
    if any(not 0 <= index < count for index in indices):
        raise entry.error(f"its pseudo_keypoints {indices} name a keypoint outside 0..{count - 1}")
    marks = np.zeros(count, dtype=np.bool_)
    marks[indices] = True
    return marks
