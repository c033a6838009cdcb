"""`--boxes`: where the people are, from a COCO file of annotations or detections; the detector is not asked."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import orjson

from model.contract.coco import PERSON_CATEGORY
from model.contract.coco_entry import Entry
from model.contract.detections import ScoredBox
from service.errors import NotFoundError
from service.jobs import PoseOptions
from service.predict.inputs import Photo
from service.settings import SettingsError

SMALLEST_SIDE = 1.0
"""Pixels, as of the boxes of a request."""
ImageKey = int | str


class NotListedError(NotFoundError):
    """The file of boxes has an image list, and this image is not in it."""


@dataclass
class BoxesFile:
    """The boxes of a file, by image.

    Attributes:
        path: the file.
        boxes: image id -> its people, in the file's order.
        ids: file name -> image id, where the file lists its images.
        left_out: entries that stand for no person: crowds, other categories, boxes thinner than a pixel.
    """

    path: Path
    boxes: dict[ImageKey, list[ScoredBox]] = field(default_factory=lambda: defaultdict(list))
    ids: dict[str, int] | None = None
    left_out: int = 0

    def id_of(self, photo: Photo) -> ImageKey | None:
        """The id under which the file knows an image: by its name in the list of images, else by its own name.

        Where the file lists no images, an id is a path, a file name, or the number that is a COCO file's name
        (`000000000139.jpg` is 139). None: the file does not know it.
        """
        path = Path(photo.name)
        if self.ids is not None:
            return next((self.ids[name] for name in (photo.name, path.name) if name in self.ids), None)
        number = (int(path.stem),) if path.stem.isascii() and path.stem.isdigit() else ()
        return next((key for key in (photo.name, path.name, path.stem, *number) if key in self.boxes), None)

    def people_in(self, photo: Photo, options: PoseOptions) -> list[ScoredBox]:
        """The people of an image that the options let pass, the best first; none where the file has none.

        Raises:
            NotListedError: the file lists its images, and this is none of them.
        """
        key = self.id_of(photo)
        if key is None:
            if self.ids is not None:
                raise NotListedError(f"{self.path} does not list an image of this name.")
            return []
        people = sorted(self.boxes.get(key, []), key=lambda person: person.score, reverse=True)
        return [person for person in people if person.score >= options.person_threshold][: options.max_persons]

    def unused(self, photos: Iterable[Photo]) -> int:
        """How many images of the file have boxes and are not among those that are answered."""
        return len(self.boxes.keys() - {self.id_of(photo) for photo in photos})


def read_boxes(path: Path) -> BoxesFile:
    """Read a file of boxes.

    Args:
        path: COCO annotations (`images`, `annotations`, their boxes score 1), or COCO detections or results: a list of
            `image_id`, `bbox` and, where it is not 1, `score`. Boxes are [x, y, width, height] in pixels.

    Raises:
        SettingsError: the file cannot be read.
        AnnotationError: it is neither; the message names the entry.
    """
    try:
        content: object = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"--boxes {path} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"--boxes {path} is not JSON: {error}") from error
    found = BoxesFile(path)
    if isinstance(content, list):
        items = cast("list[object]", content)
        _add(found, [Entry(path, f"entry {at}", item) for at, item in enumerate(items)], PERSON_CATEGORY)
        return found
    root = Entry(path, "the file", content)
    found.ids = _ids_by_name(root)
    _add(found, root.entries("annotations", "annotation"), _person_category(root))
    return found


def _ids_by_name(root: Entry) -> dict[str, int]:
    """File names -> ids; the last part of a name stands for it too, where it is the only one."""
    images = [(image.text("file_name"), image.whole_number("id")) for image in root.entries("images", "image")]
    last_parts: dict[str, set[int]] = defaultdict(set)
    for name, image_id in images:
        last_parts[Path(name).name].add(image_id)
    return {name: min(ids) for name, ids in last_parts.items() if len(ids) == 1} | dict(images)


def _person_category(root: Entry) -> int:
    """The id of the category `person`, COCO's where the file names none."""
    categories = root.entries("categories", "category") if "categories" in root.values else []
    named = (category.whole_number("id") for category in categories if category.values.get("name") == "person")
    return next(named, PERSON_CATEGORY)


def _add(found: BoxesFile, entries: list[Entry], person: int) -> None:
    for entry in entries:
        x, y, width, height = entry.numbers("bbox", 4)
        is_person = entry.whole_number("category_id", person) == person and not entry.whole_number("iscrowd", 0)
        if is_person and min(width, height) >= SMALLEST_SIDE:
            found.boxes[_image_id(entry)].append(ScoredBox((x, y, width, height), _score(entry)))
        else:
            found.left_out += 1


def _image_id(entry: Entry) -> ImageKey:
    return entry.text("image_id") if isinstance(entry.values.get("image_id"), str) else entry.whole_number("image_id")


def _score(entry: Entry) -> float:
    """Of the box: `bbox_score` of our own results, else `score`."""
    key = "bbox_score" if "bbox_score" in entry.values else "score"
    score = entry.number(key) if key in entry.values else 1.0
    if not 0 <= score <= 1:
        raise entry.error(f"its {key} is {score}; a score lies between 0 and 1")
    return score
