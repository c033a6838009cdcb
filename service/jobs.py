"""What goes into the pipeline and what comes out, the same for every transport."""

from dataclasses import dataclass

from model.contract.arrays import ImageArray
from model.contract.coco import PersonPose
from model.contract.crop import Box

STAGES: tuple[str, ...] = ("decode", "detect", "crop", "queue", "estimate", "postprocess")
"""The pipeline's stages; `queue` is all waiting for a thread."""

ImageId = int | str


@dataclass(frozen=True)
class PoseOptions:
    """What a request may choose, with API.md's names and defaults.

    Attributes:
        detect: find people; without it and without boxes the whole image is one person.
        person_threshold: least box score of a detected person, 0..1.
        keypoint_threshold: keypoints above it count for `score` and are drawn, 0..1.
        max_persons: most detected people kept, highest box score first.
        flip_test: average with the mirrored crop.
    """

    detect: bool = True
    person_threshold: float = 0.3
    keypoint_threshold: float = 0.2
    max_persons: int = 100
    flip_test: bool = False


@dataclass(frozen=True)
class ImageJob:
    """One image to answer.

    Attributes:
        data: the encoded image.
        image_id: echoed in the result.
        boxes: the people's boxes in pixels of the upright image; None: not given.
        boxes_location: how an error names the boxes, for example `images[2].boxes`.
        box_scores: of the boxes, 0..1; None: 1.
    """

    data: bytes
    image_id: ImageId = 0
    boxes: tuple[Box, ...] | None = None
    boxes_location: str = "boxes"
    box_scores: tuple[float, ...] | None = None


@dataclass(frozen=True)
class ImageResult:
    """The people of one image.

    Attributes:
        image_id: as given.
        width: of the upright image, pixels.
        height: of the upright image, pixels.
        people: poses in pixels of the upright image, highest score first.
        seconds: stage -> seconds it took.
        pixels: (height, width, 3) uint8 RGB if they were to be kept.
        track_ids: of a tracked stream the number of each of the people, in their order; None: not tracked.
    """

    image_id: ImageId
    width: int
    height: int
    people: list[PersonPose]
    seconds: dict[str, float]
    pixels: ImageArray | None
    track_ids: tuple[int, ...] | None = None

    def kept_pixels(self) -> ImageArray:
        """The decoded image, to draw on.

        Raises:
            ValueError: the pixels were not asked for.
        """
        if self.pixels is None:
            raise ValueError("this result was made without keep_pixels")
        return self.pixels
