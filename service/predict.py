"""`fasterpose predict`: the server's pipeline on files, without a server."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from model.contract.skeleton import Skeleton
from service.engine import load_pipeline
from service.errors import ServiceError
from service.formats import coco_results
from service.jobs import ImageJob, ImageResult, PoseOptions
from service.overlay import draw_people, encode_image
from service.pipeline import Pipeline
from service.settings import ServiceSettings, SettingsError

AT_ONCE = 4
"""Files under way together: one is decoded while the networks work on another."""


@dataclass
class Prediction:
    """What is written beside the overlays.

    Attributes:
        images: COCO `images` entries of the answered files.
        results: COCO results, without boxes: COCO's evaluators would else take areas from them.
        failures: a sentence for each file that could not be answered.
    """

    images: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    results: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    failures: list[str] = field(default_factory=list[str])


def predict_files(photos: list[Path], out: Path, options: PoseOptions, settings: ServiceSettings) -> int:
    """Answer files and write what was found.

    Args:
        photos: image files.
        out: folder for `<name>.jpg`, `results.json` and `images.json`.
        options: as of a request.
        settings: which networks, and how they run.

    Returns:
        The exit code: 0, or 1 if a file could not be answered.

    Raises:
        SettingsError: an overlay would be written over a photograph.
        BundleError: a bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run a network as asked.
    """
    overlays = [out / name for name in overlay_names(photos)]
    _keep_photos(photos, overlays)
    out.mkdir(parents=True, exist_ok=True)
    pipeline = load_pipeline(settings)
    try:
        prediction = asyncio.run(_predict(pipeline, photos, overlays, options))
    finally:
        pipeline.close()
    _write_json(out / "results.json", prediction.results)
    _write_json(out / "images.json", prediction.images)
    for failure in prediction.failures:
        sys.stderr.write(f"{failure}\n")
    sys.stdout.write(
        f"{len(prediction.results)} people in {len(prediction.images)} of {len(photos)} images; "
        f"overlays, results.json and images.json are in {out}\n"
    )
    return 1 if prediction.failures else 0


async def _predict(pipeline: Pipeline, photos: list[Path], overlays: list[Path], options: PoseOptions) -> Prediction:
    prediction = Prediction()
    gate = asyncio.Semaphore(AT_ONCE)
    with _progress() as progress:
        task = progress.add_task("photographs", total=len(photos), rate="")

        async def answer(image_id: int) -> ImageResult | str:
            async with gate:
                outcome = await _answer(pipeline, photos[image_id], image_id, overlays[image_id], options)
                _advance(progress, task)
                return outcome

        outcomes = await asyncio.gather(*(answer(i) for i in range(len(photos))))
    for photo, overlay, outcome in zip(photos, overlays, outcomes, strict=True):
        _collect(prediction, photo, overlay, outcome)
    return prediction


async def _answer(
    pipeline: Pipeline, photo: Path, image_id: int, target: Path, options: PoseOptions
) -> ImageResult | str:
    """A file's result, with its overlay written, or the sentence why there is none."""
    try:
        data = await asyncio.to_thread(photo.read_bytes)
        result = await pipeline.run(ImageJob(data, image_id), options, keep_pixels=True)
    except OSError as error:
        return f"{photo}: {error.strerror}"
    except ServiceError as error:
        return f"{photo}: {error.detail}"
    skeleton = pipeline.estimator.spec.skeleton
    await asyncio.to_thread(_write_overlay, target, result, skeleton, options.keypoint_threshold)
    return replace(result, pixels=None)


def _write_overlay(target: Path, result: ImageResult, skeleton: Skeleton, threshold: float) -> None:
    target.write_bytes(
        encode_image(draw_people(result.kept_pixels(), result.people, skeleton, threshold), "image/jpeg")
    )


def _collect(prediction: Prediction, photo: Path, overlay: Path, outcome: ImageResult | str) -> None:
    if isinstance(outcome, str):
        prediction.failures.append(outcome)
        return
    prediction.results.extend(coco_results([outcome], with_box=False))
    prediction.images.append(
        {
            "id": outcome.image_id,
            "file_name": str(photo),
            "width": outcome.width,
            "height": outcome.height,
            "overlay": overlay.name,
        }
    )


def overlay_names(photos: list[Path]) -> Iterator[str]:
    """A file name for each photograph's overlay: its own with `.jpg`, numbered where two would be the same."""
    taken: set[str] = set()
    for photo in photos:
        name, number = f"{photo.stem}.jpg", 2
        while name in taken:
            name, number = f"{photo.stem}-{number}.jpg", number + 1
        taken.add(name)
        yield name


def _keep_photos(photos: list[Path], overlays: list[Path]) -> None:
    sources = {photo.resolve() for photo in photos}
    for overlay in overlays:
        if overlay.resolve() in sources:
            raise SettingsError(f"the overlay {overlay} would be written over a photograph; choose another --out")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _advance(progress: Progress, task: TaskID) -> None:
    progress.advance(task)
    current = progress.tasks[0]
    progress.update(task, rate=f"{current.completed / current.elapsed:.1f}/s" if current.elapsed else "")


def _write_json(path: Path, content: object) -> None:
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE))
