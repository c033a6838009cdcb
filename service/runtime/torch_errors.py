"""torch's errors as a runtime's. Imports torch, which the CPU server does not have."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from service.runtime.base import OutOfMemoryError, RuntimeLostError

MEMORY = ("out of memory",)
LOST = ("cuda error", "device-side assert", "cudnn_status", "cudnn error", "cublas_status", "nvml")
"""In lower case. After an error of CUDA its context answers every later call with the same error."""


@contextmanager
def as_runtime_errors() -> Generator[None]:
    """Raise what torch raises inside as what a runtime's caller knows.

    Raises:
        OutOfMemoryError: too little memory; the device goes on.
        RuntimeLostError: an error of CUDA after which the device does not go on.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        if isinstance(error, torch.OutOfMemoryError) or any(mark in text for mark in MEMORY):
            raise OutOfMemoryError(_first_line(error)) from error
        if isinstance(error, torch.AcceleratorError) or any(mark in text for mark in LOST):
            raise RuntimeLostError(_first_line(error)) from error
        raise


def _first_line(error: RuntimeError) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
