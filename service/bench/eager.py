"""The networks in eager torch, the yardstick; they need the train extra."""

import importlib
from typing import Protocol

from model.contract.arrays import FloatArray, ImageArray
from model.contract.spec import load_pose_spec
from service.settings import ServiceSettings
from service.zoo import find_bundle


class EagerNetworks(Protocol):
    """The same two networks as a script would run them: eager torch, float32."""

    def detect(self, images: ImageArray) -> FloatArray:
        """(N, H, W, 3) uint8 RGB letterboxed images -> (N, M, 5) boxes and scores."""
        ...

    def estimate(self, crops: ImageArray) -> FloatArray:
        """(N, H, W, 3) uint8 RGB crops -> (N, K, h, w) heatmaps."""
        ...


def open_eager(settings: ServiceSettings) -> EagerNetworks | None:
    """The bundles' networks in eager torch, or None without the train extra."""
    try:
        eager = importlib.import_module("model.eager")
    except ModuleNotFoundError:
        return None
    pose = load_pose_spec(find_bundle(settings.model))
    return eager.EagerNetworks(pose, find_bundle(settings.detector) / "model.safetensors", settings.threads)


def eager_hint(target: str) -> str:
    """A line that says how to get eager torch into the table; `target` is the Makefile's."""
    return f"For eager torch side by side: pip install 'fasterpose[train]' (in a clone: make {target})\n"
