"""Every kind of network of this repository, by name."""

from collections.abc import Callable

from model.build import PoseNetwork
from model.networks.efficientpose import EfficientPose
from model.networks.fasterpose import FasterPose
from model.networks.grmi import GRmi
from model.networks.hrnet import HRNet
from model.networks.lite_hrnet import LiteHRNet
from model.networks.lpn import Lpn
from model.networks.simple_baseline import SimpleBaseline

Builder = Callable[[float], PoseNetwork]
"""The logit that its heatmaps start from -> a network."""


def every_network(keypoints: int) -> dict[str, Builder]:
    """Name -> what builds the network for so many keypoints."""
    return {
        "fasterpose-resnet18": lambda logit: FasterPose("resnet18", keypoints, initial_logit=logit),
        "fasterpose-resnet50": lambda logit: FasterPose("resnet50", keypoints, initial_logit=logit),
        "fasterpose-lpn50": lambda logit: FasterPose("lpn50", keypoints, initial_logit=logit),
        "fasterpose-mobilenet-v3": lambda logit: FasterPose("mobilenet_v3_small", keypoints, initial_logit=logit),
        "fasterpose-yolo11n": lambda logit: FasterPose("yolo11n", keypoints, initial_logit=logit),
        "fasterpose-efficientnet-b0": lambda logit: FasterPose("efficientnet_b0", keypoints, initial_logit=logit),
        "simple-baseline": lambda logit: SimpleBaseline("resnet18", keypoints, initial_logit=logit),
        "simple-baseline-d1-lhr": lambda logit: SimpleBaseline(
            "resnet18", keypoints, deconvolutions=1, initial_logit=logit
        ),
        "lpn50": lambda logit: Lpn("lpn50", keypoints, initial_logit=logit),
        "lite-hrnet-18": lambda logit: LiteHRNet(18, keypoints, initial_logit=logit),
        "hrnet-w8": lambda logit: HRNet(8, keypoints, initial_logit=logit),
        "efficientpose-a": lambda logit: EfficientPose("a", keypoints, initial_logit=logit),
        "grmi-resnet50": lambda logit: GRmi(keypoints, trunk="resnet50", initial_logit=logit),
    }
