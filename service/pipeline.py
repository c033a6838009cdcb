"""The way of an image: decode, find people, crop, estimate, read the poses. Knows no transport."""

import copy
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from model.contract.arrays import ImageArray
from model.contract.coco import PersonPose, order_by_score
from model.contract.crop import Box, CropTransform
from model.contract.detections import ScoredBox
from model.contract.image import ImageError, ImageLimits
from model.contract.letterbox import Letterbox
from model.contract.poses import without_repeats
from service.backlog import Backlog
from service.decoding import decode_image, read_header
from service.detector import Detector
from service.errors import InvalidOptionError, from_image_error
from service.estimator import Estimator
from service.jobs import ImageJob, ImageResult, PoseOptions
from service.room import Room
from service.runtime.devices import available_cores
from service.threads import StageClock, Threads
from service.users import Users

LEAST_AHEAD = 8
"""Images that are decoded at one time at least, so that a model always finds the next one ready."""
SMALL_FILE = 256 * 1024
"""Bytes of a file whose header is read on the event loop: tens of microseconds, where a thread would cost more."""
FEW_PEOPLE = 2
"""So many people's crops are cut, and their heatmaps read, on the event loop, for the same reason."""
DECODED_BYTES = 512 * 2**20
"""Pixels held at one time, over all requests."""

Result = TypeVar("Result")
Part = Detector | Estimator
"""A network with its batcher: what can be replaced while the server serves."""


class Cut(NamedTuple):
    """The people of an image: where they are, the maps between image and crops, and the (N, h, w, 3) crops."""

    people: list[ScoredBox]
    transforms: list[CropTransform]
    crops: ImageArray


class Opened(NamedTuple):
    """A decoded image, and what the detector is to see of it; or, where that is known without it, its people."""

    image: ImageArray
    fitted: tuple[Letterbox, ImageArray] | None
    cut: Cut | None


