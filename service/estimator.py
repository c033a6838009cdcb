"""The pose estimator: boxes of people -> crops -> network -> heatmaps."""

import numpy as np

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Box, CropTransform
from model.contract.poses import average_with_mirrored
from model.contract.spec import PoseSpec
from service.bundles import LoadedModel

LARGEST_BATCH = 16
"""Crops in one call of the network: a crowd must not take all memory at once."""


class Estimator:
    """Estimates the heatmaps of all people of an image together."""

    def __init__(self, model: LoadedModel[PoseSpec]) -> None:
        self.model = model
        self.spec = model.spec

    def crop(self, image: ImageArray, boxes: list[Box]) -> tuple[list[CropTransform], ImageArray]:
        """One crop a person.

        Args:
            image: (H, W, 3) uint8 RGB.
            boxes: N boxes in image pixels.

        Returns:
            The N maps between image and crop, and the (N, height, width, 3) uint8 crops.
        """
        size = self.spec.input_size
        transforms = [CropTransform.from_box(box, size, self.spec.box_padding) for box in boxes]
        crops = np.empty((len(boxes), size[1], size[0], 3), dtype=np.uint8)
        for crop, transform in zip(crops, transforms, strict=True):
            crop[:] = transform.crop_image(image)
        return transforms, crops

    def heatmaps(self, crops: ImageArray, flip_test: bool) -> FloatArray:
        """(N, height, width, 3) uint8 crops -> (N, K, h, w) float32 heatmaps.

        Args:
            crops: N crops, at least one.
            flip_test: average each crop's heatmaps with those of its mirror image.
        """
        if not flip_test:
            return self._infer(crops)
        both = self._infer(np.concatenate([crops, crops[:, :, ::-1]]))
        straight, mirrored = both[: len(crops)], both[len(crops) :]
        order = self.spec.skeleton.mirror_order
        return average_with_mirrored(straight, mirrored, order, shift=self.spec.flip_shift)

    def _infer(self, crops: ImageArray) -> FloatArray:
        chunks = [crops[start : start + LARGEST_BATCH] for start in range(0, len(crops), LARGEST_BATCH)]
        return np.concatenate([self.model.runtime.infer(chunk) for chunk in chunks])
