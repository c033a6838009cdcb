"""`fasterpose predict` from the sources to the account."""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.engine import load_pipeline
from service.exit_codes import ALL_ANSWERED, NOT_FINISHED, SOME_FAILED
from service.jobs import PoseOptions
from service.pipeline import Pipeline
from service.predict.account import Account
from service.predict.asked import STDOUT, Wanted
from service.predict.boxes import BoxesFile, read_boxes
from service.predict.inputs import Inputs, find_inputs
from service.predict.outputs import open_outputs
from service.predict.overlays import Overlays
from service.predict.photos import PhotoWork, answer_photos, image_ids_of
from service.predict.videos import VideoWork, answer_videos
from service.settings import ServiceSettings, SettingsError
from service.stopping import stopped_by_signals
from service.tracking.options import TrackingOptions
from service.video.errors import VideoWriteError
from service.video.estimate import VideoOptions

BROKEN_PIPE = 128 + 13
"""Nobody reads stdout any more, as after `| head`: what a program that SIGPIPE ends exits with."""


@dataclass(frozen=True)
class Choices:
    """How images and videos are answered.

    Attributes:
        pose: as of a request.
        tracking: how people are followed through videos; None: each frame is answered for itself.
        recursive: search the subfolders of folders too.
        most_frames: of each video; None: all.
    """

    pose: PoseOptions = field(default_factory=PoseOptions)
    tracking: TrackingOptions | None = field(default_factory=TrackingOptions)
    recursive: bool = False
    most_frames: int | None = None


@dataclass(frozen=True)
class Plan:
    """What is to be done, checked before the networks are loaded.

    Attributes:
        inputs: what there is to answer.
        boxes: where the people are, if a file says so.
        overlays: where they are drawn, if they are to be.
        wanted: the outputs.
    """

    inputs: Inputs
    boxes: BoxesFile | None
    overlays: Overlays | None
    wanted: Wanted


def predict(sources: Sequence[str], wanted: Wanted, choices: Choices, settings: ServiceSettings) -> int:
    """Answer images and videos, and write what was found.

    Args:
        sources: files, folders, globs, `-` for stdin, cameras and network streams.
        wanted: which outputs, and where.
        choices: how they are answered.
        settings: which networks, and how they run.

    Returns:
        The exit code: 0 if all is answered, 1 if some is not, 3 if an output cannot be written, 128 + the number of
        the signal that stopped the command.

    Raises:
        SettingsError: a source or an output cannot be used.
        AnnotationError: the file of boxes cannot be used.
        BundleError: a bundle cannot be used.
        RuntimeUnavailableError: the machine cannot run a network as asked.
    """
    plan = _plan(sources, wanted.checked(), recursive=choices.recursive)
    _say_what_is_left_out(plan.inputs, plan.boxes)
    account = Account(len(plan.inputs.photos) + len(plan.inputs.videos))
    pipeline = load_pipeline(settings)
    try:
        with stopped_by_signals(account.stop) as signals:
            asyncio.run(_answer_all(pipeline, plan, choices, account))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes stdout at its end
        return BROKEN_PIPE
    except (OSError, VideoWriteError) as error:
        sys.stderr.write(f"fasterpose: an output cannot be written: {error}\n")
        return NOT_FINISHED
    finally:
        pipeline.close()
    account.say(plan.wanted)
    if signals:
        return 128 + signals[0]
    return SOME_FAILED if account.failed else ALL_ANSWERED


def _plan(sources: Sequence[str], wanted: Wanted, *, recursive: bool) -> Plan:
    inputs = find_inputs(sources, recursive=recursive)
    boxes = read_boxes(wanted.boxes) if wanted.boxes else None
    if boxes is not None and inputs.videos:
        raise SettingsError(f"--boxes holds the boxes of images, and {inputs.videos[0]} is a video; leave one out")
    folder = wanted.out or wanted.overlays
    overlays = None if folder is None else Overlays(folder, inputs.photos, inputs.videos)
    _keep_inputs(wanted, inputs)
    return Plan(inputs, boxes, overlays, wanted)


async def _answer_all(pipeline: Pipeline, plan: Plan, choices: Choices, account: Account) -> None:
    """The photographs, then the videos."""
    photos, videos = plan.inputs.photos, plan.inputs.videos
    if plan.overlays is not None:
        plan.overlays.make_folder()
    with open_outputs(plan.wanted, pipeline.estimator.spec.skeleton) as outputs:
        if photos:
            work = PhotoWork(pipeline, choices.pose, plan.boxes, plan.overlays)
            await answer_photos(work, photos, outputs, account)
        if videos:
            drawn = plan.overlays.videos if plan.overlays is not None else {}
            first_id = max(image_ids_of(photos, plan.boxes), default=-1) + 1
            options = VideoOptions(choices.pose, choices.tracking)
            work = VideoWork(pipeline, options, drawn, choices.most_frames, first_id)
            await answer_videos(work, videos, outputs, account)


def _keep_inputs(wanted: Wanted, inputs: Inputs) -> None:
    """Refuse outputs that would be written over what is read."""
    names = [*(photo.name for photo in inputs.photos), *inputs.videos, *([str(wanted.boxes)] if wanted.boxes else [])]
    read = {Path(name).resolve() for name in names}
    over = next((file for file in wanted.files if file != STDOUT and file.resolve() in read), None)
    if over is not None:
        raise SettingsError(f"{over} is read and would be written over; choose another output")


def _say_what_is_left_out(inputs: Inputs, boxes: BoxesFile | None) -> None:
    said = {
        "files of folders have no image's suffix and are left out; name them to have them answered": inputs.left_out,
        "inputs are named more than once and are answered once": inputs.repeated,
    }
    if boxes is not None:
        without = sum(boxes.id_of(photo) is None for photo in inputs.photos) if boxes.ids is None else 0
        said |= {
            f"entries of {boxes.path} are crowds, no people or thinner than a pixel: left out": boxes.left_out,
            f"images have no boxes in {boxes.path}: nobody is looked for in them": without,
            f"images have boxes in {boxes.path} and are not among those named": boxes.unused(inputs.photos),
        }
    for sentence, count in said.items():
        if count:
            sys.stderr.write(f"{count} {sentence}\n")
