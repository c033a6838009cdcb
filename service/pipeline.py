"""The way of an image: decode, find people, crop, estimate, read the poses. Knows no transport."""

import asyncio
import os
import time

import numpy as np

from model.contract.arrays import FloatArray, ImageArray
from model.contract.coco import PersonPose, order_by_score
from model.contract.crop import Box, CropTransform
from model.contract.detections import ScoredBox
from model.contract.image import ImageError, ImageLimits, decode_image
from model.contract.poses import poses_from_heatmaps, without_repeats
from service.detector import Detector
from service.errors import InvalidOptionError, from_image_error
from service.estimator import Estimator
from service.jobs import ImageJob, ImageResult, PoseOptions
from service.threads import StageClock, Threads

DECODED_AT_ONCE = 8
"""Images held as pixels at one time, over all requests: it bounds the memory."""


class Pipeline:
    """Both networks, each on a thread of its own, and threads for the work on pixels."""

    def __init__(self, detector: Detector, estimator: Estimator, limits: ImageLimits) -> None:
        self.detector = detector
        self.estimator = estimator
        self.limits = limits
        self._detector_thread = Threads("detector", 1)
        self._estimator_thread = Threads("estimator", 1)
        self._pixel_threads = Threads("pixels", os.cpu_count() or 1)
        self._room = asyncio.Semaphore(DECODED_AT_ONCE)

    async def run(self, job: ImageJob, options: PoseOptions, keep_pixels: bool = False) -> ImageResult:
        """Answer one image.

        Args:
            job: the image and its boxes, if given.
            options: what the request chose.
            keep_pixels: hand the decoded image back, to draw on.

        Raises:
            ServiceError: the image cannot be decoded, or a box does not fit it.
        """
        clock = StageClock()
        arrival = time.perf_counter()
        async with self._room:
            clock.seconds["queue"] += time.perf_counter() - arrival
            image = await self._decode(job, clock)
            people = await self._find_people(image, job, options, clock)
            poses = await self._estimate(image, people, options, clock) if people else []
        if job.boxes is None and options.detect:
            poses = without_repeats(poses, self.estimator.spec)
        height, width = image.shape[:2]
        pixels = image if keep_pixels else None
        return ImageResult(job.image_id, width, height, order_by_score(poses), clock.seconds, pixels)

    def warm_up(self) -> None:
        """Run both networks once, so that the first request is as fast as the next."""
        width, height = self.detector.spec.input_size
        self.detector.infer(np.zeros((height, width, 3), dtype=np.uint8))
        width, height = self.estimator.spec.input_size
        self.estimator.heatmaps(np.zeros((1, height, width, 3), dtype=np.uint8), flip_test=False)

    def close(self) -> None:
        """End the threads."""
        for threads in (self._detector_thread, self._estimator_thread, self._pixel_threads):
            threads.close()

    async def _decode(self, job: ImageJob, clock: StageClock) -> ImageArray:
        try:
            return await clock.run("decode", self._pixel_threads, lambda: decode_image(job.data, self.limits))
        except ImageError as error:
            raise from_image_error(error) from error

    async def _find_people(
        self, image: ImageArray, job: ImageJob, options: PoseOptions, clock: StageClock
    ) -> list[ScoredBox]:
        height, width = image.shape[:2]
        if job.boxes is not None:
            _check_boxes(job.boxes, job.boxes_location, width, height)
            return [ScoredBox(box, 1.0) for box in job.boxes]
        if not options.detect:
            return [ScoredBox((0.0, 0.0, float(width), float(height)), 1.0)]
        letterbox, fitted = await clock.run("detect", self._pixel_threads, lambda: self.detector.letterbox(image))
        rows = await clock.run("detect", self._detector_thread, lambda: self.detector.infer(fitted))
        return self.detector.people(rows, letterbox, options.person_threshold, options.max_persons)

    async def _estimate(
        self, image: ImageArray, people: list[ScoredBox], options: PoseOptions, clock: StageClock
    ) -> list[PersonPose]:
        boxes = [box for box, _ in people]
        transforms, crops = await clock.run("crop", self._pixel_threads, lambda: self.estimator.crop(image, boxes))
        heatmaps = await clock.run(
            "estimate", self._estimator_thread, lambda: self.estimator.heatmaps(crops, options.flip_test)
        )
        return await clock.run(
            "postprocess", self._pixel_threads, lambda: self._read(heatmaps, transforms, people, options)
        )

    def _read(
        self, heatmaps: FloatArray, transforms: list[CropTransform], people: list[ScoredBox], options: PoseOptions
    ) -> list[PersonPose]:
        boxes, scores = [box for box, _ in people], [score for _, score in people]
        codec = self.estimator.spec.codec
        return poses_from_heatmaps(codec, heatmaps, transforms, boxes, scores, options.keypoint_threshold)


def _check_boxes(boxes: tuple[Box, ...], location: str, width: int, height: int) -> None:
    for i, (x, y, box_width, box_height) in enumerate(boxes):
        if x >= width or y >= height or x + box_width <= 0 or y + box_height <= 0:
            raise InvalidOptionError(
                f"{location}[{i}] lies outside the image, whose upright size is {width} x {height} pixels; "
                "boxes are [x, y, width, height] in pixels, (x, y) the top-left corner"
            )
