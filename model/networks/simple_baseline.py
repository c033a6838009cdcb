"""SimpleBaseline (arXiv 1804.06208): a trunk and deconvolutions; with fewer of them, FasterPose's Table 5."""

from typing import Literal

from torch import Tensor, nn

from model.networks.backbones import build_trunk
from model.networks.fasterpose import HEATMAP_STRIDE, LowToHighRegressor
from model.networks.layers import deconvolution, initialise_normal, predictor

Head = Literal["lhr", "conv"]

WIDTH = 256
"""Channels of each deconvolution."""


class SimpleBaseline(nn.Module):
    """Trunk, `deconvolutions` transposed convolutions and a head; logits out.

    SimpleBaseline itself has three and a 1x1 convolution. With fewer, the head `lhr` makes heatmaps of a quarter of the
    input's size of what resolution there is (L = 8 / 2^k on a ResNet), as Table 5's text wants; `conv` predicts at that
    resolution, which is what the table's 31.9M parameters count.

    Attributes:
        heatmap_stride: input pixels a heatmap pixel.
    """

    def __init__(
        self,
        trunk: str,
        num_keypoints: int,
        *,
        deconvolutions: int = 3,
        head: Head = "lhr",
        frozen_stages: int = 0,
        initial_logit: float = 0.0,
    ) -> None:
        """Build the network for `num_keypoints` heatmaps; fresh head weights are N(0, 0.001), as published.

        Raises:
            ValueError: no trunk has this name, or so many deconvolutions pass the heatmaps' resolution.
        """
        super().__init__()
        self.trunk = build_trunk(trunk, frozen_stages)
        stride, rest = divmod(self.trunk.stride, 2**deconvolutions)
        if rest or stride % HEATMAP_STRIDE:
            raise ValueError(f"{trunk} has stride {self.trunk.stride}: {deconvolutions} deconvolutions are too many")
        channels = (self.trunk.out_channels, *[WIDTH] * deconvolutions)
        self.deconvolutions = nn.Sequential(*(deconvolution(channels[i], WIDTH) for i in range(deconvolutions)))
        initialise_normal(self.deconvolutions)
        if head == "conv":
            self.heatmap_stride = stride
            self.head = predictor(channels[-1], num_keypoints, initial_logit)
        else:
            self.heatmap_stride = HEATMAP_STRIDE
            upscale = stride // HEATMAP_STRIDE
            self.head = LowToHighRegressor(channels[-1], num_keypoints, upscale, initial_logit=initial_logit)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB -> (B, N, H / heatmap_stride, W / heatmap_stride) logits."""
        return self.head(self.deconvolutions(self.trunk(images)))
