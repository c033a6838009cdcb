"""A batch job from the images to the account: what is done already is left, what fails gets a line that says why."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from service.batch.answers import Event, Ready
from service.batch.crew import CrewError
from service.batch.inputs import Inputs, find_images
from service.batch.progress import JobProgress
from service.batch.results import ResultsFile
from service.exit_codes import ALL_ANSWERED, NOT_FINISHED, SOME_FAILED
from service.settings import SettingsError
from service.stopping import stopped_by_signals


class Engine(Protocol):
    """What answers images: a crew of local processes, or Ray Data."""

    def answers(self, images: Iterable[str]) -> Iterator[Event]:
        """An event for each worker that is ready and each image that is answered, in no order.

        Raises:
            SettingsError: the networks cannot be loaded as asked.
            CrewError: the workers cannot work.
        """
        ...

    def stop(self) -> None:
        """End `answers` soon."""
        ...


@dataclass(frozen=True)
class BatchJob:
    """What is to be done.

    Attributes:
        sources: folders, globs, lists or image files.
        output: the JSONL file.
        retry_errors: answer images again whose line is an error.
    """

    sources: list[str]
    output: Path
    retry_errors: bool = False


def run_batch(job: BatchJob, engine: Engine) -> int:
    """Answer all images of a job that have no line yet.

    Returns:
        The exit code: 0 if all images are answered, 1 if some have an error, 3 if the workers or the disk gave up,
        128 + number of the signal that stopped the job.

    Raises:
        SettingsError: a source or the output cannot be used, or the networks cannot be loaded as asked.
    """
    inputs = find_images(job.sources)
    _say_what_is_left_out(inputs)
    results = ResultsFile(job.output, retry_errors=job.retry_errors)
    try:
        left = [image for image in inputs.images if image not in results.done]
        progress = JobProgress(len(inputs.images), len(inputs.images) - len(left))
        with stopped_by_signals(engine.stop) as signals, progress:
            failure = _answer(left, engine, results, progress) if left else None
    finally:
        results.close()
    sys.stdout.write(f"{progress.account(job.output, results.failed)}\n")
    if failure:
        sys.stderr.write(f"fasterpose: {failure}; the same command goes on from here\n")
        return NOT_FINISHED
    if signals:
        return 128 + signals[0]
    return SOME_FAILED if results.failed else ALL_ANSWERED


def _answer(images: list[str], engine: Engine, results: ResultsFile, progress: JobProgress) -> str | None:
    """Write answers as they come; a sentence if they end too early."""
    try:
        for event in engine.answers(images):
            if isinstance(event, Ready):
                results.check_record(event.record)
                progress.count_worker(event.worker)
            elif results.write(event.answer):
                progress.count_answer(event.worker, event.answer)
    except CrewError as error:
        return str(error)
    except OSError as error:
        return f"the results cannot be written: {error.strerror}"
    return None


def _say_what_is_left_out(inputs: Inputs) -> None:
    if not inputs.images:
        raise SettingsError("no --input holds an image; folders are searched for files with an image's suffix")
    if inputs.left_out:
        sys.stderr.write(f"{inputs.left_out} files have no image's suffix and are left out; a list takes any file\n")
    if inputs.repeated:
        sys.stderr.write(f"{inputs.repeated} images are named more than once and are answered once\n")
