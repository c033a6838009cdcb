"""A ResNet of torchvision's form and names with few channels: runs, checkpoints and graphs of it take no time."""

from typing import cast

import pytest
from torch import nn
from torchvision.models import resnet

from model.networks.backbones import BUILDERS

WIDTHS = (8, 12, 16, 32)


class NarrowResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(WIDTHS[0]), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = nn.Sequential(resnet.BasicBlock(WIDTHS[0], WIDTHS[0]))
        self.layer2, self.layer3, self.layer4 = (halving(WIDTHS[i], WIDTHS[i + 1]) for i in range(3))
        self.fc = nn.Linear(WIDTHS[-1], 1)


def halving(channels: int, width: int) -> nn.Sequential:
    """A stage that halves the size."""
    shortcut = nn.Sequential(nn.Conv2d(channels, width, kernel_size=1, stride=2, bias=False), nn.BatchNorm2d(width))
    return nn.Sequential(resnet.BasicBlock(channels, width, stride=2, downsample=shortcut))


def build(**_: bool) -> resnet.ResNet:
    return cast("resnet.ResNet", NarrowResNet())


def use_narrow_trunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is called resnet18 is narrow from here on."""
    monkeypatch.setitem(BUILDERS, "resnet18", build)
