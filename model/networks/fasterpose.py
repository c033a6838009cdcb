"""FasterPose (arXiv 2107.03215): a trunk and the Low-to-High Regressor."""

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from model.networks.backbones import build_trunk
from model.networks.layers import NORMAL_STD, PRIOR_LOGIT

HEATMAP_STRIDE = 4
"""Input pixels a heatmap pixel, as in SimpleBaseline."""


class LowToHighRegressor(nn.Module):
    """LHR (section 3.1): low-resolution features to high-resolution heatmaps by one 1x1 convolution.

    Channel n * L^2 + dy * L + dx at (i, j) becomes pixel (L * i + dy, L * j + dx) of heatmap n, which is
    exactly `pixel_shuffle`.
    """

    def __init__(
        self,
        in_channels: int,
        num_keypoints: int,
        upscale: int,
        *,
        bias: bool = True,
        initial_logit: float = PRIOR_LOGIT,
    ) -> None:
        """A regressor of `num_keypoints` maps, each `upscale` (L) times the features' size."""
        super().__init__()
        self.upscale = upscale
        self.conv = nn.Conv2d(in_channels, num_keypoints * upscale**2, kernel_size=1, bias=bias)
        nn.init.normal_(self.conv.weight, std=NORMAL_STD)
        if self.conv.bias is not None:
            nn.init.constant_(self.conv.bias, initial_logit)

    def forward(self, features: Tensor) -> Tensor:
        """(B, M, h, w) features -> (B, N, L * h, L * w) heatmap logits."""
        return pixel_shuffle(self.conv(features), self.upscale)


class FasterPose(nn.Module):
    """Trunk and regressor; logits out (heatmap = sigmoid(logits) when trained with RCE).

    The paper does not say whether the LHR has a bias; both choices round to its printed counts. It has one
    here, because RCE wants a prior.
    """

    heatmap_stride = HEATMAP_STRIDE

    def __init__(
        self,
        trunk: str,
        num_keypoints: int,
        *,
        frozen_stages: int = 0,
        bias: bool = True,
        initial_logit: float = PRIOR_LOGIT,
    ) -> None:
        """Build FasterPose for `num_keypoints` heatmaps of a quarter of the input's size.

        Args:
            trunk: a name that `build_trunk` knows.
            num_keypoints: N.
            frozen_stages: how many of the trunk's stages are never trained.
            bias: whether the regressor has one.
            initial_logit: what it starts from: the prior's logit where a sigmoid follows, 0 for MSE.

        Raises:
            ValueError: no trunk has this name, or its features are not coarser than the heatmaps by a whole factor.
        """
        super().__init__()
        self.trunk = build_trunk(trunk, frozen_stages)
        if self.trunk.stride % HEATMAP_STRIDE:
            raise ValueError(f"{trunk} has stride {self.trunk.stride}; it must be a multiple of {HEATMAP_STRIDE}")
        upscale = self.trunk.stride // HEATMAP_STRIDE
        self.regressor = LowToHighRegressor(
            self.trunk.out_channels, num_keypoints, upscale, bias=bias, initial_logit=initial_logit
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB, H and W multiples of the trunk's stride -> (B, N, H / 4, W / 4) logits."""
        return self.regressor(self.trunk(images))
