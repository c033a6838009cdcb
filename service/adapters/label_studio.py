"""Label Studio's predictions: a rectangle a person, with its keypoints as regions below it."""

from collections.abc import Iterator
from typing import Any

from model.contract.skeleton import COCO_17, Skeleton
from service.client.answer import ImagePoses
from service.client.person import Person

POINT_WIDTH = 0.75
"""Size of a point on the screen, percent of the image's width; Label Studio's own default."""


def to_label_studio(
    image: ImagePoses,
    model_version: str,
    *,
    box_tag: str = "box",
    point_tag: str = "keypoint",
    to_name: str = "image",
    skeleton: Skeleton = COCO_17,
) -> dict[str, Any]:
    """One entry of a task's `predictions`.

    Args:
        image: its people.
        model_version: shown beside the prediction.
        box_tag: `name` of the `<RectangleLabels>` of the labelling configuration; its label is `person`.
        point_tag: `name` of the `<KeyPointLabels>`; its labels are the keypoints' names.
        to_name: `name` of the `<Image>`.
        skeleton: names of the keypoints.

    Returns:
        `model_version`, `score` (the mean of the people's) and `result`, places in percent of the image.
    """
    frame = {"original_width": image.width, "original_height": image.height, "image_rotation": 0, "to_name": to_name}
    regions = [
        frame | region
        for index, person in enumerate(image.people)
        for region in _regions(person, f"person-{index}", image, (box_tag, point_tag), skeleton)
    ]
    scores = [person.score for person in image.people]
    mean = sum(scores) / len(scores) if scores else 0.0
    return {"model_version": model_version, "score": mean, "result": regions}


def _regions(
    person: Person, key: str, image: ImagePoses, tags: tuple[str, str], skeleton: Skeleton
) -> Iterator[dict[str, Any]]:
    across, down = 100 / image.width, 100 / image.height
    x, y, width, height = person.box
    yield {
        "id": key,
        "type": "rectanglelabels",
        "from_name": tags[0],
        "score": person.score,
        "value": {
            "x": x * across,
            "y": y * down,
            "width": width * across,
            "height": height * down,
            "rotation": 0,
            "rectanglelabels": ["person"],
        },
    }
    for name in skeleton.keypoint_names:
        left, top, score = person.keypoint(name, skeleton)
        yield {
            "id": f"{key}-{name}",
            "parentID": key,
            "type": "keypointlabels",
            "from_name": tags[1],
            "score": score,
            "value": {"x": left * across, "y": top * down, "width": POINT_WIDTH, "keypointlabels": [name]},
        }


def label_studio_config(skeleton: Skeleton = COCO_17) -> str:
    """A labelling configuration that shows such predictions, with the default tag names."""
    labels = "".join(f'<Label value="{name}"/>' for name in skeleton.keypoint_names)
    return (
        '<View><Image name="image" value="$image"/>'
        '<RectangleLabels name="box" toName="image"><Label value="person"/></RectangleLabels>'
        f'<KeyPointLabels name="keypoint" toName="image">{labels}</KeyPointLabels></View>'
    )
