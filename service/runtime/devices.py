"""`--device` and `--runtime`: which devices compute, and what runs on them."""

import os
import re

from service.runtime.base import RuntimeUnavailableError
from service.settings import RuntimeChoice, RuntimeKind

CUDA = "cuda"


def parse_devices(text: str) -> tuple[str, ...]:
    """The devices of a comma separated list, in lower case; `cuda` is `cuda:0`.

    Raises:
        RuntimeUnavailableError: an empty name, a device named twice, or devices of different kinds.
    """
    devices = tuple(_normal(name) for name in text.split(","))
    if "" in devices:
        raise RuntimeUnavailableError(f"device {text!r} has an empty name; write for example cpu or cuda:0,cuda:1")
    twice = next((name for name in devices if devices.count(name) > 1), None)
    if twice is not None:
        raise RuntimeUnavailableError(
            f"device {text!r} names {twice} twice; name it once, and set --streams for several runtimes on it"
        )
    if len({_kind(name) for name in devices}) > 1:
        # They would answer the same photograph differently.
        raise RuntimeUnavailableError(f"device {text!r} mixes kinds of devices; start one server for each kind")
    return devices


def choose_runtime(choice: RuntimeChoice, devices: tuple[str, ...]) -> RuntimeKind:
    """What runs the networks; `auto` is torch on CUDA and OpenVINO elsewhere."""
    if choice != "auto":
        return choice
    return "torch" if is_cuda(devices[0]) else "openvino"


def available_cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_cuda(device: str) -> bool:
    """Whether a device is one of CUDA's."""
    return _kind(device) == CUDA


def _normal(name: str) -> str:
    lower = name.strip().lower()
    return f"{CUDA}:0" if lower == CUDA else lower


def _kind(device: str) -> str:
    return re.split("[:.]", device)[0]
