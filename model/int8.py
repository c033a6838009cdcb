"""An int8 graph of a pose network that keeps its AP: where int8 loses too much, some of it stays finer."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
from torch import nn

from model.contract.arrays import ImageArray
from model.contract.spec import keeps_ap
from model.graph import Graph, HalfRange, open_graph, quantize, trace
from model.precisions import GRAPH


@dataclass(frozen=True)
class Attempt:
    """One way to quantise.

    Attributes:
        half_range: what gets 7 bits instead of 8, so that no CPU overflows.
        float_ends: whether the first and the last convolution, pixels in and heatmaps out, stay in float.
    """

    half_range: HalfRange
    float_ends: bool

    def __str__(self) -> str:
        """As the export prints it and the spec keeps it."""
        ends = ", first and last convolution in float" if self.float_ends else ""
        return f"7 bits for {self.half_range}{ends}"


ATTEMPTS = (
    Attempt("weights", float_ends=False),
    Attempt("activations", float_ends=False),
    Attempt("weights", float_ends=True),
    Attempt("activations", float_ends=True),
)
"""In the order in which they are tried: those that compute all in int8 first."""


@dataclass(frozen=True)
class Int8:
    """The graph that was written.

    Attributes:
        attempt: how it was quantised.
        figures: what was measured of it.
    """

    attempt: Attempt
    figures: dict[str, float]


def write_int8(
    served: nn.Module,
    crops: ImageArray,
    path: Path,
    measure: Callable[[Graph], dict[str, float]],
    full_ap: float | None,
) -> Int8:
    """Write the first int8 graph that loses at most 0.005 AP, or the best of all attempts where none does.

    Args:
        served: the network as it is served, its weights as they are stored.
        crops: (N, H, W, 3) uint8 RGB, to calibrate on.
        path: the ONNX file to write.
        measure: a graph -> its figures, `AP` among them.
        full_ap: AP of the float graph; None where none is measured: then the first attempt stands.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / GRAPH
        trace(served, crops[:2], plain, "heatmaps")
        best: Int8 | None = None
        for attempt in ATTEMPTS:
            graph = _quantised(plain, crops, attempt, Path(folder))
            tried = Int8(attempt, measure(open_graph(graph)))
            if best is None or _ap(tried) > _ap(best):
                best = tried
                path.write_bytes(graph.read_bytes())
            if full_ap is None or keeps_ap(full_ap, _ap(best)):
                return best
    assert best is not None  # noqa: S101 - there are attempts
    return best


def _ap(tried: Int8) -> float:
    return tried.figures.get("AP", 0.0)


def _quantised(plain: Path, crops: ImageArray, attempt: Attempt, folder: Path) -> Path:
    """The int8 graph of an attempt, written into a folder."""
    path = folder / f"{ATTEMPTS.index(attempt)}.onnx"
    float_nodes = _ends(plain) if attempt.float_ends else []
    quantize(plain, list(crops), path, float_nodes, half_range=attempt.half_range)
    return path


def _ends(plain: Path) -> list[str]:
    """Patterns of the names of a graph's first and last convolution."""
    convolutions = [node.name for node in onnx.load(plain).graph.node if node.op_type == "Conv"]
    return [f"^{re.escape(name)}$" for name in (convolutions[0], convolutions[-1])]
