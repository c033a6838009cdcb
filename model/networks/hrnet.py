"""HRNet-W32 and -W48 (arXiv 1902.09212): branches of four resolutions that exchange what they know.

Names follow the authors' release, so that its ImageNet weights load.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from model.networks.layers import convolution, initialise_normal, predictor

STEM = 64
MODULES = (1, 4, 3)
"""Exchange modules of stages 2, 3 and 4."""
BLOCKS = 4
"""Residual blocks of a branch in a module."""


class HighResolutionModule(nn.Module):
    """Four residual blocks a branch, then every output is a sum over all branches."""

    def __init__(self, widths: Sequence[int], outputs: int) -> None:
        """A module of branches of these widths that hands on the first `outputs`."""
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width, width) for _ in range(BLOCKS))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_exchange(widths, source, target) for source in range(len(widths)))
            for target in range(outputs)
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """One (B, width, h, w) tensor a branch, each of half the size of the one before -> the same."""
        deep = [branch(maps) for branch, maps in zip(self.branches, features, strict=True)]
        return [self._fuse(layers, deep) for layers in self.fuse_layers]

    def _fuse(self, layers: nn.Module, features: list[Tensor]) -> Tensor:
        first, *others = [layer(maps) for layer, maps in zip(layers.children(), features, strict=True)]
        for other in others:
            first = first + other
        return self.relu(first)


class HRNet(nn.Module):
    """Stem, one bottleneck stage and three stages of exchange; the finest branch predicts. Logits out."""

    heatmap_stride = 4

    def __init__(self, width: int, num_keypoints: int, *, initial_logit: float = 0.0) -> None:
        """Build the network for `num_keypoints` heatmaps of a quarter of the input's size.

        Args:
            width: channels of the finest branch: 32 for HRNet-W32.
            num_keypoints: N.
            initial_logit: where the predictor's bias starts. Other convolutions start at N(0, 0.001), as published.
        """
        super().__init__()
        widths = [width * 2**level for level in range(len(MODULES) + 1)]
        self.conv1, self.bn1 = nn.Conv2d(3, STEM, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(STEM)
        self.conv2, self.bn2 = nn.Conv2d(STEM, STEM, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(STEM)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _bottlenecks()
        self.transition1 = _split(STEM * Bottleneck.expansion, widths[0], widths[1])
        self.stage2 = _stage(widths[:2], MODULES[0])
        self.transition2 = _add_branch(widths[:3])
        self.stage3 = _stage(widths[:3], MODULES[1])
        self.transition3 = _add_branch(widths[:4])
        self.stage4 = _stage(widths, MODULES[2], outputs=1)
        initialise_normal(self)
        self.final_layer = predictor(width, num_keypoints, initial_logit)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB, H and W multiples of 32 -> (B, N, H / 4, W / 4) logits."""
        stem = self.relu(self.bn1(self.conv1(images)))
        stem = self.layer1(self.relu(self.bn2(self.conv2(stem))))
        features = [transition(stem) for transition in self.transition1]
        for stage, transition in ((self.stage2, self.transition2), (self.stage3, self.transition3)):
            features = stage(features)
            features = [*features, transition[-1](features[-1])]
        (finest,) = self.stage4(features)
        return self.final_layer(finest)


def _bottlenecks() -> nn.Sequential:
    channels = STEM * Bottleneck.expansion
    shortcut = convolution(STEM, channels, relu=False)
    return nn.Sequential(Bottleneck(STEM, STEM, downsample=shortcut), *(Bottleneck(channels, STEM) for _ in range(3)))


def _split(in_channels: int, fine: int, coarse: int) -> nn.ModuleList:
    return nn.ModuleList(
        [convolution(in_channels, fine, 3), nn.Sequential(convolution(in_channels, coarse, 3, stride=2))]
    )


def _add_branch(widths: Sequence[int]) -> nn.ModuleList:
    """The branches that are there stay as they are; the last one also feeds a new one of half its size."""
    new = nn.Sequential(convolution(widths[-2], widths[-1], 3, stride=2))
    return nn.ModuleList([*(nn.Identity() for _ in widths[:-1]), new])


def _stage(widths: Sequence[int], modules: int, outputs: int | None = None) -> nn.Sequential:
    """Modules with all outputs, but the last one, which has `outputs` if given."""
    last = len(widths) if outputs is None else outputs
    counts = [*[len(widths)] * (modules - 1), last]
    return nn.Sequential(*(HighResolutionModule(widths, count) for count in counts))


def _exchange(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """From branch `source` to the size and width of branch `target`."""
    if source == target:
        return nn.Identity()
    if source > target:
        upsample = nn.Upsample(scale_factor=2.0 ** (source - target), mode="nearest")
        return nn.Sequential(*convolution(widths[source], widths[target], relu=False), upsample)
    halvings = [convolution(widths[source], widths[source], 3, stride=2) for _ in range(target - source - 1)]
    return nn.Sequential(*halvings, convolution(widths[source], widths[target], 3, stride=2, relu=False))
