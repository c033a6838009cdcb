"""`fasterpose benchmark`: what each stage of one 720p photograph costs, served and in eager torch side by side."""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from model.contract.crop import Box
from model.contract.image import decode_image
from service.bench.eager import EagerNetworks, eager_hint
from service.bench.photographs import CROWD, HEIGHT, WIDTH, crowd_photograph
from service.bench.report import print_table
from service.bundles import LoadedModel
from service.jobs import STAGES, ImageJob, PoseOptions
from service.pipeline import Pipeline

WARM_UP = 3


@dataclass(frozen=True)
class StageTimes:
    """Medians over the rounds, milliseconds.

    Attributes:
        people: people in the photograph.
        found: people that were found in it.
        served: stage -> time in the server's pipeline, with `total`.
        eager: `detect` and `estimate` in eager torch; empty without the train extra.
    """

    people: int
    found: int
    served: dict[str, float]
    eager: dict[str, float]


async def run_benchmark(pipeline: Pipeline, rounds: int, eager: EagerNetworks | None) -> list[StageTimes]:
    """Measure photographs with 1 and with 5 people.

    Args:
        pipeline: the loaded networks.
        rounds: measured rounds; in each, served and eager run one after the other.
        eager: the networks in eager torch, or None without the train extra.
    """
    return [await _measure(pipeline, people, rounds, eager) for people in CROWD]


def print_stages(pipeline: Pipeline, times: list[StageTimes], rounds: int) -> None:
    """Print what was measured."""
    print_table(_table(pipeline, times, rounds))
    if not times[0].eager:
        sys.stdout.write(eager_hint("benchmark"))


async def _measure(pipeline: Pipeline, people: int, rounds: int, eager: EagerNetworks | None) -> StageTimes:
    photograph = crowd_photograph(people)
    found: list[Box] = []
    served: list[dict[str, float]] = []
    in_torch: list[dict[str, float]] = []
    for _ in range(WARM_UP + rounds):
        began = time.perf_counter()
        result = await pipeline.run(ImageJob(photograph), PoseOptions())
        served.append(result.seconds | {"total": time.perf_counter() - began})
        found = [person.box for person in result.people]
        if eager is not None:
            in_torch.append(_run_eager(eager, pipeline, photograph, found))
    return StageTimes(people, len(found), _medians(served), _medians(in_torch))


def _run_eager(eager: EagerNetworks, pipeline: Pipeline, photograph: bytes, boxes: list[Box]) -> dict[str, float]:
    image = decode_image(photograph)
    _, fitted = pipeline.detector.letterbox(image)
    seconds = {"detect": _seconds(lambda: eager.detect(fitted[None]))}
    if boxes:
        _, crops = pipeline.estimator.crop(image, boxes)
        seconds["estimate"] = _seconds(lambda: eager.estimate(crops))
    return seconds


def _seconds(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Stage -> median in milliseconds, the warm-up left out."""
    measured = rounds[WARM_UP:]
    return {stage: 1000 * statistics.median(times[stage] for times in measured) for stage in (measured or [{}])[0]}


def _table(pipeline: Pipeline, times: list[StageTimes], rounds: int) -> Table:
    networks = f"{_describe(pipeline.detector.model)}, {_describe(pipeline.estimator.model)}"
    table = Table(title=f"{WIDTH}x{HEIGHT} JPEG, medians of {rounds} rounds, ms; {networks}")
    table.add_column("stage")
    for column in times:
        people = "1 person" if column.people == 1 else f"{column.people} people"
        table.add_column(f"{people} ({column.found} found)", justify="right")
    for stage in (*STAGES, "total"):
        table.add_row(stage, *(f"{column.served[stage]:.1f}" for column in times))
    if times[0].eager:
        for stage in ("detect", "estimate"):
            table.add_row(f"eager torch: {stage}", *(_eager_cell(column, stage) for column in times))
        table.add_row("eager / served, both networks", *(f"{_ratio(column):.1f}x" for column in times))
    return table


def _eager_cell(times: StageTimes, stage: str) -> str:
    if stage not in times.eager:
        return "-"
    return f"{times.eager[stage]:.1f} ({times.eager[stage] / times.served[stage]:.1f}x)"


def _ratio(times: StageTimes) -> float:
    return sum(times.eager.values()) / sum(times.served[stage] for stage in times.eager)


def _describe(model: LoadedModel[Any]) -> str:
    width, height = model.spec.input_size
    return f"{model.spec.provenance.name} {width}x{height} {model.runtime.name} {model.runtime.precision}"
