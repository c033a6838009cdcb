"""What the pictures say about when the detector should look: cuts, a moving camera, something new at the border."""

from dataclasses import dataclass

import cv2
import numpy as np

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Box

WIDTH, HEIGHT = 64, 36
"""Of the small gray picture that is looked at, pixels."""
SUBSAMPLE = 2
CUT = 25.0
"""Gray levels: a picture that differs so much in the mean, once it lies as the last one did, is of another scene."""
REVEALED = 1 / 12
"""Part of a side: a camera that moved so far shows what nobody looked at."""
BORDER = 3
"""Pixels of the small picture."""
BORDER_CHANGE = 25.0
"""Gray levels: what changed so much at the border may be a person who comes."""

_WINDOW = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)


@dataclass(frozen=True)
class Glance:
    """A frame as the scene is told by it.

    Attributes:
        small: (HEIGHT, WIDTH) float32 gray.
        size: (width, height) of the frame, pixels.
    """

    small: FloatArray
    size: tuple[int, int]


def glance(image: ImageArray) -> Glance:
    """A small gray picture of a frame, (H, W, 3) uint8 RGB: about a tenth of a millisecond."""
    green = np.ascontiguousarray(image[::SUBSAMPLE, ::SUBSAMPLE, 1])
    gray = cv2.resize(green, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return Glance(gray.astype(np.float32), (image.shape[1], image.shape[0]))


class Scene:
    """Compares each frame with the last one and with the one that the detector last looked at."""

    def __init__(self) -> None:
        self._last: Glance | None = None
        self._looked: Glance | None = None
        self._moved = np.zeros(2)

    def is_new(self, now: Glance) -> bool:
        """Whether the frame shows another scene than the one before, or nothing is known; to be called for each."""
        last, self._last = self._last, now
        if last is None or last.size != now.size:
            return True
        shift = _shift(last.small, now.small)
        self._moved = self._moved + shift
        return _difference(last.small, now.small, shift) > CUT

    def is_revealed(self) -> bool:
        """Whether the camera shows a strip that the detector has not seen."""
        return bool(np.any(np.abs(self._moved) > REVEALED * np.array([WIDTH, HEIGHT])))

    def changed_at_border(self, now: Glance, boxes: list[Box]) -> bool:
        """Whether something is at the border that was not there at the last look, besides people who are known.

        Args:
            now: the frame.
            boxes: of the known people, pixels.
        """
        if self._looked is None or np.any(np.abs(self._moved) > 0.5):
            return False  # of a moving camera the whole border changes: `is_revealed` is for that
        changed = np.abs(now.small - self._looked.small)
        for box in boxes:
            _cover(changed, box, now.size)
        inner = changed[BORDER:-BORDER, BORDER:-BORDER]
        inner[:] = 0
        return float(cv2.blur(changed, (BORDER, BORDER)).max()) > BORDER_CHANGE

    def look(self, now: Glance) -> None:
        """The detector looks at this frame."""
        self._looked = now
        self._moved = np.zeros(2)


def _shift(before: FloatArray, now: FloatArray) -> np.ndarray:
    """How far the picture moved, (x, y) in its pixels."""
    (x, y), _ = cv2.phaseCorrelate(before.copy(), now.copy(), _WINDOW)  # it writes the window into what it is given
    return np.array([x, y])


def _difference(before: FloatArray, now: FloatArray, shift: np.ndarray) -> float:
    """Mean difference in gray levels where both show the same part, once `before` is moved by `shift`."""
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    moved = cv2.warpAffine(before, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return min(float(np.abs(moved - now).mean()), float(np.abs(before - now).mean()))


def _cover(picture: FloatArray, box: Box, size: tuple[int, int]) -> None:
    """Blank what a box hides, and a pixel around it."""
    scale = np.array([WIDTH / size[0], HEIGHT / size[1]] * 2)
    x, y, width, height = np.array(box) * scale
    left, top = max(0, int(x) - 1), max(0, int(y) - 1)
    picture[top : max(0, int(y + height) + 2), left : max(0, int(x + width) + 2)] = 0
