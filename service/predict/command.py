"""`fasterpose predict` from the sources to the account."""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from service.engine import load_pipeline
from service.exit_codes import ALL_ANSWERED, NOT_FINISHED, SOME_FAILED
from service.file_answers import answer_file, images_at_once
from service.formats import Outcome
from service.jobs import ImageJob, ImageResult, PoseOptions
from service.pipeline import Pipeline
from service.predict.answering import in_order
from service.predict.asked import Wanted
from service.predict.boxes import BoxesFile, read_boxes
from service.predict.inputs import Photo, Photos, find_photos
from service.predict.outputs import Outputs, open_outputs
from service.predict.overlays import Overlays
from service.progress import RateBar
from service.settings import ServiceSettings, SettingsError
from service.stopping import stopped_by_signals

BROKEN_PIPE = 128 + 13
"""Nobody reads stdout any more, as after `| head`: what a program that SIGPIPE ends exits with."""


@dataclass
class Account:
    """What was done.

    Attributes:
        people: found.
        answered: images.
        failed: images without an answer.
        stopped: no more images are to be begun.
    """

    people: int = 0
    answered: int = 0
    failed: int = 0
    stopped: bool = False

    def stop(self) -> None:
        """Begin no more images."""
        self.stopped = True


def predict(
    sources: Sequence[str], wanted: Wanted, options: PoseOptions, settings: ServiceSettings, *, recursive: bool = False
) -> int:
    """Answer images and write what was found.

    Args:
        sources: files, folders, globs and `-` for stdin.
        wanted: which outputs, and where.
        options: as of a request.
        settings: which networks, and how they run.
        recursive: search the subfolders of folders too.

    Returns:
        The exit code: 0 if all images are answered, 1 if some are not, 3 if an output cannot be written, 128 + the
        number of the signal that stopped the command.

    Raises:
        SettingsError: a source or an output cannot be used.
        AnnotationError: the file of boxes cannot be used.
        BundleError: a bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run a network as asked.
    """
    wanted = wanted.checked()
    photos = find_photos(sources, recursive=recursive)
    boxes = read_boxes(wanted.boxes) if wanted.boxes else None
    overlays = _plan_overlays(wanted, photos.photos)
    _keep_inputs(wanted, photos.photos)
    _say_what_is_left_out(photos, boxes)
    pipeline = load_pipeline(settings)
    account = Account()
    try:
        with stopped_by_signals(account.stop) as signals:
            asyncio.run(_answer_all(pipeline, photos.photos, boxes, options, wanted, overlays, account))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes stdout at its end
        return BROKEN_PIPE
    except OSError as error:
        sys.stderr.write(f"fasterpose: an output cannot be written: {error}\n")
        return NOT_FINISHED
    finally:
        pipeline.close()
    _say_what_was_done(account, len(photos.photos), wanted)
    if signals:
        return 128 + signals[0]
    return SOME_FAILED if account.failed else ALL_ANSWERED


async def _answer_all(
    pipeline: Pipeline,
    photos: list[Photo],
    boxes: BoxesFile | None,
    options: PoseOptions,
    wanted: Wanted,
    overlays: Overlays | None,
    account: Account,
) -> None:
    skeleton = pipeline.estimator.spec.skeleton
    if overlays is not None:
        overlays.make_folder()

    async def answer(photo: Photo) -> Outcome:
        outcome = await answer_file(
            pipeline, photo.name, lambda: _job(photo, boxes, options, pipeline), options, overlays is not None
        )
        if overlays is None or not isinstance(outcome, ImageResult):
            return outcome
        await asyncio.to_thread(overlays.draw, photo, outcome, skeleton, options.keypoint_threshold)
        return replace(outcome, pixels=None)

    image_ids = _image_ids(photos, boxes)
    with open_outputs(wanted, overlays, skeleton, image_ids) as outputs, RateBar("images", len(photos)) as bar:
        go_on = lambda: not account.stopped  # noqa: E731
        async with aclosing(in_order(photos, answer, images_at_once(pipeline), go_on)) as answers:
            async for photo, outcome in answers:
                _write(photo, outcome, outputs, account, bar)


