"""Lite-HRNet-18 and -30 (arXiv 2104.06403): HRNet's branches made of conditional channel weighting.

The released forward pass adds the finest branch twice where branches are fused, once in place. This is the clean sum;
parameters and costs are the same. What the paper prints as FLOPs is torchstat's count (`model.cost`): of modules, not
of functions, and of a module that runs often only its last run. So modules are here where the release has modules.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from model.networks.layers import convolution, depthwise, initialise_normal, predictor

Depth = Literal[18, 30]

STEM = 32
WIDTHS = (40, 80, 160, 320)
MODULES: dict[Depth, tuple[int, int, int]] = {18: (2, 4, 2), 30: (3, 8, 3)}
BLOCKS = 2
"""Blocks of a module."""
CROSS_REDUCTION = 8
SPATIAL_REDUCTION = 4


class Stem(nn.Module):
    """A strided convolution and a strided shuffle block: a quarter of the input's size."""

    def __init__(self) -> None:
        """32 channels."""
        super().__init__()
        half = STEM // 2
        self.convolution = convolution(3, STEM, 3, stride=2)
        self.short = nn.Sequential(depthwise(half, stride=2), convolution(half, half))
        self.long = nn.Sequential(convolution(half, STEM), depthwise(STEM, stride=2), convolution(STEM, half))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 32, H / 4, W / 4)."""
        features = self.convolution(images)
        half = STEM // 2
        return shuffle(torch.cat([self.short(features[:, :half]), self.long(features[:, half:])], dim=1))


class CrossResolutionWeighting(nn.Module):
    """Weighs the channels of every branch by what all branches see, at the coarsest resolution."""

    def __init__(self, channels: Sequence[int]) -> None:
        """Weights of branches with these channels."""
        super().__init__()
        self.ends = list(accumulate(channels))
        total = self.ends[-1]
        self.reduce = convolution(total, total // CROSS_REDUCTION)
        self.expand = nn.Sequential(*convolution(total // CROSS_REDUCTION, total, relu=False), nn.Sigmoid())

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """One (B, C, h, w) tensor a branch, each of half the size of the one before -> the same."""
        factors = [2**level for level in reversed(range(len(features)))]
        small = [avg_pool2d(maps, factor) for maps, factor in zip(features, factors, strict=True)]
        weights = self.expand(self.reduce(torch.cat(small, dim=1)))
        starts = [0, *self.ends[:-1]]
        return [
            maps * interpolate(weights[:, start:end], scale_factor=float(factor), mode="nearest")
            for maps, start, end, factor in zip(features, starts, self.ends, factors, strict=True)
        ]


class SpatialWeighting(nn.Module):
    """Weighs the channels of one branch by its mean over the map."""

    def __init__(self, channels: int) -> None:
        """Squeeze to a quarter of the channels."""
        super().__init__()
        hidden = channels // SPATIAL_REDUCTION
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Sequential(nn.Conv2d(channels, hidden, kernel_size=1), nn.ReLU(inplace=True))
        self.expand = nn.Sequential(nn.Conv2d(hidden, channels, kernel_size=1), nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        return features * self.expand(self.reduce(self.pool(features)))


class WeightedBlock(nn.Module):
    """Conditional channel weighting: a shuffle block whose 1x1 convolutions became the two weightings."""

    def __init__(self, widths: Sequence[int]) -> None:
        """A block of branches of these widths; half of each branch's channels pass unchanged."""
        super().__init__()
        self.halves = [width // 2 for width in widths]
        self.cross = CrossResolutionWeighting(self.halves)
        self.depthwise = nn.ModuleList(depthwise(half) for half in self.halves)
        self.spatial = nn.ModuleList(SpatialWeighting(half) for half in self.halves)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """One (B, width, h, w) tensor a branch -> the same."""
        kept = [maps[:, :half] for maps, half in zip(features, self.halves, strict=True)]
        changed = [maps[:, half:] for maps, half in zip(features, self.halves, strict=True)]
        weighted = self.cross(changed)
        filtered = [layer(maps) for layer, maps in zip(self.depthwise, weighted, strict=True)]
        spatial = [layer(maps) for layer, maps in zip(self.spatial, filtered, strict=True)]
        return [shuffle(torch.cat(halves, dim=1)) for halves in zip(kept, spatial, strict=True)]


class LiteModule(nn.Module):
    """Blocks, then every branch becomes a sum over all branches."""

    def __init__(self, widths: Sequence[int]) -> None:
        """A module of branches of these widths."""
        super().__init__()
        self.blocks = nn.Sequential(*(WeightedBlock(widths) for _ in range(BLOCKS)))
        branches = range(len(widths))
        self.fusion = nn.ModuleList(
            nn.ModuleList(_exchange(widths, source, target) for source in branches) for target in branches
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """One (B, width, h, w) tensor a branch -> the same."""
        deep = self.blocks(features)
        return [self._fuse(cast("nn.ModuleList", layers), deep) for layers in self.fusion]

    def _fuse(self, layers: nn.ModuleList, features: list[Tensor]) -> Tensor:
        total, *others = [layer(maps) for layer, maps in zip(layers, features, strict=True)]
        for other in others:
            total = total + other
        return self.relu(total)


class IterativeHead(nn.Module):
    """From the coarsest branch to the finest: convolve, enlarge, add to the next."""

    def __init__(self, widths: Sequence[int]) -> None:
        """A head of branches of these widths, finest first."""
        super().__init__()
        coarse_first = list(reversed(widths))
        following = [*coarse_first[1:], coarse_first[-1]]
        self.projections = nn.ModuleList(
            nn.Sequential(depthwise(before), convolution(before, after))
            for before, after in zip(coarse_first, following, strict=True)
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """One (B, width, h, w) tensor a branch -> (B, widths[0], H / 4, W / 4)."""
        first, *others = self.projections
        merged = first(features[-1])
        for projection, maps in zip(others, reversed(features[:-1]), strict=True):
            larger = interpolate(merged, scale_factor=2.0, mode="bilinear", align_corners=True)
            merged = projection(maps + larger)
        return merged


class LiteHRNet(nn.Module):
    """Stem, three stages of two, three and four branches, the iterative head and the predictor; logits out."""

    heatmap_stride = 4

    def __init__(self, depth: Depth, num_keypoints: int, *, initial_logit: float = 0.0) -> None:
        """Build the network; convolutions start at N(0, 0.001), as published, the last bias at `initial_logit`."""
        super().__init__()
        self.stem = Stem()
        self.transitions = nn.ModuleList([_first_branches(), *(_new_branch(level) for level in (2, 3))])
        self.stages = nn.ModuleList(
            nn.Sequential(*(LiteModule(WIDTHS[: stage + 2]) for _ in range(modules)))
            for stage, modules in enumerate(MODULES[depth])
        )
        self.head = IterativeHead(WIDTHS)
        initialise_normal(self)
        self.predictor = predictor(WIDTHS[0], num_keypoints, initial_logit)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB, H and W multiples of 32 -> (B, N, H / 4, W / 4) logits."""
        stem = self.stem(images)
        first, *others = self.transitions
        features = [branch(stem) for branch in cast("nn.ModuleList", first)]
        features = self.stages[0](features)
        for transition, stage in zip(others, list(self.stages)[1:], strict=True):
            features = stage([*features, transition(features[-1])])
        return self.predictor(self.head(features))


def shuffle(features: Tensor, groups: int = 2) -> Tensor:
    """(B, C, h, w) -> the same shape, channels of the groups interleaved."""
    return features.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def _first_branches() -> nn.ModuleList:
    return nn.ModuleList(
        nn.Sequential(depthwise(STEM, stride=level + 1), convolution(STEM, WIDTHS[level])) for level in range(2)
    )


def _new_branch(level: int) -> nn.Sequential:
    return nn.Sequential(depthwise(WIDTHS[level - 1], stride=2), convolution(WIDTHS[level - 1], WIDTHS[level]))


def _exchange(widths: Sequence[int], source: int, target: int) -> nn.Module:
    """From branch `source` to the size and width of branch `target`."""
    if source == target:
        return nn.Identity()
    if source > target:
        upsample = nn.Upsample(scale_factor=2.0 ** (source - target), mode="nearest")
        return nn.Sequential(*convolution(widths[source], widths[target], relu=False), upsample)
    same = [_halving(widths[source], widths[source], relu=True) for _ in range(target - source - 1)]
    return nn.Sequential(*same, _halving(widths[source], widths[target], relu=False))


def _halving(in_channels: int, out_channels: int, *, relu: bool) -> nn.Sequential:
    return nn.Sequential(depthwise(in_channels, stride=2), convolution(in_channels, out_channels, relu=relu))
