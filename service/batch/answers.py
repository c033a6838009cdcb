"""One image's line in the results, the same on a local worker and on Ray."""

import asyncio
import logging
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from service.bundles import LoadedModel, Spec
from service.errors import InternalError, OverloadedError, ServiceError, TooLargeError, UnavailableError
from service.formats import Outcome, coco_results, image_entry
from service.jobs import ImageJob, ImageResult, PoseOptions
from service.pipeline import LEAST_AHEAD, Pipeline

PAUSE_S = 0.3
TRIES = 100
"""What a server would answer with `Retry-After` is tried again: for half a minute, as a client would."""

logger = logging.getLogger("fasterpose.batch")


class UnreadableFileError(ServiceError):
    """The path names no file that can be read."""

    status, grpc_code, slug, title = 404, "NOT_FOUND", "unreadable-file", "The file cannot be read"


class DeadWorkerError(ServiceError):
    """The image killed the process that computed it, twice."""

    status, grpc_code, slug, title = 500, "INTERNAL", "dead-worker", "The worker died"


@dataclass(frozen=True)
class Answer:
    """What is written for an image.

    Attributes:
        image: its path.
        line: a JSON object without a line end.
        people: found in it.
        failed: the line carries an error.
    """

    image: str
    line: bytes
    people: int
    failed: bool


@dataclass(frozen=True)
class Ready:
    """A worker has loaded its networks.

    Attributes:
        worker: how it is called.
        record: what its answers depend on, see `describe`.
    """

    worker: str
    record: dict[str, Any]


@dataclass(frozen=True)
class Answered:
    """A worker has answered an image."""

    worker: str
    answer: Answer


Event = Ready | Answered


def describe(pipeline: Pipeline, options: PoseOptions) -> dict[str, Any]:
    """What the answers depend on: both networks as they run, and the options."""
    return {
        "model": _describe(pipeline.estimator.model),
        "detector": _describe(pipeline.detector.model),
        "options": asdict(options),
    }


def _describe(model: LoadedModel[Spec]) -> dict[str, str]:
    provenance, runtime = model.spec.provenance, model.runtime
    return {
        "name": provenance.name,
        "version": provenance.version,
        "sha256": model.sha256,
        "runtime": runtime.name,
        "precision": runtime.precision,
    }


def images_at_once(pipeline: Pipeline) -> int:
    """Images that keep a pipeline busy: some being read and decoded, some in both networks' batches."""
    detector = pipeline.detector
    return LEAST_AHEAD + 2 * detector.limit.size * len(detector.model.runtimes)


async def answer_image(pipeline: Pipeline, image: str, options: PoseOptions) -> Answer:
    """Answer one file; whatever is wrong with it stands in its line."""
    outcome: Outcome
    try:
        data = await asyncio.to_thread(_read, Path(image), pipeline.limits.max_bytes)
        outcome = await _run(pipeline, ImageJob(data, image), options)
    except ServiceError as error:
        outcome = image, error
    except Exception:
        logger.exception("%s: a fault of ours", image)
        outcome = image, InternalError()
    return to_answer(image, outcome)


def to_answer(image: str, outcome: Outcome) -> Answer:
    """The line `{"image": {"id", "width", "height"} or {"id", "error"}, "results": [...]}`, as in a server's answer."""
    answered = [outcome] if isinstance(outcome, ImageResult) else list[ImageResult]()
    results: Sequence[dict[str, Any]] = coco_results(answered)
    line = orjson.dumps({"image": image_entry(outcome), "results": results})
    return Answer(image, line, len(results), failed=not answered)


async def _run(pipeline: Pipeline, job: ImageJob, options: PoseOptions) -> ImageResult:
    for _ in range(TRIES):
        try:
            return await pipeline.run(job, options)
        except (OverloadedError, UnavailableError):
            await asyncio.sleep(PAUSE_S)
    return await pipeline.run(job, options)


def _read(path: Path, max_bytes: int) -> bytes:
    """The file's bytes.

    Raises:
        UnreadableFileError: it is no file, or may not be read.
        TooLargeError: it has more bytes than are taken.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableFileError("The path names no regular file.")
        if found.st_size > max_bytes:
            raise TooLargeError(f"The file has {found.st_size} bytes; at most {max_bytes} are taken.")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(f"The file cannot be read: {error.strerror}.") from error
