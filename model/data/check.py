"""`fasterpose data check`: reads a COCO-format set, counts what is in it and names what is broken."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from model.contract.arrays import DoubleArray
from model.contract.coco import (
    AnnotationError,
    CocoKeypoints,
    CocoPerson,
    dropped_people,
    labelled_outside,
    survey_keypoints,
)
from model.contract.scoring import oks
from model.contract.skeleton import Skeleton
from model.data.dataset import DataError, read_image
from model.data.drawing import draw_person, lay_out
from model.skeleton_recipe import skeleton_of_file

DUPLICATE_OKS = 0.98
SWAP_GAIN = 0.3
"""A pair is suspect when exchanging its ends shortens the limbs at it by more than this share of the person's size."""

SHEET_PEOPLE = 40
SHEET_COLUMNS = 8


@dataclass(frozen=True)
class Checked:
    """What was found in a set.

    Attributes:
        annotations: what could be read.
        skeleton: the file's keypoints, its pairs found by name.
        broken: what makes a run stop or learn nonsense, one line each.
        suspects: what a person should look at: annotation id -> why.
    """

    annotations: CocoKeypoints
    skeleton: Skeleton
    broken: list[str]
    suspects: dict[int, str]


def check_set(path: Path, folder: Path) -> Checked:
    """Read an annotation file and every photograph that it names.

    Raises:
        AnnotationError: the file as a whole cannot be read.
    """
    try:
        annotations, problems = survey_keypoints(path)
        skeleton = skeleton_of_file(path.stem, annotations.keypoint_names, annotations.edges).build()
    except OSError as error:
        raise AnnotationError(f"annotation file {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise AnnotationError(f"{path}: {error}") from error
    broken = [
        *(str(problem) for problem in problems),
        *_broken_photographs(annotations, folder),
        *(f"annotation {person.id}: {what}" for person in annotations.people for what in _faults(person, annotations)),
        *_duplicates(annotations, skeleton),
    ]
    return Checked(annotations, skeleton, broken, _swapped(annotations, skeleton))


def describe(checked: Checked) -> str:
    """The counts of a set: images, people, joints by visibility, box sizes; then what is suspect and what is broken."""
    annotations, people = checked.annotations, checked.annotations.people
    crowds = sum(person.iscrowd for person in people)
    dropped = dropped_people(annotations)
    lines = [
        f"{len(annotations.images)} images, {len({person.image_id for person in people})} of them with people",
        f"{len(people)} people, {len(people) - sum(dropped.values())} to train on, {crowds} crowds",
        *(f"left out: {count} x {why}" for why, count in dropped.items()),
        *_joint_lines(annotations),
        *_box_lines(people),
        *(f"suspect: annotation {number}: {why}" for number, why in checked.suspects.items()),
        *(f"broken: {line}" for line in checked.broken),
        f"{len(checked.broken)} broken, {len(checked.suspects)} suspect",
    ]
    return "\n".join(lines)


def write_sheet(checked: Checked, folder: Path, path: Path) -> None:
    """A contact sheet of up to 40 people, the suspects first, the others spread evenly over the file.

    Raises:
        DataError: nobody can be drawn, or the name's ending is no image format's.
    """
    tiles = list(_tiles(checked, folder))
    if not tiles:
        raise DataError(f"{checked.annotations.path} holds nobody who can be drawn")
    sheet = np.ascontiguousarray(lay_out(tiles, SHEET_COLUMNS)[..., ::-1])
    try:
        encoded = cv2.imencode(path.suffix, sheet)[1]
    except cv2.error as error:
        raise DataError(f"sheet {path}: {path.suffix or 'no ending'} is no image format; take .png or .jpg") from error
    path.write_bytes(encoded.tobytes())


def _broken_photographs(annotations: CocoKeypoints, folder: Path) -> Iterator[str]:
    names = Counter(image.file_name for image in annotations.images.values())
    yield from (f"photograph {name} stands in {count} image entries" for name, count in names.items() if count > 1)
    for image in annotations.images.values():
        try:
            height, width = read_image(folder / image.file_name).shape[:2]
        except DataError as error:
            yield str(error)
            continue
        if (width, height) != (image.width, image.height):
            yield (
                f"photograph {image.file_name} is {width} x {height}; "
                f"image {image.id} says {image.width} x {image.height}"
            )


def _faults(person: CocoPerson, annotations: CocoKeypoints) -> Iterator[str]:
    """What is wrong with a person's numbers."""
    image = annotations.images[person.image_id]
    x, y, width, height = person.box
    if not (width > 0 and height > 0):
        yield f"its box {list(person.box)} has no area"
    elif x >= image.width or y >= image.height or x + width <= 0 or y + height <= 0:
        yield f"its box {list(person.box)} lies outside the {image.width} x {image.height} image"
    outside = [annotations.keypoint_names[joint] for joint in np.flatnonzero(labelled_outside(person, image))]
    if outside:
        yield f"labelled outside the {image.width} x {image.height} image: {', '.join(outside)}"


def _duplicates(annotations: CocoKeypoints, skeleton: Skeleton) -> Iterator[str]:
    """People of one image whose labels coincide."""
    by_image: dict[int, list[CocoPerson]] = defaultdict(list)
    for person in annotations.people:
        if person.labelled.any() and not person.iscrowd and person.area > 0:
            for other in by_image[person.image_id]:
                both = person.labelled & other.labelled
                same = oks(person.keypoints, other.keypoints, person.area, skeleton.sigmas, both) > DUPLICATE_OKS
                if same and both.sum() > 1:
                    yield f"annotation {person.id}: the same person as annotation {other.id}"
            by_image[person.image_id].append(person)


def _swapped(annotations: CocoKeypoints, skeleton: Skeleton) -> dict[int, str]:
    """People with a left and a right keypoint that look exchanged: their limbs would be far shorter the other way."""
    found: dict[int, str] = {}
    for person in annotations.people:
        pairs = [
            f"{skeleton.keypoint_names[left]} and {skeleton.keypoint_names[right]}"
            for left, right in skeleton.flip_pairs
            if _swap_gain(person, skeleton, left, right) > SWAP_GAIN
        ]
        if pairs:
            found[person.id] = f"left and right look exchanged: {', '.join(pairs)}"
    return found


def _swap_gain(person: CocoPerson, skeleton: Skeleton, left: int, right: int) -> float:
    """By how much of the person's size exchanging two keypoints shortens the limbs at them; 0 if one is unlabelled."""
    size = max(person.box[2:])
    if not (person.labelled[left] and person.labelled[right] and size > 0):
        return 0.0
    exchanged = person.keypoints.copy()
    exchanged[[left, right]] = exchanged[[right, left]]
    limbs = [
        (a, b)
        for a, b in skeleton.edges
        if {a, b} & {left, right} and {a, b} != {left, right} and person.labelled[a] and person.labelled[b]
    ]
    return (_length(person.keypoints, limbs) - _length(exchanged, limbs)) / size


def _length(points: DoubleArray, limbs: list[tuple[int, int]]) -> float:
    return float(sum(np.linalg.norm(points[a] - points[b]) for a, b in limbs))


def _joint_lines(annotations: CocoKeypoints) -> Iterator[str]:
    if not annotations.people:
        return
    visibility = np.stack([person.visibility for person in annotations.people])
    yield f"{'keypoint':<20}{'visible':>9}{'hidden':>9}{'none':>9}"
    for joint, name in enumerate(annotations.keypoint_names):
        visible, hidden, none = (int((visibility[:, joint] == level).sum()) for level in (2, 1, 0))
        yield f"{name:<20}{visible:>9}{hidden:>9}{none:>9}"


def _box_lines(people: list[CocoPerson]) -> Iterator[str]:
    heights = [person.box[3] for person in people if person.box[3] > 0]
    if heights:
        low, middle, high = (float(value) for value in np.percentile(heights, [5, 50, 95]))
        yield f"box heights: median {middle:.0f} pixels, 5 % below {low:.0f}, 5 % above {high:.0f}"
    areas = np.array([person.area for person in people])
    small, large = int((areas < 32**2).sum()), int((areas > 96**2).sum())
    yield f"areas: {small} small (below 32 x 32), {len(areas) - small - large} medium, {large} large (above 96 x 96)"


def _tiles(checked: Checked, folder: Path) -> Iterator[np.ndarray]:
    for person in _chosen(checked):
        try:
            image = read_image(folder / checked.annotations.images[person.image_id].file_name)
        except DataError:
            continue  # named among what is broken
        caption = f"{person.id} suspect" if person.id in checked.suspects else str(person.id)
        yield draw_person(image, person.box, person.keypoints, person.labelled, checked.skeleton, caption)


def _chosen(checked: Checked) -> list[CocoPerson]:
    people = [person for person in checked.annotations.people if min(person.box[2:]) > 0]
    suspects = [person for person in people if person.id in checked.suspects][:SHEET_PEOPLE]
    others = [person for person in people if person.id not in checked.suspects and person.labelled.any()]
    room = SHEET_PEOPLE - len(suspects)
    return suspects + (others[:: max(1, -(-len(others) // room))] if room else [])
