"""People drawn on their image: boxes, limbs coloured by side, joints. Colours are RGB."""

from collections.abc import Sequence

import cv2
import numpy as np

from model.contract.arrays import ImageArray
from model.contract.coco import PersonPose
from model.contract.skeleton import Skeleton

Colour = tuple[int, int, int]

LEFT: Colour = (255, 138, 76)
RIGHT: Colour = (56, 189, 248)
MIDDLE: Colour = (163, 230, 53)
BOX: Colour = (250, 250, 250)
EDGE: Colour = (17, 24, 39)
JPEG_QUALITY = 90
SUBPIXEL_BITS = 4
"""cv2 takes coordinates as whole sixteenths of a pixel."""


def draw_people(
    image: ImageArray,
    people: Sequence[PersonPose],
    skeleton: Skeleton,
    keypoint_threshold: float,
    track_ids: Sequence[int] | None = None,
) -> ImageArray:
    """Draw boxes and skeletons.

    Args:
        image: (H, W, 3) uint8 RGB, left as it is.
        people: drawn from the last to the first, so that the best lies on top.
        skeleton: edges and the sides of the keypoints.
        keypoint_threshold: keypoints with a lower score, and their limbs, are not drawn.
        track_ids: of the people; written beside their scores if given.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    canvas = image.copy()
    numbers = [f"#{number} " for number in track_ids] if track_ids is not None else [""] * len(people)
    for person, number in zip(reversed(people), reversed(numbers), strict=True):
        _draw_box(canvas, person, f"{number}{person.score:.2f}")
        _draw_limbs(canvas, person, skeleton, keypoint_threshold)
        _draw_joints(canvas, person, skeleton, keypoint_threshold)
    return canvas


def encode_image(image: ImageArray, media_type: str) -> bytes:
    """(H, W, 3) uint8 RGB -> a JPEG of quality 90 or a PNG file."""
    suffix = ".png" if media_type == "image/png" else ".jpg"
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    encoded, data = cv2.imencode(suffix, bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else [])
    if not encoded:
        raise ValueError(f"an image of shape {image.shape} cannot be written as {media_type}")
    return data.tobytes()


def _draw_box(canvas: ImageArray, person: PersonPose, label: str) -> None:
    x, y, width, height = person.box
    corners = _fixed(np.array([[x, y], [x + width, y + height]]))
    thickness = max(1, _line_width(person) // 3)
    cv2.rectangle(canvas, corners[0], corners[1], EDGE, thickness + 2, cv2.LINE_AA, SUBPIXEL_BITS)
    cv2.rectangle(canvas, corners[0], corners[1], BOX, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    _draw_label(canvas, person, label)


def _draw_label(canvas: ImageArray, person: PersonPose, text: str) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    scale = float(np.clip(person.box[3] / 600, 0.35, 0.9))
    (width, height), _ = cv2.getTextSize(text, font, scale, 1)
    margin = max(2, height // 3)
    left = int(np.clip(person.box[0], 0, max(0, canvas.shape[1] - width - 2 * margin)))
    top = int(max(0, person.box[1] - height - 2 * margin))
    cv2.rectangle(canvas, (left, top), (left + width + 2 * margin, top + height + 2 * margin), EDGE, cv2.FILLED)
    cv2.putText(canvas, text, (left + margin, top + height + margin), font, scale, BOX, 1, cv2.LINE_AA)


def _draw_limbs(canvas: ImageArray, person: PersonPose, skeleton: Skeleton, threshold: float) -> None:
    points, seen = _fixed(person.keypoints), person.keypoint_scores >= threshold
    width = _line_width(person)
    limbs = [(start, end) for start, end in skeleton.edges if seen[start] and seen[end]]
    for colour, grown in ((EDGE, 2), (None, 0)):
        for start, end in limbs:
            limb_colour = colour or _limb_colour(skeleton, start, end)
            cv2.line(canvas, points[start], points[end], limb_colour, width + grown, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_joints(canvas: ImageArray, person: PersonPose, skeleton: Skeleton, threshold: float) -> None:
    points = _fixed(person.keypoints)
    radius = (_line_width(person) * 0.75 + 0.5) * 2**SUBPIXEL_BITS
    for index, name in enumerate(skeleton.keypoint_names):
        if person.keypoint_scores[index] >= threshold:
            ring = round(radius + 2**SUBPIXEL_BITS)
            cv2.circle(canvas, points[index], ring, EDGE, cv2.FILLED, cv2.LINE_AA, SUBPIXEL_BITS)
            cv2.circle(canvas, points[index], round(radius), _side_colour(name), cv2.FILLED, cv2.LINE_AA, SUBPIXEL_BITS)


def _line_width(person: PersonPose) -> int:
    """Pixels, by the person's size in the image."""
    return int(np.clip(np.sqrt(person.box[2] * person.box[3]) / 70, 1, 12))


def _limb_colour(skeleton: Skeleton, start: int, end: int) -> Colour:
    first, second = (_side_colour(skeleton.keypoint_names[i]) for i in (start, end))
    return first if first == second else MIDDLE


def _side_colour(name: str) -> Colour:
    return LEFT if name.startswith("left_") else RIGHT if name.startswith("right_") else MIDDLE


def _fixed(points: np.ndarray) -> list[tuple[int, int]]:
    """(N, 2) pixels -> whole sixteenths, kept within what cv2 can draw."""
    limit = 2**15
    return [
        (round(x * 2**SUBPIXEL_BITS), round(y * 2**SUBPIXEL_BITS)) for x, y in np.clip(points, -limit, limit).tolist()
    ]
