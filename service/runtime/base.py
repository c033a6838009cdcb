"""The protocol of a runtime."""

from typing import Literal, Protocol

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Size

Precision = Literal["fp32", "bf16", "int8"]


class RuntimeUnavailableError(ValueError):
    """A runtime, device or precision that this machine or bundle does not have; the message says what to choose."""


class RuntimeLostError(Exception):
    """The runtime cannot compute any more, for example because its device is gone; its thread must be restarted."""


class Runtime(Protocol):
    """A compiled graph. It is called from one thread at a time."""

    @property
    def name(self) -> str:
        """What computes, for example `openvino`."""
        ...

    @property
    def device(self) -> str:
        """Where it computes, for example `cpu`."""
        ...

    @property
    def precision(self) -> Precision:
        """The pinned precision."""
        ...

    @property
    def input_size(self) -> Size:
        """(width, height) of the graph's input in pixels."""
        ...

    def infer(self, batch: ImageArray) -> FloatArray:
        """(N, height, width, 3) uint8 RGB -> (N, ...) float32, the graph's output."""
        ...
