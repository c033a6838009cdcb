"""The crop: one affine map from a person's box in the image to the network's input, and back.

The geometry is SimpleBaseline's (arXiv 1804.06208): the box grows on its shorter side to the input's aspect
ratio, then by a padding factor; the window's centre lands on (width / 2, height / 2) of the crop; one uniform
scale; bilinear sampling with a black border. Training augments the window's parameters only and then
calls the same lines.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from model.contract.arrays import DoubleArray, ImageArray

Box = tuple[float, float, float, float]
"""x, y, width, height in image pixels, (x, y) the top-left corner."""

Size = tuple[int, int]
"""width, height in pixels."""


@dataclass(frozen=True)
class CropWindow:
    """The part of an image that a crop shows.

    Attributes:
        center_x: window centre, image pixels.
        center_y: window centre, image pixels.
        width: window width before rotation, image pixels.
        height: window height before rotation, image pixels.
        rotation: degrees by which the window is turned, clockwise on the screen.
        mirrored: whether the crop is mirrored left to right.
    """

    center_x: float
    center_y: float
    width: float
    height: float
    rotation: float = 0.0
    mirrored: bool = False

    @classmethod
    def around(cls, box: Box, aspect_ratio: float, padding: float) -> "CropWindow":
        """The window around a box: shorter side grown to `aspect_ratio` (width / height), times `padding`.

        Raises:
            ValueError: the box has no area.
        """
        x, y, width, height = box
        if not (width > 0 and height > 0):
            raise ValueError(f"box {list(box)} has no area: width and height must be positive")
        grown_width = max(width, height * aspect_ratio)
        grown_height = grown_width / aspect_ratio
        return cls(x + width / 2, y + height / 2, grown_width * padding, grown_height * padding)

    def scaled(self, factor: float) -> "CropWindow":
        """The same window with both sides multiplied by `factor`."""
        return replace(self, width=self.width * factor, height=self.height * factor)


class CropTransform:
    """Maps an image, points and boxes between image pixels and crop pixels, both ways.

    Attributes:
        matrix: (2, 3) float64, image pixels -> crop pixels.
        inverse: (2, 3) float64, crop pixels -> image pixels.
        size: (width, height) of the crop in pixels.
    """

    def __init__(self, window: CropWindow, size: Size) -> None:
        """The transform that fills a crop of `size` (width, height) with `window`."""
        self.size = size
        self.matrix = _window_matrix(window, size)
        self.inverse: DoubleArray = np.asarray(cv2.invertAffineTransform(self.matrix), dtype=np.float64)

    @classmethod
    def from_box(cls, box: Box, size: Size, padding: float) -> "CropTransform":
        """The transform of serving and evaluation: the upright window around `box`."""
        return cls(CropWindow.around(box, size[0] / size[1], padding), size)

    def crop_image(self, image: ImageArray) -> ImageArray:
        """(H, W, 3) uint8 image -> (crop height, crop width, 3) uint8 crop, bilinear, black outside."""
        crop = cv2.warpAffine(image, self.matrix, self.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(crop, dtype=np.uint8)

    def points_to_crop(self, points: DoubleArray) -> DoubleArray:
        """(..., 2) image pixels -> (..., 2) crop pixels."""
        return _apply(self.matrix, points)

    def points_to_image(self, points: DoubleArray) -> DoubleArray:
        """(..., 2) crop pixels -> (..., 2) image pixels."""
        return _apply(self.inverse, points)

    def box_to_crop(self, box: Box) -> Box:
        """The upright box in crop pixels that holds the image box."""
        return _bounding_box(self.points_to_crop(_corners(box)))

    def box_to_image(self, box: Box) -> Box:
        """The upright box in image pixels that holds the crop box."""
        return _bounding_box(self.points_to_image(_corners(box)))


def _window_matrix(window: CropWindow, size: Size) -> DoubleArray:
    crop_width, crop_height = size
    scale = crop_width / window.width
    angle = np.deg2rad(window.rotation)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, sin], [-sin, cos]])  # the crop turns against the window
    offset = np.array([crop_width / 2, crop_height / 2]) - linear @ np.array([window.center_x, window.center_y])
    matrix = np.column_stack([linear, offset])
    if window.mirrored:
        matrix[0] = -matrix[0]
        matrix[0, 2] += crop_width - 1  # pixel x becomes pixel (width - 1 - x)
    return matrix


def _apply(matrix: DoubleArray, points: DoubleArray) -> DoubleArray:
    return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]


def _corners(box: Box) -> DoubleArray:
    x, y, width, height = box
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], dtype=np.float64)


def _bounding_box(points: DoubleArray) -> Box:
    low, high = points.min(axis=0), points.max(axis=0)
    return (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
