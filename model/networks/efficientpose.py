"""EfficientPose-A, -B and -C (arXiv 2012.07086): found networks of inverted bottlenecks and slim deconvolutions."""

from itertools import pairwise
from typing import Literal, NamedTuple

from torch import Tensor, nn

from model.networks.layers import convolution, deconvolution, depthwise, initialise_normal, predictor

Variant = Literal["a", "b", "c"]

STEM = 32
HEAD_WIDTHS = (64, 32)


class Stage(NamedTuple):
    """A stage's width, the stride of its first block, and its blocks as (kernel size, expansion); None is skipped."""

    width: int
    stride: int
    blocks: tuple[tuple[int, int] | None, ...]


FOUND: dict[Variant, tuple[int, tuple[Stage, ...]]] = {
    "a": (
        16,
        (
            Stage(24, 2, ((3, 6), (7, 3), (3, 6), (3, 3))),
            Stage(32, 2, ((3, 6), (3, 3), (5, 3), (3, 3), (3, 3), (3, 3))),
            Stage(64, 2, ((5, 6), *[(7, 3)] * 7)),
            Stage(96, 1, ((5, 6), (5, 6), (7, 6), (5, 6), (7, 3), (7, 3), (7, 3), (7, 6))),
        ),
    ),
    "b": (
        24,
        (
            Stage(32, 2, ((3, 6), (3, 6), (5, 3), (7, 3), (5, 3), (7, 3))),
            Stage(64, 2, ((5, 6), (5, 3), *[(7, 3)] * 6)),
            Stage(96, 2, ((7, 6), (5, 6), (5, 6), (7, 3), (7, 3), (3, 6), (7, 3), (7, 6), (7, 6), (7, 3))),
            Stage(160, 1, (*[(7, 3)] * 6, None, (7, 3), (7, 6), (7, 3))),
        ),
    ),
    "c": (
        24,
        (
            Stage(32, 2, ((5, 3), (3, 6), (3, 3), (3, 3), None, (5, 3))),
            Stage(64, 2, ((3, 6), (7, 6), (5, 6), (3, 6), (5, 6), (3, 6), (3, 6), (3, 6))),
            Stage(96, 2, (*[(7, 6)] * 8, (7, 3), (7, 6))),
            Stage(160, 1, ((7, 6), (7, 6), (7, 3), (7, 3), *[(7, 6)] * 6)),
        ),
    ),
}
"""Width after the stem, and the stages, as the search found them."""


class InvertedBottleneck(nn.Module):
    """1x1 expansion, depthwise convolution, linear 1x1 projection; a shortcut where shapes agree."""

    def __init__(self, in_channels: int, width: int, kernel_size: int, expansion: int, stride: int) -> None:
        """A block whose depthwise convolution has the stride."""
        super().__init__()
        hidden = in_channels * expansion
        self.layers = nn.Sequential(
            convolution(in_channels, hidden),
            depthwise(hidden, kernel_size, stride, relu=True),
            convolution(hidden, width, relu=False),
        )
        self.has_shortcut = stride == 1 and in_channels == width

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, width, H / stride, W / stride)."""
        changed = self.layers(features)
        return features + changed if self.has_shortcut else changed


class EfficientPose(nn.Module):
    """Stem, found stages of total stride 16, two deconvolutions and a depthwise predictor; logits out."""

    heatmap_stride = 4

    def __init__(self, variant: Variant, num_keypoints: int, *, initial_logit: float = 0.0) -> None:
        """Build the variant; deconvolutions and predictor start at N(0, 0.001) like SimpleBaseline's.

        The paper trains from mapped weights and gives no other start. The depthwise layer of the head has no batch norm
        behind it: at N(0, 0.001) it would let a thousandth through, and training would wait for it.
        """
        super().__init__()
        width, stages = FOUND[variant]
        self.stem = nn.Sequential(
            convolution(3, STEM, 3, stride=2), depthwise(STEM, relu=True), convolution(STEM, width, relu=False)
        )
        inputs = (width, *(stage.width for stage in stages))
        self.stages = nn.Sequential(*(_stage(inputs[index], stage) for index, stage in enumerate(stages)))
        head = pairwise((inputs[-1], *HEAD_WIDTHS))
        self.deconvolutions = nn.Sequential(*(deconvolution(before, after) for before, after in head))
        last = HEAD_WIDTHS[-1]
        smooth = nn.Conv2d(last, last, 3, padding=1, groups=last, bias=False)
        nn.init.kaiming_normal_(smooth.weight)
        self.smooth = nn.Sequential(smooth, nn.ReLU(inplace=True))
        initialise_normal(self.deconvolutions)
        self.predictor = predictor(last, num_keypoints, initial_logit)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB, H and W multiples of 16 -> (B, N, H / 4, W / 4) logits."""
        return self.predictor(self.smooth(self.deconvolutions(self.stages(self.stem(images)))))


def _stage(in_channels: int, stage: Stage) -> nn.Sequential:
    blocks: list[nn.Module] = []
    for index, block in enumerate(stage.blocks):
        if block is not None:
            before, stride = (in_channels, stage.stride) if index == 0 else (stage.width, 1)
            blocks.append(InvertedBottleneck(before, stage.width, *block, stride))
    return nn.Sequential(*blocks)
