"""The cross entropies that the paper compares RCE with (Table 6), on labels made of the Gaussian targets."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from model.networks.layers import PRIOR_LOGIT

MaskName = Literal["gaussian", "udp", "grmi"]

MASK_THRESHOLDS: dict[MaskName, float] = {
    "gaussian": 0.01,
    "udp": math.exp(-(3.5**2) / (2 * 2.0**2)),
    "grmi": math.exp(-(4.53**2) / (2 * 2.0**2)),
}
"""The Gaussian's value at a mask's radius. At 64x48 with sigma 2 the masks have 113, 37 and 69 pixels:

`gaussian`: all positive samples of the paper's Table 1, radius 6; `udp`: 0.0546875 of the height, radius 3.5
(arXiv 1911.07524's code); `grmi`: 25 pixels of a crop 353 high, radius 4.53 (arXiv 1701.01779). As values of the
Gaussian they grow with sigma at higher resolutions.
"""


class PixelCrossEntropy(nn.Module):
    """Binary cross entropy of every pixel; the paper names its one-hot and mask variants without further detail.

    Attributes:
        initial_logit: where a network's last bias starts.
    """

    initial_logit = PRIOR_LOGIT

    def __init__(self, labels: Callable[[Tensor], Tensor], alpha: float | None = None) -> None:
        """Keep what makes labels of targets, and the balance.

        Args:
            labels: (B, N, h, w) Gaussian targets -> labels 0 or 1 of the same shape; `one_hot` or a `mask`.
            alpha: weight of positive pixels, 1 - alpha that of the others; without it all weigh 1.

        Raises:
            ValueError: alpha outside (0, 1).
        """
        super().__init__()
        if alpha is not None and not 0 < alpha < 1:
            raise ValueError(f"alpha is {alpha}; it must lie between 0 and 1")
        self.labels, self.alpha = labels, alpha

    def heatmaps(self, logits: Tensor) -> Tensor:
        """Logits -> heatmaps in [0, 1]."""
        return logits.sigmoid()

    def forward(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Mean over batch, keypoints and pixels; shapes as in `RegressiveCrossEntropy`."""
        labels = self.labels(targets)
        losses = binary_cross_entropy_with_logits(logits.float(), labels, reduction="none")
        if self.alpha is not None:
            losses = losses * torch.where(labels > 0, self.alpha, 1 - self.alpha)
        return (losses * weights[:, :, None, None]).mean()


class SoftmaxCrossEntropy(nn.Module):
    """Cross entropy of a softmax over all pixels of a map with the one-hot label (PoseFix, arXiv 1812.03595).

    Attributes:
        initial_logit: where a network's last bias starts; a softmax does not see it.
    """

    initial_logit = 0.0

    def heatmaps(self, logits: Tensor) -> Tensor:
        """Logits -> probabilities that sum to 1 in every map."""
        return spatial_softmax(logits)

    def forward(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Mean over batch and keypoints; shapes as in `RegressiveCrossEntropy`."""
        scores = logits.float().flatten(2).log_softmax(dim=2)
        label = targets.flatten(2).argmax(dim=2, keepdim=True)
        return (-scores.gather(2, label).squeeze(2) * weights).mean()


def one_hot(targets: Tensor) -> Tensor:
    """1 at the highest pixel of every (h, w) map, the one nearest to the keypoint, else 0."""
    highest = targets.flatten(2).argmax(dim=2, keepdim=True)
    return torch.zeros_like(targets).flatten(2).scatter_(2, highest, 1.0).view_as(targets)


def mask(name: MaskName) -> Callable[[Tensor], Tensor]:
    """What sets the named mask's pixels to 1 and all others to 0."""
    threshold = MASK_THRESHOLDS[name]

    def labels(targets: Tensor) -> Tensor:
        return (targets > threshold).to(targets.dtype)

    return labels


def spatial_softmax(logits: Tensor) -> Tensor:
    """(B, N, h, w) -> the same shape, every map sums to 1."""
    return logits.flatten(2).softmax(dim=2).reshape(logits.shape)
