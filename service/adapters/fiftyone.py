"""FiftyOne's `Keypoints` and `Detections` of a sample."""

import importlib
from typing import Any

from service.client.answer import ImagePoses
from service.client.person import Person


def to_fiftyone(image: ImagePoses) -> tuple[object, object]:
    """The people as two labels of a FiftyOne sample.

    Args:
        image: its people.

    Returns:
        `fiftyone.Keypoints` and `fiftyone.Detections`, one of each a person, in the same order; places in shares of
        the image.

    Raises:
        ModuleNotFoundError: fiftyone is not installed.
    """
    library = importlib.import_module("fiftyone")
    points = [library.Keypoint(label="person", **_points(person, image)) for person in image.people]
    boxes = [
        library.Detection(label="person", confidence=person.box_score, bounding_box=_box(person, image))
        for person in image.people
    ]
    return library.Keypoints(keypoints=points), library.Detections(detections=boxes)


def _points(person: Person, image: ImagePoses) -> dict[str, Any]:
    shares = person.points / (image.width, image.height)
    return {"points": [(x, y) for x, y in shares.tolist()], "confidence": person.point_scores.tolist()}


def _box(person: Person, image: ImagePoses) -> list[float]:
    x, y, width, height = person.box
    return [x / image.width, y / image.height, width / image.width, height / image.height]
