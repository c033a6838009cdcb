"""One image's line in the results, the same on a local worker and on Ray."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from service.bundles import LoadedModel, Spec
from service.errors import ServiceError
from service.file_answers import answer_file
from service.formats import Outcome, coco_results, image_entry
from service.image_files import read_file
from service.jobs import ImageJob, ImageResult, PoseOptions
from service.pipeline import Pipeline


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


async def answer_image(pipeline: Pipeline, image: str, options: PoseOptions) -> Answer:
    """Answer one file; whatever is wrong with it stands in its line."""

    def read() -> ImageJob:
        return ImageJob(read_file(Path(image), pipeline.limits.max_bytes), image)

    return to_answer(image, await answer_file(pipeline, image, read, options))


def to_answer(image: str, outcome: Outcome) -> Answer:
    """The line `{"image": {"id", "width", "height"} or {"id", "error"}, "results": [...]}`, as in a server's answer."""
    answered = [outcome] if isinstance(outcome, ImageResult) else list[ImageResult]()
    results: Sequence[dict[str, Any]] = coco_results(answered)
    line = orjson.dumps({"image": image_entry(outcome), "results": results})
    return Answer(image, line, len(results), failed=not answered)
