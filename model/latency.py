"""How long one crop takes through a network: OpenVINO on the CPU, as it is served, and eager torch on a GPU."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from model.contract.crop import Size
from model.engine import ServedNetwork
from model.graph import open_graph, trace
from model.losses import RegressiveCrossEntropy
from model.published import PublishedCost

MEASURED_SECONDS = 1.0
WARM_UP_RUNS = 3


@dataclass(frozen=True)
class Latency:
    """Median milliseconds of one crop.

    Attributes:
        cpu: OpenVINO in float32 on this CPU, all its cores, the network as it is served.
        gpu: the same network in eager torch, float32, on the first GPU; None without one.
    """

    cpu: float
    gpu: float | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what `cells` gives."""
        return ("published ms (2080 Ti)", "CPU ms", *(() if self.gpu is None else ("GPU ms",)))

    def cells(self, published: PublishedCost) -> tuple[str, ...]:
        """Published, then measured here."""
        known = "" if published.milliseconds is None else f"{published.milliseconds}"
        return (known, f"{self.cpu:.1f}", *(() if self.gpu is None else (f"{self.gpu:.1f}",)))


def measure_latency(row: PublishedCost) -> Latency:
    """Build the row's network with fresh weights and time it."""
    served = ServedNetwork(row.build(row.keypoints), RegressiveCrossEntropy()).eval()
    return Latency(_on_cpu(served, row.input_size), _on_gpu(served, row.input_size))


def _on_cpu(served: nn.Module, input_size: Size) -> float:
    width, height = input_size
    crops = np.zeros((2, height, width, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        trace(served, crops, Path(folder) / "model.onnx", "heatmaps")
        graph = open_graph(Path(folder) / "model.onnx")
    return median_milliseconds(lambda: graph(crops[:1]))


def _on_gpu(served: nn.Module, input_size: Size) -> float | None:
    if not torch.cuda.is_available():
        return None
    width, height = input_size
    moved = served.to("cuda")
    crop = torch.zeros(1, height, width, 3, dtype=torch.uint8, device="cuda")

    def run() -> None:
        moved(crop)
        torch.cuda.synchronize()

    with torch.inference_mode():
        return median_milliseconds(run)


def median_milliseconds(run: Callable[[], object], seconds: float = MEASURED_SECONDS) -> float:
    """Median time of a run, of all that fit into `seconds`, at least five; the warm-up is not counted."""
    for _ in range(WARM_UP_RUNS):
        run()
    times: list[float] = []
    while len(times) < 5 or sum(times) < seconds:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times))
