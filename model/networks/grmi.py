"""G-RMI's pose network (arXiv 1701.01779): a dilated ResNet-101 and one 1x1 convolution, heatmaps of an eighth."""

from torch import Tensor, nn

from model.networks.backbones import ResNetTrunk, TrunkName
from model.networks.layers import predictor

MAPS = 3
"""Maps a keypoint with offsets: the heatmap, then the x and y offset."""


class GRmi(nn.Module):
    """A ResNet whose last two stages dilate instead of halving, and the predictor; logits out.

    The published network has three maps a keypoint: N heatmaps, then N x- and N y-offsets.
    """

    heatmap_stride = 8

    def __init__(
        self, num_keypoints: int, *, trunk: TrunkName = "resnet101", offsets: bool = False, initial_logit: float = 0.0
    ) -> None:
        """Build the network; `offsets` adds the two offset maps of each keypoint, which no loss here trains.

        Raises:
            ValueError: ResNet-18 and -34, whose blocks torchvision does not dilate.
        """
        super().__init__()
        if trunk in {"resnet18", "resnet34"}:
            raise ValueError(f"{trunk} cannot be dilated; take resnet50, resnet101 or resnet152")
        self.trunk = ResNetTrunk(trunk, dilated=True)
        maps = MAPS * num_keypoints if offsets else num_keypoints
        self.predictor = predictor(self.trunk.out_channels, maps, initial_logit)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB -> (B, N or 3 N, ceil(H / 8), ceil(W / 8)) logits."""
        return self.predictor(self.trunk(images))
