"""Trunks: torchvision's networks without pooling and classifier, with torchvision's state-dict names."""

import copy
from collections.abc import Callable
from typing import Literal, cast, get_args

import torch
from torch import nn
from torchvision import models
from torchvision.models import resnet

from model.networks.lpn import LpnName, LpnTrunk
from model.networks.trunk import Trunk
from model.networks.yolo import YoloName, YoloTrunk

TrunkName = Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]

BUILDERS: dict[TrunkName, Callable[..., resnet.ResNet]] = {
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "resnet101": resnet.resnet101,
    "resnet152": resnet.resnet152,
}

CLASSIFIER_PARTS = ("avgpool", "fc", "classifier", "head")
"""What torchvision calls the parts behind the features."""

IN_ORDER = (models.ResNet, models.RegNet, models.ShuffleNetV2, models.MNASNet)
"""Networks without a `features` part whose children run one after another."""

PROBE = (256, 128)
"""Height and width that show a trunk's stride."""


def build_trunk(name: str, frozen_stages: int = 0) -> Trunk:
    """A trunk with fresh weights.

    Args:
        name: `resnet18` to `resnet152`, `lpn50` to `lpn152`, `yolo11n`, or any convolutional one of torchvision.
        frozen_stages: how many of its stages are never trained.

    Raises:
        ValueError: no trunk has this name or not so many stages.
    """
    if name in get_args(TrunkName):
        return ResNetTrunk(cast("TrunkName", name), frozen_stages)
    if name in get_args(LpnName):
        return LpnTrunk(cast("LpnName", name), frozen_stages)
    if name in get_args(YoloName):
        return YoloTrunk(frozen_stages)
    return TorchvisionTrunk(name, frozen_stages)


class ResNetTrunk(Trunk):
    """A ResNet (arXiv 1512.03385) up to its last stage; total stride 32.

    The bottleneck's stride sits in its 3x3 convolution, as in torchvision: with it in the first 1x1 the
    paper's GFLOPs do not come out. State-dict names are torchvision's, so that its weights load.

    Attributes:
        out_channels: 512 for ResNet-18 and -34, else 2048.
        stride: input pixels a feature, 32, or 8 when the last two stages are dilated.
    """

    def __init__(self, name: TrunkName, frozen_stages: int = 0, *, dilated: bool = False) -> None:
        """Build the trunk.

        Args:
            name: the depth.
            frozen_stages: the first so many of (stem, layer1 .. layer4) are never trained.
            dilated: the last two stages keep their size and dilate (2, then 4) instead, bottlenecks only.
        """
        super().__init__()
        strides = {"replace_stride_with_dilation": [False, True, True]} if dilated else {}
        # With zero_init_residual a block without loaded weights starts as its shortcut.
        source = BUILDERS[name](zero_init_residual=True, **strides)
        self.conv1, self.bn1, self.relu, self.maxpool = source.conv1, source.bn1, source.relu, source.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = source.layer1, source.layer2, source.layer3, source.layer4
        self.out_channels, self.stride = source.fc.in_features, 8 if dilated else 32
        self.freeze(frozen_stages)

    def stages(self) -> list[list[nn.Module]]:
        """(stem, layer1 .. layer4)."""
        stem = [self.conv1, self.bn1, self.relu, self.maxpool]
        return [stem, [self.layer1], [self.layer2], [self.layer3], [self.layer4]]


class TorchvisionTrunk(Trunk):
    """The convolutional part of any classification network of torchvision: MobileNetV3, EfficientNet, RegNet, ...

    Stages are the children of torchvision's `features`, or the network's own where it has none.
    """

    def __init__(self, name: str, frozen_stages: int = 0) -> None:
        """Build the trunk with torchvision's initial weights.

        Raises:
            ValueError: torchvision has no such network, or its features are no (B, C, H / stride, W / stride) maps.
        """
        super().__init__()
        if not is_torchvision_network(name):
            raise ValueError(f"torchvision has no network {name!r}")
        source = models.get_model(name, weights=None)
        if hasattr(source, "features"):
            self.features = cast("nn.Sequential", source.features)
        elif isinstance(source, IN_ORDER):
            for part, module in source.named_children():
                if part not in CLASSIFIER_PARTS:
                    self.add_module(part, module)
        else:
            raise ValueError(f"torchvision's {name} has no convolutional features for a trunk")
        self.out_channels, self.stride = self._measure(name)
        self.freeze(frozen_stages)

    def stages(self) -> list[list[nn.Module]]:
        """One module a stage."""
        children = dict(self.named_children())
        return [[module] for module in children.get("features", self).children()]

    def _measure(self, name: str) -> tuple[int, int]:
        """Channels and stride of the features; nothing is computed."""
        shadow = copy.deepcopy(self).to("meta").eval()
        with torch.no_grad():
            shape = tuple(shadow(torch.empty(1, 3, *PROBE, device="meta")).shape)
        stride = PROBE[0] // shape[2]
        if shape[2:] != (PROBE[0] / stride, PROBE[1] / stride):
            raise ValueError(f"{name} turns (1, 3, {PROBE[0]}, {PROBE[1]}) into {shape}, which no stride explains")
        return shape[1], stride


def is_torchvision_network(name: str) -> bool:
    """Whether torchvision has a classification network of this name."""
    return name in models.list_models(module=models)
