"""Trunks: torchvision's ResNets without pooling and classifier, with torchvision's state-dict names."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.models import resnet

TrunkName = Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]

BUILDERS: dict[TrunkName, Callable[..., resnet.ResNet]] = {
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "resnet101": resnet.resnet101,
    "resnet152": resnet.resnet152,
}


class ResNetTrunk(nn.Module):
    """A ResNet (arXiv 1512.03385) up to its last stage; total stride 32.

    The bottleneck's stride sits in its 3x3 convolution, as in torchvision: with it in the first 1x1 the
    paper's GFLOPs do not come out. State-dict names are torchvision's, so that its weights load.

    Attributes:
        out_channels: 512 for ResNet-18 and -34, else 2048.
        stride: input pixels a feature, 32.
    """

    stride = 32

    def __init__(self, name: TrunkName, frozen_stages: int = 0) -> None:
        """Build the trunk; the first `frozen_stages` of (stem, layer1 .. layer4) are never trained."""
        super().__init__()
        source = BUILDERS[name](zero_init_residual=True)  # a block without loaded weights starts as its shortcut
        self.conv1, self.bn1, self.relu, self.maxpool = source.conv1, source.bn1, source.relu, source.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = source.layer1, source.layer2, source.layer3, source.layer4
        self.out_channels = source.fc.in_features
        self.frozen_stages = frozen_stages
        for module in self._frozen_modules():
            module.requires_grad_(requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB -> (B, out_channels, H / 32, W / 32) features."""
        features = images
        for index, stage in enumerate(self._stages()):
            with torch.set_grad_enabled(torch.is_grad_enabled() and index >= self.frozen_stages):
                for module in stage:
                    features = module(features)
        return features

    def train(self, mode: bool = True) -> "ResNetTrunk":
        """Switch to training; frozen stages keep their batch-norm statistics."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self

    def _stages(self) -> list[list[nn.Module]]:
        stem = [self.conv1, self.bn1, self.relu, self.maxpool]
        return [stem, [self.layer1], [self.layer2], [self.layer3], [self.layer4]]

    def _frozen_modules(self) -> list[nn.Module]:
        return [module for stage in self._stages()[: self.frozen_stages] for module in stage]
