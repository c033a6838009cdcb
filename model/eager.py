"""The embedded networks in eager torch, as a script without a serving runtime runs them: the benchmark's yardstick."""

from pathlib import Path

import torch
from torch import nn

from model.contract.arrays import FloatArray, ImageArray
from model.contract.spec import PoseSpec
from model.detector.network import ServedDetector, build_person_network
from model.engine import ServedNetwork
from model.graph import run_torch
from model.losses import RegressiveCrossEntropy
from model.networks.fasterpose import FasterPose

PREFIX = "fasterpose-"


class EagerNetworks:
    """Detector and pose network in eager torch, float32.

    The pose network has fresh weights, because pose bundles hold only graphs: its time is that of the trained one.
    """

    def __init__(self, pose: PoseSpec, detector_weights: Path, threads: int) -> None:
        """Build both networks.

        Args:
            pose: names the architecture.
            detector_weights: the detector bundle's `model.safetensors`.
            threads: CPU threads; 0 leaves torch's choice.

        Raises:
            ValueError: an architecture that is not FasterPose, or on a trunk that is not known.
            WeightsError: the detector's weights are missing or of another network.
        """
        if threads:
            torch.set_num_threads(threads)
        network = FasterPose(_trunk(pose.provenance.architecture), pose.skeleton.num_keypoints)
        self._pose: nn.Module = ServedNetwork(network, RegressiveCrossEntropy()).eval()
        self._detector: nn.Module = ServedDetector(build_person_network(detector_weights))

    def detect(self, images: ImageArray) -> FloatArray:
        """(N, H, W, 3) uint8 RGB letterboxed images -> (N, M, 5) boxes and scores."""
        return run_torch(self._detector, images)

    def estimate(self, crops: ImageArray) -> FloatArray:
        """(N, H, W, 3) uint8 RGB crops -> (N, K, h, w) heatmaps."""
        return run_torch(self._pose, crops)


def _trunk(architecture: str) -> str:
    if not architecture.startswith(PREFIX):
        raise ValueError(f"{architecture} cannot be built in torch here; the benchmark knows {PREFIX}<trunk>")
    return architecture.removeprefix(PREFIX)
