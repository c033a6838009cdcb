"""The pose estimator: boxes of people -> crops -> network -> heatmaps -> poses."""

from collections.abc import Sequence

import numpy as np

from model.contract.arrays import FloatArray, ImageArray
from model.contract.coco import PersonPose
from model.contract.crop import Box, CropTransform
from model.contract.detections import ScoredBox
from model.contract.poses import average_with_mirrored, poses_from_heatmaps
from model.contract.spec import PoseSpec
from service.batching.batcher import Batcher, Computed
from service.batching.limit import BatchLimit
from service.batching.line import DEFAULT_BOUNDS, LineBounds
from service.bundles import LoadedModel
from service.jobs import PoseOptions


def cut_crops(spec: PoseSpec, image: ImageArray, boxes: Sequence[Box]) -> tuple[list[CropTransform], ImageArray]:
    """One crop a person, as the pose network takes them.

    Args:
        spec: input size and padding.
        image: (H, W, 3) uint8 RGB.
        boxes: N boxes in image pixels.

    Returns:
        The N maps between image and crop, and the (N, height, width, 3) uint8 crops.
    """
    size = spec.input_size
    transforms = [CropTransform.from_box(box, size, spec.box_padding) for box in boxes]
    crops = np.empty((len(boxes), size[1], size[0], 3), dtype=np.uint8)
    for crop, transform in zip(crops, transforms, strict=True):
        crop[:] = transform.crop_image(image)
    return transforms, crops


class Estimator:
    """Estimates poses; people of all images and requests share its batches."""

    def __init__(self, model: LoadedModel[PoseSpec], limit: BatchLimit, bounds: LineBounds = DEFAULT_BOUNDS) -> None:
        self.model = model
        self.spec = model.spec
        self.limit = limit
        self.batcher = Batcher(model.spec.provenance.name, model.runtimes, model.reopen, limit.size, bounds)

    def crop(self, image: ImageArray, boxes: Sequence[Box]) -> tuple[list[CropTransform], ImageArray]:
        """One crop a person, as `cut_crops` makes them."""
        return cut_crops(self.spec, image, boxes)

    def with_mirrored(self, crops: ImageArray) -> ImageArray:
        """(N, height, width, 3) crops -> (2N, height, width, 3): themselves, then their mirror images."""
        return np.concatenate([crops, crops[:, :, ::-1]])

    async def infer(self, crops: ImageArray) -> Computed:
        """(N, height, width, 3) uint8 crops, at least one -> (N, K, h, w) float32 heatmaps."""
        return await self.batcher.run(crops)

    def average(self, heatmaps: FloatArray) -> FloatArray:
        """(2N, K, h, w) heatmaps of crops `with_mirrored` -> (N, K, h, w) averages."""
        straight, mirrored = np.split(heatmaps, 2)
        return average_with_mirrored(straight, mirrored, self.spec.skeleton.mirror_order, shift=self.spec.flip_shift)

    def poses(
        self,
        heatmaps: FloatArray,
        transforms: Sequence[CropTransform],
        people: Sequence[ScoredBox],
        options: PoseOptions,
    ) -> list[PersonPose]:
        """What the network made of the crops -> one pose a person, image pixels, in the order of `people`."""
        boxes, scores = [box for box, _ in people], [score for _, score in people]
        averaged = self.average(heatmaps) if options.flip_test else heatmaps
        return poses_from_heatmaps(self.spec.codec, averaged, transforms, boxes, scores, options.keypoint_threshold)
