"""FasterPose (arXiv 2107.03215): a ResNet trunk and the Low-to-High Regressor."""

import math

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from model.networks.backbones import ResNetTrunk, TrunkName

HEATMAP_STRIDE = 4
"""Input pixels a heatmap pixel, as in SimpleBaseline."""

PRIOR = 0.01
"""Heatmap value that an untrained network predicts everywhere: keeps RCE's gradient away from saturation."""


class LowToHighRegressor(nn.Module):
    """LHR (section 3.1): low-resolution features to high-resolution heatmaps by one 1x1 convolution.

    Channel n * L^2 + dy * L + dx at (i, j) becomes pixel (L * i + dy, L * j + dx) of heatmap n, which is
    exactly `pixel_shuffle`.
    """

    def __init__(self, in_channels: int, num_keypoints: int, upscale: int, *, bias: bool = True) -> None:
        """A regressor of `num_keypoints` maps, each `upscale` (L) times the features' size."""
        super().__init__()
        self.upscale = upscale
        self.conv = nn.Conv2d(in_channels, num_keypoints * upscale**2, kernel_size=1, bias=bias)
        nn.init.normal_(self.conv.weight, std=0.001)
        if self.conv.bias is not None:
            nn.init.constant_(self.conv.bias, math.log(PRIOR / (1 - PRIOR)))

    def forward(self, features: Tensor) -> Tensor:
        """(B, M, h, w) features -> (B, N, L * h, L * w) heatmap logits."""
        return pixel_shuffle(self.conv(features), self.upscale)


class FasterPose(nn.Module):
    """Trunk and regressor; logits out (heatmap = sigmoid(logits) when trained with RCE).

    The paper does not say whether the LHR has a bias; both choices round to its printed counts. It has one
    here, because RCE wants a prior.
    """

    def __init__(self, trunk: TrunkName, num_keypoints: int, *, frozen_stages: int = 0, bias: bool = True) -> None:
        """Build FasterPose on a ResNet for `num_keypoints` heatmaps of a quarter of the input's size."""
        super().__init__()
        self.trunk = ResNetTrunk(trunk, frozen_stages)
        upscale = self.trunk.stride // HEATMAP_STRIDE
        self.regressor = LowToHighRegressor(self.trunk.out_channels, num_keypoints, upscale, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB, H and W multiples of 32 -> (B, N, H / 4, W / 4) logits."""
        return self.regressor(self.trunk(images))
