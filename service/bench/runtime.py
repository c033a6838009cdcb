"""`fasterpose benchmark runtime`: both graphs in every precision and in eager torch, by batch size."""

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.table import Table

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Size
from model.contract.spec import BundleError, DetectorSpec, PoseSpec
from service.bench.eager import EagerNetworks, eager_hint
from service.bench.report import machine_line, print_table, progress_bar
from service.bundles import LoadedModel, load_detector_model, load_pose_model
from service.runtime.base import Precision, RuntimeUnavailableError
from service.settings import ServiceSettings

BATCHES = (1, 2, 4, 8, 16)
EAGER = "torch eager fp32"
SETTLE_S = 0.01
"""Between two contenders: the threads of the one before go to sleep."""

OTHER_PRECISIONS: tuple[Precision, ...] = ("bf16", "int8")

Infer = Callable[[ImageArray], FloatArray]
"""(N, H, W, 3) uint8 RGB -> the network's output."""

Load = Callable[[ServiceSettings], LoadedModel[DetectorSpec] | LoadedModel[PoseSpec]]
"""Opens one of the two bundles."""


@dataclass(frozen=True)
class Contender:
    """One way to compute a network.

    Attributes:
        name: runtime and precision.
        infer: computes a batch.
    """

    name: str
    infer: Infer


@dataclass(frozen=True)
class Graph:
    """One network and all ways to compute it.

    Attributes:
        name: the bundle's name.
        input_size: (width, height) in pixels.
        contenders: eager torch first, where it is there: the others are compared with the first.
        missing: why a precision is not among them.
    """

    name: str
    input_size: Size
    contenders: tuple[Contender, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Timing:
    """One contender with one batch size.

    Attributes:
        graph: the network.
        runtime: runtime and precision.
        batch: inputs in a call.
        best_ms: fastest call.
        median_ms: median of the rounds.
        images_per_second: inputs a second at the median.
        ratio: how many times as fast as the first contender: the median over the rounds.
    """

    graph: str
    runtime: str
    batch: int
    best_ms: float
    median_ms: float
    images_per_second: float
    ratio: float


def open_graphs(settings: ServiceSettings, eager: EagerNetworks | None) -> list[Graph]:
    """Both networks in every precision that the machine and the bundles have.

    Raises:
        BundleError: a bundle cannot be used at all.
        RuntimeUnavailableError: the machine cannot run it even in fp32.
    """
    detect, estimate = (eager.detect, eager.estimate) if eager is not None else (None, None)
    return [
        _open_graph(load_detector_model, settings, detect),
        _open_graph(load_pose_model, settings, estimate),
    ]


def time_graphs(graphs: Sequence[Graph], batches: Sequence[int], rounds: int) -> list[Timing]:
    """Time everything, with a progress bar.

    In each round every contender computes the same batch twice and the second call is timed: the first one brings its
    weights back into the caches, which the contender before it has filled.
    """
    timings: list[Timing] = []
    with progress_bar() as progress:
        task = progress.add_task("", total=len(graphs) * len(batches) * rounds)
        for graph in graphs:
            for batch in batches:
                progress.update(task, description=f"{graph.name}, batch {batch}")
                seconds = _time_batch(graph, batch, rounds, lambda: progress.advance(task))
                timings += _timings(graph, batch, seconds)
    return timings


def print_timings(graphs: Sequence[Graph], timings: Sequence[Timing], rounds: int) -> None:
    """Print one table for each network."""
    for graph in graphs:
        width, height = graph.input_size
        table = Table("batch", "runtime", title=f"{graph.name} {width}x{height}, {rounds} rounds, {machine_line()}")
        for column in ("best ms", "median ms", "img/s", f"x {graph.contenders[0].name}"):
            table.add_column(column, justify="right")
        for timing in (timing for timing in timings if timing.graph == graph.name):
            figures = (timing.best_ms, timing.median_ms, timing.images_per_second)
            cells = [f"{figure:.1f}" for figure in figures]
            table.add_row(str(timing.batch), timing.runtime, *cells, f"{timing.ratio:.2f}")
        print_table(table)
        for reason in graph.missing:
            sys.stdout.write(f"{reason}\n")
    if all(contender.name != EAGER for graph in graphs for contender in graph.contenders):
        sys.stdout.write(eager_hint("benchmark-runtime"))


def timings_content(timings: Sequence[Timing], rounds: int) -> dict[str, object]:
    """The figures for a JSON file."""
    return {"benchmark": "runtime", "rounds": rounds, "timings": [asdict(timing) for timing in timings]}


def _open_graph(load: Load, settings: ServiceSettings, eager: Infer | None) -> Graph:
    contenders = [Contender(EAGER, eager)] if eager is not None else []
    missing: list[str] = []
    reference = load(settings.model_copy(update={"precision": "fp32"}))
    contenders.append(Contender(f"{reference.runtime.name} fp32", reference.runtime.infer))
    for precision in OTHER_PRECISIONS:
        try:
            runtime = load(settings.model_copy(update={"precision": precision})).runtime
        except (BundleError, RuntimeUnavailableError) as error:
            missing.append(f"{precision} is not measured: {error}")
        else:
            contenders.append(Contender(f"{runtime.name} {precision}", runtime.infer))
    return Graph(reference.spec.provenance.name, reference.spec.input_size, tuple(contenders), tuple(missing))


def _time_batch(graph: Graph, batch: int, rounds: int, advance: Callable[[], None]) -> list[list[float]]:
    """Seconds of each contender, a list of rounds each."""
    width, height = graph.input_size
    inputs = np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
    seconds: list[list[float]] = [[] for _ in graph.contenders]
    for _ in range(rounds):
        for contender, own in zip(graph.contenders, seconds, strict=True):
            contender.infer(inputs)
            began = time.perf_counter()
            contender.infer(inputs)
            own.append(time.perf_counter() - began)
            time.sleep(SETTLE_S)
        advance()
    return seconds


def _timings(graph: Graph, batch: int, seconds: list[list[float]]) -> Iterable[Timing]:
    for contender, own in zip(graph.contenders, seconds, strict=True):
        median = statistics.median(own)
        ratio = statistics.median(first / this for first, this in zip(seconds[0], own, strict=True))
        yield Timing(graph.name, contender.name, batch, 1000 * min(own), 1000 * median, batch / median, ratio)
