"""OpenVINO, the CPU runtime, with its precision pinned."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import openvino as ov

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Size
from service.runtime.base import Precision, RuntimeUnavailableError

HINTS: dict[Precision, str] = {"fp32": "f32", "int8": "f32", "bf16": "bf16"}
"""What INFERENCE_PRECISION_HINT is called; an int8 graph carries its precision itself."""


class Cores:
    """Knows how many inferences are under way on a device, of all networks of the process."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._lock = threading.Lock()
        self._busy = 0

    @contextmanager
    def occupied(self) -> Generator[bool]:
        """Count an inference while it lasts; whether it began alone."""
        with self._lock:
            alone = self._busy == 0
            self._busy += 1
        try:
            yield alone
        finally:
            with self._lock:
                self._busy -= 1


class OpenVinoGraph:
    """A graph compiled for one device, with so many streams that compute at the same time.

    Streams that share the cores wait for nobody; an inference on all cores waits at every layer for its slowest part,
    the more so while images are decoded. So a graph with several streams is compiled twice: a batch that is alone is
    computed on all cores, for it is there sooner, and batches that come together each on a stream. (Two cores, 8
    requests in flight: 1.15 times the rate of one stream, and the same time for a request that is alone.)
    """

    def __init__(
        self, graph: Path, precision: Precision, device: str, threads: int, streams: int, largest: Size
    ) -> None:
        """Compile a graph.

        Args:
            graph: the graph file; a quantised one for `int8`.
            precision: what the arithmetic is pinned to. OpenVINO would else choose by the host, and results with it.
            device: an OpenVINO device, for example `cpu`.
            threads: threads that compute, of all streams together; 0 leaves the number to OpenVINO: one per core.
            streams: inferences that run at the same time, each on its share of the threads.
            largest: (width, height) of the largest input in pixels, for a graph that leaves its sides open.

        Raises:
            RuntimeUnavailableError: no such device, or it has no bf16.
        """
        self._device = _check_device(device)
        self._precision: Precision = precision
        if precision == "bf16" and not supports_bf16(device):
            raise RuntimeUnavailableError(f"{device} does not compute in bf16; choose --precision fp32, int8 or auto")
        config = {
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": "NO",  # a pinned thread starves while another process holds its core
            "NUM_STREAMS": str(streams),
        }
        if threads:
            config["INFERENCE_NUM_THREADS"] = str(threads)
        self._largest = largest
        self._compiled = _compile(graph, device, config)
        self._on_all_cores = _compile(graph, device, {**config, "NUM_STREAMS": "1"}) if streams > 1 else None

    def open_runtime(self) -> "OpenVinoRuntime":
        """One more infer request on a stream, and one on all cores."""
        return OpenVinoRuntime(self._compiled, self._on_all_cores, self._precision, self._device, self._largest)


class OpenVinoRuntime:
    """One infer request of a compiled graph; of one with several streams, another one on all cores.

    Outputs without a copy and an input tensor of its own were tried: they make no difference. Nor does a graph
    compiled for a fixed batch with the pose network; with the detector it saves 3 to 5%, less than a compilation for
    each batch size is worth. (CPU time of the embedded networks, batches of 1 to 8.)

    Attributes:
        name: `openvino`.
        device: the device, in lower case.
        precision: the precision the graph runs in.
        input_size: (width, height) of the graph's input in pixels; of the largest, where it takes several.
    """

    name = "openvino"

    def __init__(
        self,
        compiled: ov.CompiledModel,
        on_all_cores: ov.CompiledModel | None,
        precision: Precision,
        device: str,
        largest: Size,
    ) -> None:
        """Open a request; `OpenVinoGraph.open_runtime` calls it."""
        self.device = device
        self.precision: Precision = precision
        shape = cast(Any, compiled).input(0).partial_shape  # (N, height, width, 3)
        self.open_sides: bool = shape[1].is_dynamic or shape[2].is_dynamic
        self.input_size: Size = largest if self.open_sides else (shape[2].get_length(), shape[1].get_length())
        self._cores = cores_of(device)
        self._request: Any = cast(Any, compiled).create_infer_request()
        self._request_alone: Any = (
            self._request if on_all_cores is None else cast(Any, on_all_cores).create_infer_request()
        )

    def infer(self, batch: ImageArray) -> FloatArray:
        """(N, height, width, 3) uint8 RGB -> (N, ...) float32."""
        with self._cores.occupied() as alone:
            request = self._request_alone if alone else self._request
            output = request.infer([batch], share_inputs=True)[0]
            return np.array(output, dtype=np.float32)  # a copy: the request writes into its output again

    def warm_up(self, batch: ImageArray) -> None:
        """Compute a batch alone and as one of several."""
        for request in {self._request_alone, self._request}:
            request.infer([batch], share_inputs=True)


@cache
def cores_of(device: str) -> Cores:
    """One for each device and the whole process: the networks share it."""
    return Cores(device)


def fast_precisions(device: str) -> tuple[Precision, ...]:
    """Precisions faster than fp32 that a device computes in, fastest first."""
    return ("int8", "bf16") if supports_bf16(device) else ("int8",)


def supports_bf16(device: str) -> bool:
    """Whether the device has bf16 arithmetic of its own."""
    return "BF16" in cast(Any, _core()).get_property(_check_device(device).upper(), "OPTIMIZATION_CAPABILITIES")


def _compile(graph: Path, device: str, config: dict[str, str]) -> ov.CompiledModel:
    return cast(Any, _core()).compile_model(str(graph), device.upper(), config)


@cache
def _core() -> ov.Core:
    """One for the whole process.

    A core that goes may leave its thread a signal stack that is no longer mapped, and the next signal ends the process.
    """
    return ov.Core()


def _check_device(device: str) -> str:
    available = [name.lower() for name in _core().available_devices]
    if device.lower() not in available:
        raise RuntimeUnavailableError(f"OpenVINO finds no device {device!r} here; it finds: {', '.join(available)}")
    return device.lower()
