"""MediaPipe's pose landmarks: 33, in shares of the image; the 17 that COCO has are filled."""

from typing import Any

from model.contract.skeleton import COCO_17
from service.client.answer import ImagePoses
from service.client.person import Person

LANDMARKS = 33
MEDIAPIPE_INDEX = {
    "nose": 0,
    "left_eye": 2,
    "right_eye": 5,
    "left_ear": 7,
    "right_ear": 8,
    "left_shoulder": 11,
    "right_shoulder": 12,
    "left_elbow": 13,
    "right_elbow": 14,
    "left_wrist": 15,
    "right_wrist": 16,
    "left_hip": 23,
    "right_hip": 24,
    "left_knee": 25,
    "right_knee": 26,
    "left_ankle": 27,
    "right_ankle": 28,
}
"""COCO keypoint -> MediaPipe's `PoseLandmark`."""


def to_mediapipe(image: ImagePoses) -> list[list[dict[str, Any]]]:
    """One list of 33 landmarks for each person, as `NormalizedLandmark` has them.

    Args:
        image: people with COCO's 17 keypoints.

    Returns:
        Landmarks with `x` and `y` in shares of width and height, `z` 0 (no depth is estimated), and `visibility` and
        `presence`, the keypoint's score. Landmarks that COCO does not have (fingers, heels, mouth) are at 0, 0 with
        `visibility` and `presence` 0.
    """
    return [_landmarks(person, image.width, image.height) for person in image.people]


def _landmarks(person: Person, width: int, height: int) -> list[dict[str, Any]]:
    landmarks = [_landmark(0.0, 0.0, 0.0) for _ in range(LANDMARKS)]
    for name in COCO_17.keypoint_names:
        x, y, score = person.keypoint(name)
        landmarks[MEDIAPIPE_INDEX[name]] = _landmark(x / width, y / height, score)
    return landmarks


def _landmark(x: float, y: float, score: float) -> dict[str, Any]:
    return {"x": x, "y": y, "z": 0.0, "visibility": score, "presence": score}
