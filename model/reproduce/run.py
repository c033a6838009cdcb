"""Running a reproduction: row after row, seed after seed, each resumable; the report is written after each."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from model.checkpoint import Progress, load_checkpoint
from model.config import RecipeError
from model.engine import DivergedError
from model.interruption import InterruptedRunError
from model.measure import Measurement, measure_model
from model.metrics_file import METRICS
from model.reproduce.jobs import Job, weights_key
from model.reproduce.progress import time_left
from model.reproduce.results import Result, read_result, write_result
from model.reproduce.summary import write_summary
from model.reproduce.tables import Table
from model.train import LAST, TrainingOptions, train


@dataclass(frozen=True)
class Machine:
    """How a reproduction is run here.

    Attributes:
        training: as for `fasterpose train`; its output is that of all trainings together.
        initial_weights: trunk, or network without one -> file to start from.
        detections: COCO detections file for the final figures of `ap` sources; None for the labels' own boxes.
    """

    training: TrainingOptions
    initial_weights: Mapping[str, Path]
    detections: Path | None = None


def reproduce(table: Table, jobs: Sequence[Job], machine: Machine, console: Console) -> Path:
    """Train what has no result yet and write the report.

    Returns:
        The report's Markdown file.

    Raises:
        RecipeError: the output folder holds another reproduction, initial weights are for no row, or torchrun
            started this.
        InterruptedRunError: Ctrl-C or SIGTERM; the same command goes on from there.
        AnnotationError, DataError, CheckpointError, OSError: as `train` and `measure_model` raise them.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RecipeError(
            "reproduce runs in one process; start `fasterpose train` by torchrun, with a row's recipe, the same "
            f"--setting and {jobs[0].folder} as --output, say: finished trainings there are taken over"
        )
    _check_weights(jobs, machine)
    results = {job.folder: read_result(job.folder, job.recipe) for job in jobs}
    for number, job in enumerate(jobs, start=1):
        if results[job.folder] is not None:
            continue
        left = time_left(jobs, results) or "an unknown time"
        console.print(f"training {number} of {len(jobs)}: {job.row.label}, seed {job.recipe.seed}; {left} left for all")
        results[job.folder] = _run(job, machine, console)
        write_summary(table, jobs, results, machine.training.output)
    return write_summary(table, jobs, results, machine.training.output)


def _check_weights(jobs: Sequence[Job], machine: Machine) -> None:
    keys = {weights_key(job.recipe.network) for job in jobs}
    unused = sorted(machine.initial_weights.keys() - keys)
    if unused:
        raise RecipeError(f"--initial-weights {unused[0]}: no row has this trunk; the rows' are {sorted(keys)}")


def _run(job: Job, machine: Machine, console: Console) -> Result:
    weights = machine.initial_weights.get(weights_key(job.recipe.network))
    resume = (job.folder / LAST).is_file()
    options = replace(machine.training, output=job.folder, initial_weights=weights, resume=resume)
    began, failure = time.monotonic() - _progress(job).seconds, None
    try:
        train(job.recipe, options, console)
    except DivergedError as error:
        failure = str(error)  # of a seed that repeats bit for bit: trying again would end there again
    except InterruptedRunError as interruption:
        raise InterruptedRunError(
            interruption.exit_code - 128, f"{interruption.args[0].partition(';')[0]}; the same command goes on"
        ) from interruption
    figures = {} if failure else _measure(job, machine)
    result = _result(job, options, figures, failure, time.monotonic() - began)
    write_result(job.folder, result)
    console.print(failure or "  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    return result


def _measure(job: Job, machine: Machine) -> dict[str, float]:
    """The recipe's validation files with the flip test, `ap` sources on detected boxes where there are some."""
    data, figures = machine.training.data, dict[str, float]()
    for source in job.recipe.validation:
        task = Measurement(
            model=job.folder,
            annotations=data / source.annotations,
            images=data / source.images,
            detections=machine.detections if source.metric == "ap" else None,
            flip_test=True,
            ground_truth=None if source.ground_truth is None else data / source.ground_truth,
            device=machine.training.device,
        )
        measured = measure_model(task).figures
        kept = {name for name in measured if source.metric == "pckh" or (name == "PCK@0.2") == (source.metric == "pck")}
        figures |= {f"{source.name}/{name}": value for name, value in measured.items() if name in kept}
    return figures


def _result(
    job: Job, options: TrainingOptions, figures: dict[str, float], failure: str | None, seconds: float
) -> Result:
    progress = _progress(job)
    return Result(
        recipe=job.recipe,
        figures=figures,
        curve=_curve(job.folder),
        failure=failure,
        steps=progress.step,
        seconds=seconds,
        initial_weights=options.initial_weights.name if options.initial_weights else None,
        device=options.device,
        bf16=options.bf16,
    )


def _progress(job: Job) -> Progress:
    path = job.folder / LAST
    return load_checkpoint(path)[1] if path.is_file() else Progress()


def _curve(folder: Path) -> list[dict[str, float]]:
    path = folder / METRICS
    if not path.is_file():
        return []
    entries: list[dict[str, float]] = [json.loads(line) for line in path.read_text().splitlines()]
    return [entry for entry in entries if "epoch" in entry]