class Pipeline:
    """Both networks, each batching over all requests, and threads for the work on pixels."""

    def __init__(
        self, detector: Detector, estimator: Estimator, limits: ImageLimits, longest_wait_s: float = 0.0
    ) -> None:
        """Put two networks together.

        Args:
            detector: finds people.
            estimator: estimates their poses.
            limits: what images are refused.
            longest_wait_s: what an image that is let in may have to wait, seconds; 0: any time.
        """
        self.detector = detector
        self.estimator = estimator
        self.limits = limits
        self._pixel_threads = Threads("pixels", available_cores())
        self.room = Room(_images_ahead(detector), DECODED_BYTES)
        self.users = Users()
        self.backlog = Backlog(longest_wait_s)

    def with_part(self, part: Part) -> "Pipeline":
        """The same pipeline with another network and users of its own; threads, room and backlog are shared."""
        other = copy.copy(self)
        other.users = Users()
        if isinstance(part, Detector):
            other.detector = part
            other.room.images = _images_ahead(part)
        else:
            other.estimator = part
        return other

    @property
    def alive(self) -> bool:
        """Whether both networks can compute."""
        return self.detector.batcher.alive and self.estimator.batcher.alive

    @property
    def lost(self) -> bool:
        """Whether a network cannot compute and will not until the process is started anew."""
        return self.detector.batcher.lost or self.estimator.batcher.lost

    async def run(self, job: ImageJob, options: PoseOptions, keep_pixels: bool = False) -> ImageResult:
        """Answer one image. Cancelling the call drops what no thread and no model has begun.

        Args:
            job: the image and its boxes, if given.
            options: what the request chose.
            keep_pixels: hand the decoded image back, to draw on.

        Raises:
            ServiceError: the image cannot be decoded, a box does not fit it, or a model cannot compute it.
        """
        with self.backlog.hold():
            result = await self._answer(job, options, keep_pixels)
            self.backlog.count_answer()
            return result

    async def _answer(self, job: ImageJob, options: PoseOptions, keep_pixels: bool) -> ImageResult:
        clock = StageClock()
        async with self._in_room(job, clock):
            opened = await self._open(job, options, clock)
            cut = opened.cut or await self._find_people(opened, options, clock)
            arrange = self._best_of_each if opened.fitted else order_by_score
            poses = await self._estimate(cut, options, clock, arrange) if cut else []
        height, width = opened.image.shape[:2]
        pixels = opened.image if keep_pixels else None
        return ImageResult(job.image_id, width, height, poses, clock.seconds, pixels)

    @asynccontextmanager
    async def decoded(self, job: ImageJob, clock: StageClock) -> AsyncGenerator[ImageArray]:
        """An image decoded, (H, W, 3) uint8 RGB, its pixels counted while the context lasts: for who tracks people.

        Raises:
            ServiceError: the image cannot be decoded.
        """

        def decode() -> ImageArray:
            with clock.time("decode"):
                return decode_image(job.data, self.limits)

        async with self._in_room(job, clock):
            try:
                image = await clock.run(self._pixel_threads, decode)
            except ImageError as error:
                raise from_image_error(error) from error
            yield image

    async def find_people(self, image: ImageArray, options: PoseOptions, clock: StageClock) -> list[ScoredBox]:
        """What the detector finds in decoded pixels, (H, W, 3) uint8 RGB, highest score first."""

        def fit() -> tuple[Letterbox, ImageArray]:
            with clock.time("detect"):
                return self.detector.letterbox(image)

        letterbox, fitted = await clock.run(self._pixel_threads, fit)
        (rows,) = await clock.infer("detect", self.detector.infer(fitted))
        with clock.time("detect"):
            return self.detector.people(rows, letterbox, options.person_threshold, options.max_persons)

    async def estimate_people(
        self, image: ImageArray, people: list[ScoredBox], options: PoseOptions, clock: StageClock
    ) -> list[PersonPose]:
        """A pose for each box in decoded pixels, (H, W, 3) uint8 RGB, in the order of the boxes."""
        cut = await self._briefly(people, clock, lambda: self._cut(image, people, options, clock))
        return await self._estimate(cut, options, clock, list) if cut else []

    def close(self) -> None:
        """End the threads."""
        self.detector.batcher.close()
        self.estimator.batcher.close()
        self._pixel_threads.close()

    @asynccontextmanager
    async def _in_room(self, job: ImageJob, clock: StageClock) -> AsyncGenerator[None]:
        """Hold room for the image's pixels, whose number its header tells."""

        def count_bytes() -> int:
            with clock.time("decode"):
                header = read_header(job.data)
                return 3 * min(header.width * header.height, self.limits.max_pixels)

        small = len(job.data) <= SMALL_FILE
        try:
            num_bytes = count_bytes() if small else await clock.run(self._pixel_threads, count_bytes)
        except ImageError as error:
            raise from_image_error(error) from error
        arrival = time.perf_counter()
        async with self.room.hold(num_bytes):
            clock.seconds["queue"] += time.perf_counter() - arrival
            yield

    async def _open(self, job: ImageJob, options: PoseOptions, clock: StageClock) -> Opened:
        """Decode, and prepare for the network that comes next, in one go on one thread."""

        def open_image() -> Opened:
            with clock.time("decode"):
                image = decode_image(job.data, self.limits)
            people = known_people(image, job, options)
            if people is not None:
                return Opened(image, None, self._cut(image, people, options, clock))
            with clock.time("detect"):
                return Opened(image, self.detector.letterbox(image), None)

        try:
            return await clock.run(self._pixel_threads, open_image)
        except ImageError as error:
            raise from_image_error(error) from error

    async def _find_people(self, opened: Opened, options: PoseOptions, clock: StageClock) -> Cut | None:
        if opened.fitted is None:
            return None
        letterbox, fitted = opened.fitted
        (rows,) = await clock.infer("detect", self.detector.infer(fitted))
        with clock.time("detect"):
            people = self.detector.people(rows, letterbox, options.person_threshold, options.max_persons)
        return await self._briefly(people, clock, lambda: self._cut(opened.image, people, options, clock))

    def _cut(self, image: ImageArray, people: list[ScoredBox], options: PoseOptions, clock: StageClock) -> Cut | None:
        if not people:
            return None
        with clock.time("crop"):
            transforms, crops = self.estimator.crop(image, [box for box, _ in people])
            return Cut(people, transforms, self.estimator.with_mirrored(crops) if options.flip_test else crops)

    async def _estimate(
        self, cut: Cut, options: PoseOptions, clock: StageClock, arrange: Callable[[list[PersonPose]], list[PersonPose]]
    ) -> list[PersonPose]:
        """One pose a person, arranged as the caller wants them."""
        heatmaps = await clock.infer("estimate", self.estimator.infer(cut.crops))

        def read() -> list[PersonPose]:
            with clock.time("postprocess"):
                return arrange(self.estimator.poses(heatmaps, cut.transforms, cut.people, options))

        return await self._briefly(cut.people, clock, read)

    def _best_of_each(self, poses: list[PersonPose]) -> list[PersonPose]:
        """Of detected people those that turn out to be the same are one; the best first."""
        return order_by_score(without_repeats(poses, self.estimator.spec))

    async def _briefly(self, people: list[ScoredBox], clock: StageClock, job: Callable[[], Result]) -> Result:
        """Do a job at once where it is about few people, else on a thread."""
        return job() if len(people) <= FEW_PEOPLE else await clock.run(self._pixel_threads, job)


def known_people(image: ImageArray, job: ImageJob, options: PoseOptions) -> list[ScoredBox] | None:
    """Where the people are, if the request says so; None: the detector is to look."""
    height, width = image.shape[:2]
    if job.boxes is not None:
        _check_boxes(job.boxes, job.boxes_location, width, height)
        scores = job.box_scores or (1.0,) * len(job.boxes)
        return [ScoredBox(box, score) for box, score in zip(job.boxes, scores, strict=True)]
    return None if options.detect else [ScoredBox((0.0, 0.0, float(width), float(height)), 1.0)]


def _images_ahead(detector: Detector) -> int:
    """Images that are decoded at one time: so many that the detector always finds its next batches ready."""
    return max(LEAST_AHEAD, 4 * detector.limit.size * len(detector.model.runtimes))


def _check_boxes(boxes: tuple[Box, ...], location: str, width: int, height: int) -> None:
    for i, (x, y, box_width, box_height) in enumerate(boxes):
        if x >= width or y >= height or x + box_width <= 0 or y + box_height <= 0:
            raise InvalidOptionError(
                f"{location}[{i}] lies outside the image, whose upright size is {width} x {height} pixels; "
                "boxes are [x, y, width, height] in pixels, (x, y) the top-left corner"
            )