def _write(photo: Photo, outcome: Outcome, outputs: Outputs, account: Account, bar: RateBar) -> None:
    outputs.write(photo, outcome)
    bar.advance()
    if isinstance(outcome, ImageResult):
        account.answered += 1
        account.people += len(outcome.people)
    else:
        account.failed += 1
        bar.say(f"{photo.name}: {outcome[1].detail}")


def _job(photo: Photo, boxes: BoxesFile | None, options: PoseOptions, pipeline: Pipeline) -> ImageJob:
    """What the pipeline is to answer; the image is read."""
    data = photo.read(pipeline.limits.max_bytes)
    if boxes is None:
        return ImageJob(data, photo.name)
    people = boxes.people_in(photo, options)
    scores = tuple(person.score for person in people)
    return ImageJob(data, photo.name, tuple(person.box for person in people), f"{boxes.path}: boxes", scores)


def _image_ids(photos: list[Photo], boxes: BoxesFile | None) -> list[int]:
    """The ids of COCO's files: the boxes file's, where all images have a number there, else their places."""
    known = [boxes.id_of(photo) for photo in photos] if boxes else []
    numbers = [image_id for image_id in known if isinstance(image_id, int)]
    return numbers if len(numbers) == len(photos) else [photo.number for photo in photos]


def _plan_overlays(wanted: Wanted, photos: list[Photo]) -> Overlays | None:
    folder = wanted.out or wanted.overlays
    return None if folder is None else Overlays(folder, photos)


def _keep_inputs(wanted: Wanted, photos: list[Photo]) -> None:
    """Refuse outputs that would be written over what is read."""
    read = [Path(photo.name) for photo in photos] + ([wanted.boxes] if wanted.boxes else [])
    sources = {path.resolve() for path in read}
    over = next((file for file in wanted.files if file.resolve() in sources), None)
    if over is not None:
        raise SettingsError(f"{over} is read and would be written over; choose another output")


def _say_what_is_left_out(photos: Photos, boxes: BoxesFile | None) -> None:
    said = {
        f"{photos.left_out} files of folders have no image's suffix and are left out; name them to have them "
        "answered": photos.left_out,
        f"{photos.repeated} images are named more than once and are answered once": photos.repeated,
    }
    if boxes is not None:
        without = sum(boxes.id_of(photo) is None for photo in photos.photos) if boxes.ids is None else 0
        unused = boxes.unused(photos.photos)
        said |= {
            f"{boxes.path}: {boxes.left_out} entries are crowds, no people or thinner than a pixel: left out": (
                boxes.left_out
            ),
            f"{boxes.path}: {without} of the images have no boxes there: nobody is looked for in them": without,
            f"{boxes.path}: {unused} images with boxes are not among those named": unused,
        }
    for sentence, count in said.items():
        if count:
            sys.stderr.write(f"{sentence}\n")


def _say_what_was_done(account: Account, total: int, wanted: Wanted) -> None:
    left = total - account.answered - account.failed
    counts = [f"{account.failed} failed"] * bool(account.failed) + [f"{left} not begun"] * bool(left)
    sentence = ", ".join([f"{account.people} people in {account.answered} of {total} images", *counts])
    stream = sys.stderr if wanted.uses_stdout else sys.stdout
    stream.write(f"{sentence}\n" + "".join(f"  {place}\n" for place in _places(wanted)))


def _places(wanted: Wanted) -> list[str]:
    """What was written where."""
    places = [f"overlays, results.json and images.json are in {wanted.out}"] if wanted.out else []
    if wanted.overlays and wanted.overlays.name != "-":
        places.append(f"overlays are in {wanted.overlays}")
    return places + [f"written: {file}" for file in wanted.files]
