"""The protocol of a runtime, and what it raises."""

from typing import Literal, Protocol

from model.contract.arrays import FloatArray, ImageArray
from model.contract.crop import Size

Precision = Literal["fp32", "bf16", "fp16", "int8"]


class RuntimeUnavailableError(ValueError):
    """A runtime, device or precision that this machine or bundle does not have; the message says what to choose."""


class RuntimeLostError(Exception):
    """The runtime cannot compute any more; its thread must be restarted with another runtime in its place.

    A CUDA error that leaves the device's context broken is one. Where the replacement is lost too, only a new
    process helps.
    """


class OutOfMemoryError(Exception):
    """The device's memory does not hold this batch; the runtime goes on, and a smaller batch may do."""


class Runtime(Protocol):
    """A compiled graph. It is called from one thread at a time; several runtimes compute at the same time."""

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
        """(width, height) of the graph's input in pixels; of the largest, where it takes several."""
        ...

    @property
    def open_sides(self) -> bool:
        """Whether it takes rectangles smaller than `input_size` too, as the bundle's spec allows them."""
        ...

    def infer(self, batch: ImageArray) -> FloatArray:
        """(N, height, width, 3) uint8 RGB, all of one size -> (N, ...) float32, the graph's output.

        Raises:
            RuntimeLostError: this runtime computes nothing any more; open another one.
            OutOfMemoryError: too little memory for this batch; a smaller one may pass.
            Exception: this batch cannot be computed; the runtime goes on.
        """
        ...

    def warm_up(self, batch: ImageArray) -> None:
        """Compute a batch in all ways that `infer` may; the first of a shape takes up to 0.1 s longer than the next."""
        ...


class DeviceGraph(Protocol):
    """A bundle's graph on one device."""

    def open_runtime(self) -> Runtime:
        """One more runtime, with buffers of its own.

        Raises:
            RuntimeUnavailableError: the device has too little memory for one more.
            RuntimeLostError: the device does not compute any more.
        """
        ...
