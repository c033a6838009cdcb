"""Person boxes to train and measure on, read from COCO-format files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from model.contract.crop import Box, Size

Split = Literal["train", "val"]
PERSON_CATEGORY = 1


class BoxDataError(ValueError):
    """Annotations or images that cannot be used; the message names the file and says what is wrong."""


@dataclass(frozen=True)
class BoxImage:
    """One photograph and its persons.

    Attributes:
        image_id: its id in the annotation file.
        path: the image file.
        size: (width, height) in pixels, as annotated.
        boxes: (x, y, width, height) of each person in pixels; empty where nobody is in the picture.
    """

    image_id: int
    path: Path
    size: Size
    boxes: tuple[Box, ...]


def read_person_boxes(folder: Path, split: Split) -> list[BoxImage]:
    """Read the persons of one data folder; crowd regions and other categories are left out.

    Args:
        folder: holds `person_boxes_{split}.json` and `images/`, or COCO 2017 as downloaded:
            `annotations/instances_{split}2017.json` and `{split}2017/`.
        split: train or val.

    Returns:
        Every image of the file, also those without persons, in the order of the file.

    Raises:
        BoxDataError: a missing annotation or image file, or an entry that cannot be read.
    """
    annotations, images = find_files(folder, split)
    try:
        content = json.loads(annotations.read_text())
        boxes = _boxes_by_image(content["annotations"])
        found = [_box_image(entry, images, boxes) for entry in content["images"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BoxDataError(f"{annotations} is not a COCO annotation file ({error!r})") from error
    _check_images(found, annotations)
    return found


def find_files(folder: Path, split: Split) -> tuple[Path, Path]:
    """The annotation file and the image folder of a split.

    Raises:
        BoxDataError: neither layout is there; the message names both.
    """
    ours = (folder / f"person_boxes_{split}.json", folder / "images")
    downloaded = (folder / "annotations" / f"instances_{split}2017.json", folder / f"{split}2017")
    for annotations, images in (ours, downloaded):
        if annotations.is_file():
            return annotations, images
    raise BoxDataError(f"{folder} holds no person boxes: neither {ours[0]} nor {downloaded[0]} is there")


def _boxes_by_image(annotations: list[dict[str, Any]]) -> dict[int, list[Box]]:
    boxes: dict[int, list[Box]] = {}
    for annotation in annotations:
        if annotation["category_id"] == PERSON_CATEGORY and not annotation.get("iscrowd"):
            x, y, width, height = (float(value) for value in annotation["bbox"])
            boxes.setdefault(annotation["image_id"], []).append((x, y, width, height))
    return boxes


def _box_image(entry: dict[str, Any], images: Path, boxes: dict[int, list[Box]]) -> BoxImage:
    return BoxImage(
        image_id=entry["id"],
        path=images / entry["file_name"],
        size=(entry["width"], entry["height"]),
        boxes=tuple(boxes.get(entry["id"], ())),
    )


def _check_images(images: list[BoxImage], annotations: Path) -> None:
    missing = [image.path for image in images if not image.path.is_file()]
    if missing:
        raise BoxDataError(f"{len(missing)} of {len(images)} images of {annotations} are missing, first {missing[0]}")
