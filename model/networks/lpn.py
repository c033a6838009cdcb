"""LPN (arXiv 1911.10346): bottlenecks of depthwise convolutions with global context, grouped deconvolutions."""

import math
from typing import Literal

from torch import Tensor, nn

from model.networks.layers import convolution, deconvolution, depthwise, initialise_normal, predictor
from model.networks.trunk import Trunk

LpnName = Literal["lpn50", "lpn101", "lpn152"]

BLOCKS: dict[LpnName, tuple[int, int, int, int]] = {
    "lpn50": (3, 4, 6, 3),
    "lpn101": (3, 4, 23, 3),
    "lpn152": (3, 8, 36, 3),
}
WIDTHS = (64, 128, 256, 512)
STRIDES = (1, 2, 2, 1)
HEAD_WIDTH = 256


class GlobalContext(nn.Module):
    """Adds to every position what the whole map says (GCNet, arXiv 1904.11492); it starts as the identity."""

    def __init__(self, channels: int) -> None:
        """Attend over the map, then transform in max(channels / 16, 16) hidden channels."""
        super().__init__()
        hidden = max(channels // 16, 16)
        self.attention = nn.Conv2d(channels, 1, kernel_size=1)
        self.reduce = nn.Conv2d(channels, hidden, kernel_size=1)
        self.norm = nn.LayerNorm([hidden, 1, 1])
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Conv2d(hidden, channels, kernel_size=1)
        nn.init.kaiming_normal_(self.attention.weight)
        nn.init.zeros_(self.expand.weight)
        nn.init.zeros_(self.expand.bias)  # pyright: ignore[reportArgumentType] - it has one

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        attention = self.attention(features).flatten(2).softmax(dim=2)  # (B, 1, h * w), sums to 1
        context = (features.flatten(2) @ attention.transpose(1, 2)).unsqueeze(3)  # (B, C, 1, 1)
        return features + self.expand(self.relu(self.norm(self.reduce(context))))


class LpnBlock(nn.Module):
    """A bottleneck of expansion 1 with a depthwise 3x3 convolution and global context."""

    def __init__(self, in_channels: int, width: int, stride: int, *, global_context: bool) -> None:
        """A block whose 3x3 convolution has the stride."""
        super().__init__()
        self.reduce = convolution(in_channels, width)
        self.depthwise = depthwise(width, stride=stride, relu=True)
        self.expand = convolution(width, width, relu=False)
        self.context = GlobalContext(width) if global_context else nn.Identity()
        is_same = stride == 1 and in_channels == width
        self.shortcut = nn.Identity() if is_same else convolution(in_channels, width, stride=stride, relu=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, width, H / stride, W / stride)."""
        changed = self.context(self.expand(self.depthwise(self.reduce(features))))
        return self.relu(changed + self.shortcut(features))


class LpnTrunk(Trunk):
    """A ResNet's stem and four stages of `LpnBlock`; the last keeps its size, so the total stride is 16."""

    out_channels = WIDTHS[-1]
    stride = 16

    def __init__(self, name: LpnName, frozen_stages: int = 0, *, global_context: bool = True) -> None:
        """Build the trunk; the first `frozen_stages` of (stem, layer1 .. layer4) are never trained."""
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(WIDTHS[0]), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        inputs = (WIDTHS[0], *WIDTHS)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(inputs[i], WIDTHS[i], BLOCKS[name][i], STRIDES[i], global_context=global_context) for i in range(4)
        )
        self.freeze(frozen_stages)

    def stages(self) -> list[list[nn.Module]]:
        """(stem, layer1 .. layer4)."""
        stem: list[nn.Module] = [self.conv1, self.bn1, self.relu, self.maxpool]
        return [stem, [self.layer1], [self.layer2], [self.layer3], [self.layer4]]


class Lpn(nn.Module):
    """LPN: the trunk, two grouped deconvolutions each with a 1x1 convolution, and the predictor; logits out.

    The paper's abstract gives 2.7M parameters for LPN-50, which is the network without global context; the released
    code and FasterPose's table have 2.91M, with it.
    """

    heatmap_stride = 4

    def __init__(
        self, trunk: LpnName, num_keypoints: int, *, global_context: bool = True, initial_logit: float = 0.0
    ) -> None:
        """Build LPN for `num_keypoints` heatmaps of a quarter of the input's size."""
        super().__init__()
        self.trunk = LpnTrunk(trunk, global_context=global_context)
        self.head = nn.Sequential(_doubling(WIDTHS[-1]), _doubling(HEAD_WIDTH))
        initialise_normal(self.head)
        self.predictor = predictor(HEAD_WIDTH, num_keypoints, initial_logit)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB, H and W multiples of 16 -> (B, N, H / 4, W / 4) logits."""
        return self.predictor(self.head(self.trunk(images)))


def _stage(in_channels: int, width: int, blocks: int, stride: int, *, global_context: bool) -> nn.Sequential:
    first = LpnBlock(in_channels, width, stride, global_context=global_context)
    rest = [LpnBlock(width, width, 1, global_context=global_context) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


def _doubling(in_channels: int) -> nn.Sequential:
    groups = math.gcd(in_channels, HEAD_WIDTH)
    return nn.Sequential(deconvolution(in_channels, HEAD_WIDTH, groups=groups), convolution(HEAD_WIDTH, HEAD_WIDTH))
