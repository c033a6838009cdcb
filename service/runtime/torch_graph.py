"""torch, the CUDA runtime: a bundle's ExportedProgram. Imports torch, which the CPU server does not have.

On a CPU the same program runs eagerly, so that it can be compared with OpenVINO where there is no GPU.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Size
from service.runtime.base import OutOfMemoryError, Precision, RuntimeUnavailableError
from service.runtime.cuda_graphs import CudaGraphs
from service.runtime.torch_errors import as_runtime_errors
from service.runtime.torch_network import TorchNetwork

BF16_CAPABILITY = 8
"""Major compute capability from which on CUDA devices compute in bf16 by themselves."""


class TorchGraph:
    """A program on one device; its runtimes share the weights."""

    def __init__(self, program: Path, precision: Precision, device: str, threads: int) -> None:
        """Load a program.

        Args:
            program: the `model.pt2`.
            precision: fp32, bf16 or fp16.
            device: `cpu`, or a CUDA device, for example `cuda:0`.
            threads: CPU threads that compute, of the whole process; 0 leaves torch's choice. CUDA needs none.

        Raises:
            RuntimeUnavailableError: no such device, or it has no bf16 or too little memory.
            BundleError: the program cannot be read by this torch.
        """
        _check_device(device)
        if precision == "bf16" and device != "cpu" and not _has_bf16(device):
            raise RuntimeUnavailableError(f"{device} does not compute in bf16; choose --precision fp32, fp16 or auto")
        if threads:
            torch.set_num_threads(threads)
        self._device = torch.device(device)
        self._precision: Precision = precision
        with _memory_for(device), as_runtime_errors():
            self._network = TorchNetwork(program, precision, self._device)

    def open_runtime(self) -> "TorchRuntime":
        """One more runtime: on CUDA with a stream, buffers and captured graphs of its own."""
        with _memory_for(str(self._device)), as_runtime_errors():
            return TorchRuntime(self._network, self._precision, self._device)


class TorchRuntime:
    """A program's network, called from one thread at a time.

    Attributes:
        name: `torch`.
        device: the device, for example `cuda:0`.
        precision: the precision the network runs in.
        input_size: (width, height) of the network's input in pixels.
    """

    name = "torch"
    open_sides = False  # CUDA's graphs are captured for one size

    def __init__(self, network: TorchNetwork, precision: Precision, device: torch.device) -> None:
        """Get ready to compute; `TorchGraph.open_runtime` calls it."""
        self.device = str(device)
        self.precision: Precision = precision
        self.input_size: Size = network.input_size
        self._compute = CudaGraphs(network, self.input_size, device) if device.type == "cuda" else _eager(network)

    def infer(self, batch: ImageArray) -> FloatArray:
        """(N, height, width, 3) uint8 RGB -> (N, ...) float32.

        Raises:
            RuntimeLostError: an error of CUDA; this process computes nothing on the device any more.
            OutOfMemoryError: too little memory for this batch.
        """
        with as_runtime_errors():
            return self._compute(batch)

    def warm_up(self, batch: ImageArray) -> None:
        """Compute a batch, and forget it."""
        self.infer(batch)


def fast_precisions(device: str) -> tuple[Precision, ...]:
    """Precisions faster than fp32 that a device computes in by itself, the one to prefer first.

    Both are equally fast on CUDA, and fp16 rounds eight times finer.

    Raises:
        RuntimeUnavailableError: no such device.
    """
    _check_device(device)
    if device == "cpu":
        return ()
    return ("fp16", "bf16") if _has_bf16(device) else ("fp16",)


def _eager(network: TorchNetwork) -> Callable[[ImageArray], FloatArray]:
    def compute(batch: ImageArray) -> FloatArray:
        return network(torch.as_tensor(np.ascontiguousarray(batch))).numpy()

    return compute


@contextmanager
def _memory_for(device: str) -> Generator[None]:
    """Say what to do where a network does not fit into a device's memory."""
    try:
        yield
    except OutOfMemoryError as error:
        raise RuntimeUnavailableError(
            f"the networks do not fit into the memory of {device} ({error}); set --streams 1, or free the device"
        ) from error


def _check_device(device: str) -> None:
    available = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if device not in available:
        raise RuntimeUnavailableError(f"torch finds no device {device!r} here; it finds: {', '.join(available)}")


def _has_bf16(device: str) -> bool:
    return torch.cuda.get_device_capability(device)[0] >= BF16_CAPABILITY
