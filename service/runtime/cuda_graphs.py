"""A network captured as CUDA graphs, with the buffers that bring batches to the GPU and results back.

Imports torch, which the CPU server does not have.
"""

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Size
from service.runtime.buckets import bucket_of, buckets_for, chunks

ROUNDS_BEFORE_CAPTURE = 3
"""cuDNN tries its algorithms in the first; handles and workspaces are there after it."""

_ONE_CAPTURE = Lock()
"""A process can capture one graph at a time, says torch."""


class Captured(NamedTuple):
    """A graph, and the tensor on the GPU that it writes."""

    graph: torch.cuda.CUDAGraph
    output: Tensor


class CudaGraphs:
    """One CUDA graph for each batch bucket, on a stream of its own. Called from one thread at a time.

    Another one on the same device computes while this one copies: that is why a device gets two.
    """

    def __init__(self, network: Callable[[Tensor], Tensor], input_size: Size, device: torch.device) -> None:
        """Make the buffers and capture every bucket, the largest first: the others use its memory again.

        Args:
            network: (N, height, width, 3) uint8 on the device -> (N, ...) float32 there.
            input_size: (width, height).
            device: a CUDA device.
        """
        width, height = input_size
        self.buckets = buckets_for(input_size)
        shape = (self.buckets[-1], height, width, 3)
        with torch.cuda.device(device), _ONE_CAPTURE:
            self._stream = torch.cuda.Stream(device)
            self._images = torch.zeros(shape, dtype=torch.uint8, device=device)
            self._pool = torch.cuda.graph_pool_handle()
            self._captured = {bucket: self._capture(network, bucket) for bucket in reversed(self.buckets)}
            self._images_in = pinned(shape, torch.uint8)
            self._output_out = pinned(tuple(self._captured[self.buckets[-1]].output.shape), torch.float32)

    def __call__(self, images: ImageArray) -> FloatArray:
        """(N, height, width, 3) uint8 -> (N, ...) float32."""
        outputs = [self._replay(images[piece]) for piece in chunks(len(images), self.buckets)]
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)

    def _replay(self, images: ImageArray) -> FloatArray:
        """At most the largest bucket; the rows that pad it are left over from earlier batches and thrown away."""
        count = len(images)
        captured = self._captured[bucket_of(count, self.buckets)]
        self._images_in[:count].numpy()[:] = images
        with torch.cuda.stream(self._stream):
            self._images[:count].copy_(self._images_in[:count], non_blocking=True)
            captured.graph.replay()
            self._output_out[:count].copy_(captured.output[:count], non_blocking=True)
        self._stream.synchronize()
        return self._output_out[:count].numpy().copy()

    def _capture(self, network: Callable[[Tensor], Tensor], bucket: int) -> Captured:
        images = self._images[:bucket]
        graph = torch.cuda.CUDAGraph()
        # TF32 would make fp32 another precision. The graph keeps what is chosen here.
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            torch.cuda.synchronize()  # the buffer was filled on another stream
            with torch.cuda.stream(self._stream):
                for _ in range(ROUNDS_BEFORE_CAPTURE):
                    network(images)
            # Other threads may go on allocating memory while this one captures.
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                output = network(images)
        return Captured(graph, output)


def pinned(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A tensor in memory that the GPU reads and writes by itself, so that copies run beside computing."""
    return torch.zeros(shape, dtype=dtype, pin_memory=True)
