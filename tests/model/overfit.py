"""People to learn by heart, and the networks of this repository cut down to what a slow core trains in seconds."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import cast

import cv2
import numpy as np
import pytest
from torch import nn
from torchvision.models import efficientnet, resnet

from model.contract.arrays import DoubleArray, ImageArray
from model.contract.skeleton import COCO_17
from model.networks import efficientpose, hrnet, lite_hrnet, lpn, simple_baseline
from model.networks.backbones import BUILDERS
from model.networks.efficientpose import Stage
from tests.model.drawn import FIGURE
from tests.model.narrow import build as narrow_resnet

PEOPLE = 32
WIDTH, HEIGHT = 64, 96
"""Pixels of a crop: as high as it must be for a joint's error to count little beside the figure's size."""

KEYPOINTS = 17
TURN = 20
"""Degrees: so different are the people that a network which knows their mean alone has an OKS of 0.7."""


def draw_people(seed: int = 0) -> tuple[ImageArray, DoubleArray]:
    """(32, 96, 64, 3) uint8 crops of figures, each turned, sized and placed anew, and their (32, 17, 2) keypoints.

    Keypoints are crop pixels, so far from the border that the decoders refine every one.
    """
    random = np.random.default_rng(seed)
    crops = random.integers(90, 140, (PEOPLE, HEIGHT, WIDTH, 3), dtype=np.uint8)
    points = np.stack([_pose(random) for _ in range(PEOPLE)])
    for crop, joints in zip(crops, points, strict=True):
        for start, end in COCO_17.edges:
            ends = [tuple(int(value) for value in joints[joint].round()) for joint in (start, end)]
            cv2.line(crop, ends[0], ends[1], (40, 40, 220) if start % 2 else (220, 60, 40), 3)
    return crops, points


def _pose(random: np.random.Generator) -> DoubleArray:
    angle = np.radians(random.uniform(-TURN, TURN))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    figure = (FIGURE - (FIGURE.min(axis=0) + FIGURE.max(axis=0)) / 2) * random.uniform(0.95, 1.05)
    return figure @ turn.T + (WIDTH / 2, HEIGHT / 2) + random.uniform(-2, 2, 2)


class ThinResNet50(nn.Module):
    """One bottleneck a stage, few channels; the last two stages may dilate."""

    def __init__(self, dilations: tuple[bool, bool]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(16), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = _bottleneck(16, 8, stride=1)
        self.layer2 = _bottleneck(32, 16, stride=2)
        self.layer3 = _bottleneck(64, 24, stride=1 if dilations[0] else 2, dilation=2 if dilations[0] else 1)
        self.layer4 = _bottleneck(96, 32, stride=1 if dilations[1] else 2, dilation=4 if dilations[1] else 1)
        self.fc = nn.Linear(128, 1)


def _bottleneck(channels: int, width: int, stride: int, dilation: int = 1) -> nn.Sequential:
    out = width * resnet.Bottleneck.expansion
    shortcut = nn.Sequential(nn.Conv2d(channels, out, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(out))
    return nn.Sequential(resnet.Bottleneck(channels, width, stride, shortcut, dilation=dilation))


def _thin_resnet50(
    *, replace_stride_with_dilation: tuple[bool, bool, bool] = (False, False, False), **_options: bool
) -> resnet.ResNet:
    third, fourth = replace_stride_with_dilation[1:]
    return cast("resnet.ResNet", ThinResNet50((third, fourth)))


STAGES_OF_EFFICIENTNET = "_efficientnet_conf"
"""The function of torchvision that lists them."""
STAGES: Callable[..., object] = vars(efficientnet)[STAGES_OF_EFFICIENTNET]


def _thin_efficientnet(name: str, **_scale: float) -> object:
    """Torchvision's stages of an EfficientNet with a quarter of the channels and half of the blocks."""
    return STAGES(name, width_mult=0.25, depth_mult=0.5)


THIN_STAGES = (
    Stage(16, 2, ((3, 3), (3, 3))),
    Stage(24, 2, ((5, 3), None, (7, 3))),
    Stage(48, 2, ((5, 3),)),
    Stage(64, 1, ((7, 6),)),
)


@contextmanager
def cut_down() -> Generator[None]:
    """Every architecture with few channels and few blocks; the kinds of layers and how they are joined stay."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BUILDERS, "resnet18", narrow_resnet)
        patch.setitem(BUILDERS, "resnet50", _thin_resnet50)
        patch.setattr(simple_baseline, "WIDTH", 32)
        patch.setattr(lpn, "WIDTHS", (16, 32, 64, 64))
        patch.setattr(lpn, "HEAD_WIDTH", 32)
        patch.setattr(lpn.LpnTrunk, "out_channels", 64)
        patch.setitem(lpn.BLOCKS, "lpn50", (1, 1, 2, 1))
        patch.setattr(hrnet, "STEM", 16)
        patch.setattr(hrnet, "MODULES", (1, 1, 1))
        patch.setattr(hrnet, "BLOCKS", 1)
        patch.setitem(lite_hrnet.MODULES, 18, (1, 1, 1))
        patch.setattr(lite_hrnet, "BLOCKS", 1)
        patch.setitem(efficientpose.FOUND, "a", (16, THIN_STAGES))
        patch.setattr(efficientnet, STAGES_OF_EFFICIENTNET, _thin_efficientnet)
        yield
