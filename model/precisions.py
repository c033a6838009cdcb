"""The graphs of a bundle, one for each precision that this CPU computes in, and their time side by side."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from model.contract.arrays import ImageArray
from model.contract.crop import Size
from model.contract.spec import DetectorSpec, PoseSpec, write_spec
from model.graph import Graph, cpu_has_bf16, open_graph

GRAPH = "model.onnx"
INT8_GRAPH = "model.int8.onnx"
PRECISIONS = ("fp32", "bf16", "int8")
WARM_UP = 3

Accuracy = dict[str, dict[str, float]]
"""Precision -> measured figures, as a spec's provenance holds it."""


@dataclass(frozen=True)
class Milliseconds:
    """Time of one call of a graph, milliseconds: the best and the median of all rounds."""

    best: float
    median: float


def open_precisions(folder: Path, threads: int = 0) -> dict[str, Graph]:
    """Compile a bundle's graphs with OpenVINO: fp32; bf16 where the CPU computes in it; int8 where there is a graph.

    Args:
        folder: the bundle.
        threads: threads that compute; 0 leaves the number to OpenVINO.

    Raises:
        FileNotFoundError: the bundle holds no float graph.
    """
    if not (folder / GRAPH).is_file():
        raise FileNotFoundError(f"no graph at {folder / GRAPH}; export the network first")
    graphs = {"fp32": open_graph(folder / GRAPH, "f32", threads)}
    if cpu_has_bf16():
        graphs["bf16"] = open_graph(folder / GRAPH, "bf16", threads)
    if (folder / INT8_GRAPH).is_file():
        graphs["int8"] = open_graph(folder / INT8_GRAPH, "f32", threads)
    return graphs


def record_accuracy(folder: Path, spec: PoseSpec | DetectorSpec, measured: Accuracy) -> None:
    """Write measured figures into a bundle's spec; all else stays, also figures of precisions that this CPU lacks."""
    merged = spec.provenance.accuracy | measured
    accuracy = {precision: merged[precision] for precision in PRECISIONS if precision in merged}
    write_spec(folder, replace(spec, provenance=replace(spec.provenance, accuracy=accuracy)))


def noise(count: int, size: Size) -> ImageArray:
    """(count, height, width, 3) uint8 random images of `size` (width, height), the same at every call."""
    width, height = size
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def time_side_by_side(graphs: Mapping[str, Graph], images: ImageArray, rounds: int = 30) -> dict[str, Milliseconds]:
    """Time graphs on the same images, in turn in every round, so that a busy machine slows all of them alike.

    Args:
        graphs: name -> graph.
        images: (N, H, W, 3) uint8 RGB, one call's worth.
        rounds: measured rounds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in graphs}
    for _ in range(WARM_UP + rounds):
        for name, graph in graphs.items():
            start = time.perf_counter()
            graph(images)
            seconds[name].append(time.perf_counter() - start)
    kept = {name: times[WARM_UP:] for name, times in seconds.items()}
    return {name: Milliseconds(1000 * min(times), 1000 * median(times)) for name, times in kept.items()}
