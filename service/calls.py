"""What a transport has read of a request, checked by the same rules for all of them, and answered."""

import asyncio
from dataclasses import dataclass

from model.contract.crop import Box
from service.errors import InvalidOptionError, ServiceError, TooLargeError
from service.formats import Outcome
from service.jobs import ImageId, ImageJob
from service.pipeline import Pipeline
from service.schemas import BoxIn, Options
from service.settings import ServiceSettings


@dataclass(frozen=True)
class PoseCall:
    """One request, checked.

    Attributes:
        images: at least one.
        options: the request's options.
    """

    images: list[ImageJob]
    options: Options


def check_image_count(count: int, settings: ServiceSettings) -> None:
    """Refuse a request with more images than configured.

    Raises:
        TooLargeError: there are more.
    """
    if count > settings.max_images:
        raise TooLargeError(f"{count} images; at most {settings.max_images} are taken in one request.")


def refuse_single_image_options(options: Options, instead: str) -> None:
    """Refuse options that belong to one image in a request of several.

    Args:
        options: the request's options.
        instead: where they are to be written, for example `images[i]`.

    Raises:
        InvalidOptionError: there is one.
    """
    for name in ("boxes", "image_id"):
        if getattr(options, name) is not None:
            raise InvalidOptionError(f"{name}: belongs to one image; for several use {instead}.{name}")


def own_or_common(
    index: int, own_id: ImageId | None, own_boxes: list[BoxIn] | None, options: Options
) -> tuple[ImageId, tuple[Box, ...] | None, str]:
    """An image's id and boxes, which stand with the image or in the options, but not in both.

    Args:
        index: the image's place in the request, its id if none is given.
        own_id: the id that stands with the image.
        own_boxes: the boxes that stand with the image.
        options: the request's options.

    Returns:
        The id, the boxes, and how an error names the boxes.

    Raises:
        InvalidOptionError: one is given in both places.
    """
    for name, own, common in (("id", own_id, options.image_id), ("boxes", own_boxes, options.boxes)):
        if own is not None and common is not None:
            raise InvalidOptionError(f"images[{index}].{name}: given both with the image and in the options")
    image_id = next((i for i in (own_id, options.image_id) if i is not None), index)
    if options.boxes is not None:
        return image_id, as_boxes(options.boxes), "options.boxes"
    return image_id, as_boxes(own_boxes), f"images[{index}].boxes"


def as_boxes(boxes: list[BoxIn] | None) -> tuple[Box, ...] | None:
    """Checked boxes as the pipeline takes them."""
    return None if boxes is None else tuple(boxes)


def check_call(call: PoseCall, settings: ServiceSettings) -> None:
    """Check what concerns the images together, and the options with them.

    Raises:
        InvalidOptionError: an id of two images, more boxes than `max_persons`, `cvat` for several images.
        TooLargeError: more boxes than configured.
    """
    ids = [image.image_id for image in call.images]
    for i, image in enumerate(call.images):
        if image.image_id in ids[:i]:
            raise InvalidOptionError(f"images[{i}].id: {image.image_id!r} is the id of two images")
        _check_box_count(image, call.options, settings)
    if call.options.format == "cvat" and len(call.images) > 1:
        raise InvalidOptionError("format: cvat answers one image; send one request for each")


async def answer_call(pipeline: Pipeline, call: PoseCall, keep_pixels: bool = False) -> list[Outcome]:
    """One outcome an image. The only image's error is the request's; one of several fails alone.

    Args:
        pipeline: what answers.
        call: the request.
        keep_pixels: hand the only image's pixels back, to draw on.

    Raises:
        ServiceError: the only image cannot be answered, or the wait would be too long.
    """
    pipeline.backlog.check()
    options = call.options.for_pipeline()
    if len(call.images) == 1:
        return [await pipeline.run(call.images[0], options, keep_pixels)]

    async def outcome(image: ImageJob) -> Outcome:
        try:
            return await pipeline.run(image, options)
        except ServiceError as error:
            return image.image_id, error

    return await asyncio.gather(*(outcome(image) for image in call.images))


def _check_box_count(image: ImageJob, options: Options, settings: ServiceSettings) -> None:
    count = len(image.boxes or ())
    if count > settings.max_boxes:
        raise TooLargeError(
            f"{image.boxes_location}: {count} boxes; at most {settings.max_boxes} are taken for an image."
        )
    if "max_persons" in options.model_fields_set and count > options.max_persons:
        raise InvalidOptionError(f"max_persons: {options.max_persons}, but {image.boxes_location} holds {count} boxes")
