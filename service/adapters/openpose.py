"""OpenPose's JSON, model COCO: 18 keypoints, the neck between the shoulders."""

from typing import Any

from service.client.answer import ImagePoses
from service.client.person import Person

VERSION = 1.3
OPENPOSE_COCO = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("right_eye", "left_eye", "right_ear", "left_ear"),
)
"""OpenPose's order (`POSE_COCO_BODY_PARTS`)."""


def to_openpose(image: ImagePoses) -> dict[str, Any]:
    """What OpenPose's `--write_json` writes for an image.

    Args:
        image: people with COCO's 17 keypoints.

    Returns:
        `version` and `people`; each person's `pose_keypoints_2d` holds 18 triples x, y, confidence in pixels. The
        neck is the middle of the shoulders, with the lower of their scores.
    """
    people = [_person(index, person) for index, person in enumerate(image.people)]
    return {"version": VERSION, "people": people}


def _person(index: int, person: Person) -> dict[str, Any]:
    triples = [value for name in OPENPOSE_COCO for value in _keypoint(person, name)]
    empty: dict[str, list[float]] = {
        f"{part}_keypoints_{dimensions}": []
        for dimensions in ("2d", "3d")
        for part in ("pose", "face", "hand_left", "hand_right")
    }
    return {"person_id": [index]} | empty | {"pose_keypoints_2d": triples}


def _keypoint(person: Person, name: str) -> tuple[float, float, float]:
    if name != "neck":
        return person.keypoint(name)
    left, right = person.keypoint("left_shoulder"), person.keypoint("right_shoulder")
    return (left[0] + right[0]) / 2, (left[1] + right[1]) / 2, min(left[2], right[2])
