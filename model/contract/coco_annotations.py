"""COCO annotation files: reading keypoints and detections, and choosing the people to train on."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from model.contract.arrays import BoolArray, DoubleArray
from model.contract.coco_entry import AnnotationError, Entry
from model.contract.crop import Box

PERSON_CATEGORY = 1
"""COCO's category of people."""

OUTSIDE = 1.0
"""Pixels that a label may lie outside its image: files round."""


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
        category_id: the category, 1 in COCO.
    """

    id: int
    image_id: int
    box: Box
    area: float
    keypoints: DoubleArray
    visibility: np.ndarray[Any, np.dtype[np.int64]]
    iscrowd: bool
    is_pseudo: BoolArray
    category_id: int = PERSON_CATEGORY

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
        edges: 0-based pairs of keypoints, the category's `skeleton`; none where it has none.
        category_id: the category that the people belong to.
    """

    path: Path
    images: dict[int, CocoImage]
    people: list[CocoPerson]
    keypoint_names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    category_id: int = PERSON_CATEGORY


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

    Its people are those of category 1, or of the only category that lists keypoints.

    Raises:
        AnnotationError: not such a file; the message names the file, the entry and what is wrong.
        FileNotFoundError: there is no such file.
    """
    annotations, problems = survey_keypoints(path)
    if problems:
        raise problems[0]
    return annotations


def survey_keypoints(path: Path) -> tuple[CocoKeypoints, list[AnnotationError]]:
    """Read what can be read of a COCO keypoint annotation file, and say what is wrong with each other entry.

    Raises:
        AnnotationError: the file as a whole is none; no list of images or annotations, no category with keypoints.
        FileNotFoundError: there is no such file.
    """
    root, problems = Entry(path, "the file", _load(path)), list[AnnotationError]()
    images = _by_id(_read_each(root.entries("images", "image"), _read_image, problems), path, problems)
    category, names = _keypoint_category(root)
    read_person = partial(_read_person, images=images, count=len(names), category_id=category.whole_number("id"))
    people = _by_id(_read_each(root.entries("annotations", "annotation"), read_person, problems), path, problems)
    found = CocoKeypoints(
        path, images, list(people.values()), names, _edges(category, len(names)), category.whole_number("id")
    )
    return found, problems


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


def labelled_outside(person: CocoPerson, image: CocoImage) -> BoolArray:
    """(K,) whether a keypoint is labelled outside its image, by more than files round."""
    last = np.array([image.width, image.height]) + OUTSIDE
    return person.labelled & ((person.keypoints < -OUTSIDE) | (person.keypoints > last)).any(axis=1)


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


def _read_each(
    entries: list[Entry], read: Callable[[Entry], Identified], problems: list[AnnotationError]
) -> list[Identified]:
    """What `read` makes of the entries; those that it refuses become problems."""
    found: list[Identified] = []
    for entry in entries:
        try:
            found.append(read(entry))
        except AnnotationError as error:
            problems.append(error)
    return found


def _by_id(items: list[Identified], path: Path, problems: list[AnnotationError]) -> dict[int, Identified]:
    """The items by id; of those with one id, the first."""
    found: dict[int, Identified] = {}
    for item in items:
        if item.id in found:
            kind = type(item).__name__
            problems.append(AnnotationError(f"{path}: the id {item.id} occurs twice among its {kind} entries"))
        found.setdefault(item.id, item)
    return found


def _read_image(entry: Entry) -> CocoImage:
    image = CocoImage(
        entry.whole_number("id"), entry.text("file_name"), entry.whole_number("width"), entry.whole_number("height")
    )
    if image.width < 1 or image.height < 1:
        raise entry.error(f"its size is {image.width} x {image.height}; both sides must be positive")
    return image


def _keypoint_category(root: Entry) -> tuple[Entry, tuple[str, ...]]:
    """Category 1, or the only one that lists keypoints; and its keypoints' names."""
    categories = root.entries("categories", "category")
    found = next((category for category in categories if category.whole_number("id") == PERSON_CATEGORY), None)
    listing = [category for category in categories if "keypoints" in category.values]
    if found is None and len(listing) == 1:
        (found,) = listing
    if found is None:
        raise root.error(
            f"no category has id {PERSON_CATEGORY} (person), and {len(listing)} list keypoints; one must, and its names"
        )
    return found, found.texts("keypoints")


def _edges(category: Entry, count: int) -> tuple[tuple[int, int], ...]:
    """The category's `skeleton`, which counts from 1, as 0-based pairs."""
    edges = tuple((a - 1, b - 1) for a, b in category.whole_number_rows("skeleton", 2))
    if any(not 0 <= end < count for edge in edges for end in edge):
        raise category.error(f"its skeleton names a keypoint outside 1..{count}")
    return edges


def _read_person(entry: Entry, images: dict[int, CocoImage], count: int, category_id: int) -> CocoPerson:
    image_id = entry.whole_number("image_id")
    if image_id not in images:
        raise entry.error(f"its image_id {image_id} is not among the images")
    category = entry.whole_number("category_id", category_id)
    if category != category_id:
        raise entry.error(f"its category_id is {category}; keypoint files hold people ({category_id}) only")
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
        category_id=category_id,
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
