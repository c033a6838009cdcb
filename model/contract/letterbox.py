"""The letterbox: a whole image fitted into the detector's input, and its boxes mapped back."""

import cv2
import numpy as np

from model.contract.arrays import DoubleArray, FloatArray, ImageArray
from model.contract.crop import Size

FILL = 114
"""Gray level of the border, as the detector was trained with."""


class Letterbox:
    """Fits an image into an input with one uniform scale, centred, and maps boxes back.

    Attributes:
        image_size: (width, height) of the image in pixels.
        input_size: (width, height) of the detector's input in pixels.
        fitted_size: (width, height) of the scaled image inside the input, whole pixels, at least 1.
        left: border on the left, whole input pixels; an odd pixel goes to the right.
        top: border above, whole input pixels; an odd pixel goes below.
        scale: input pixels to an image pixel, before the fitted size is rounded.
    """

    def __init__(self, image_size: Size, input_size: Size) -> None:
        """The letterbox of an image of `image_size` (width, height) in an input of `input_size` (width, height).

        Raises:
            ValueError: a side is not positive.
        """
        if min(*image_size, *input_size) < 1:
            raise ValueError(f"letterbox of {image_size} in {input_size}: every side must be at least 1 pixel")
        self.image_size = image_size
        self.input_size = input_size
        self.scale = min(input_size[0] / image_size[0], input_size[1] / image_size[1])
        width, height = (_round(side * self.scale) for side in image_size)
        self.fitted_size: Size = (max(1, width), max(1, height))
        self.left = (input_size[0] - self.fitted_size[0]) // 2
        self.top = (input_size[1] - self.fitted_size[1]) // 2

    def fit_image(self, image: ImageArray) -> ImageArray:
        """(image height, image width, 3) uint8 RGB -> (input height, input width, 3) uint8, bilinear, border 114.

        Raises:
            ValueError: the image is not of `image_size`.
        """
        if image.shape != (self.image_size[1], self.image_size[0], 3):
            raise ValueError(f"image of shape {image.shape} in a letterbox for {self.image_size} (width, height)")
        width, height = self.fitted_size
        fitted = np.full((self.input_size[1], self.input_size[0], 3), FILL, dtype=np.uint8)
        inside = fitted[self.top : self.top + height, self.left : self.left + width]
        cv2.resize(image, self.fitted_size, dst=inside, interpolation=cv2.INTER_LINEAR)
        return fitted

    def boxes_to_image(self, boxes: FloatArray | DoubleArray) -> DoubleArray:
        """(N, 4) x1, y1, x2, y2 input pixels -> (N, 4) float64 x, y, width, height image pixels.

        Boxes are clipped to the image; one that lies in the border alone comes out with no area.
        """
        corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 2, 2)
        size = np.array(self.image_size, dtype=np.float64)
        # Each axis by its own rounded size: the picture was resized to whole pixels.
        scale = np.array(self.fitted_size, dtype=np.float64) / size
        corners = np.clip((corners - (self.left, self.top)) / scale, 0.0, size)
        low, high = corners[:, 0], corners[:, 1]
        return np.concatenate([low, np.maximum(high - low, 0.0)], axis=1)


def _round(value: float) -> int:
    """To the nearest whole number, halves up: the same on every platform."""
    return int(value + 0.5)
