"""A pipeline without a server: it is kept busy, a full line is waited for, and every image has an outcome."""

import asyncio
import logging
from collections.abc import Callable

from service.errors import InternalError, OverloadedError, ServiceError, UnavailableError
from service.formats import Outcome
from service.jobs import ImageJob, ImageResult, PoseOptions
from service.pipeline import LEAST_AHEAD, Pipeline

PAUSE_S = 0.3
TRIES = 100
"""What a server would answer with `Retry-After` is tried again: for half a minute, as a client would."""

logger = logging.getLogger("fasterpose.files")


def images_at_once(pipeline: Pipeline) -> int:
    """Images that keep a pipeline busy: some being read and decoded, some in both networks' batches."""
    detector = pipeline.detector
    return LEAST_AHEAD + 2 * detector.limit.size * len(detector.model.runtimes)


async def answer_file(
    pipeline: Pipeline, image: str, read: Callable[[], ImageJob], options: PoseOptions, keep_pixels: bool = False
) -> Outcome:
    """The outcome of one file; whatever is wrong with it costs no other.

    Args:
        pipeline: what answers.
        image: the file as the user knows it.
        read: reads it, in a thread; raises a `ServiceError` where it cannot.
        options: as of a request.
        keep_pixels: hand the decoded image back, to draw on.
    """
    try:
        return await _run(pipeline, await asyncio.to_thread(read), options, keep_pixels)
    except ServiceError as error:
        return image, error
    except Exception:
        logger.exception("%s: a fault of ours", image)
        return image, InternalError()


async def _run(pipeline: Pipeline, job: ImageJob, options: PoseOptions, keep_pixels: bool) -> ImageResult:
    for _ in range(TRIES):
        try:
            return await pipeline.run(job, options, keep_pixels)
        except (OverloadedError, UnavailableError):
            await asyncio.sleep(PAUSE_S)
    return await pipeline.run(job, options, keep_pixels)
