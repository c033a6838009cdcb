"""Heatmap losses. Each says how logits become heatmaps, so that export and evaluation cannot disagree with it."""

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from model.cross_entropy import PixelCrossEntropy, SoftmaxCrossEntropy
from model.integral import DsntLoss, IntegralLoss
from model.networks.layers import PRIOR_LOGIT


class RegressiveCrossEntropy(nn.Module):
    """RCE (arXiv 2107.03215, eq. 1-3): `w e^gamma (-log(1 - e))` with `e = |sigmoid(x) - t|`.

    `w` is alpha where the target is above `positive_threshold`, else 1 - alpha. The threshold 0.01 gives the
    positive counts of the paper's Table 1. `1 - e` is written as a sum of positive terms, so that neither
    values nor gradients saturate for large logits, as a clamp would make them.

    Attributes:
        initial_logit: where a network's last bias starts, see `PRIOR`.
    """

    initial_logit = PRIOR_LOGIT

    def __init__(self, alpha: float = 0.7, gamma: float = 1.0, positive_threshold: float = 0.01) -> None:
        """Keep the loss's constants.

        Raises:
            ValueError: alpha outside (0, 1), or gamma neither 0 nor at least 1 (its gradient at e = 0 is infinite).
        """
        super().__init__()
        if not 0 < alpha < 1:
            raise ValueError(f"alpha is {alpha}; it must lie between 0 and 1")
        if not (gamma == 0 or gamma >= 1):
            raise ValueError(f"gamma is {gamma}; it must be 0 or at least 1")
        self.alpha, self.gamma, self.positive_threshold = alpha, gamma, positive_threshold

    def heatmaps(self, logits: Tensor) -> Tensor:
        """Logits -> heatmaps in [0, 1]."""
        return logits.sigmoid()

    def forward(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Mean over batch, keypoints and pixels; a keypoint of weight 0 adds nothing.

        Args:
            logits: (B, N, h, w), any float type; computed in float32.
            targets: (B, N, h, w) in [0, 1].
            weights: (B, N) keypoint weights, 0 for no label.
        """
        return (self.elementwise(logits.float(), targets) * weights[:, :, None, None]).mean()

    def elementwise(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of every pixel, same shape as `logits`."""
        difference = logits.sigmoid() - targets
        over = difference >= 0
        # 1 - e is sigmoid(-x) + t where the prediction is too high, sigmoid(x) + (1 - t) where it is too low.
        safe = logsigmoid(torch.where(over, -logits, logits))
        log_rest = torch.logaddexp(safe, torch.where(over, targets, 1 - targets).log())
        balance = torch.where(targets > self.positive_threshold, self.alpha, 1 - self.alpha)
        return balance * difference.abs() ** self.gamma * -log_rest


class MeanSquaredError(nn.Module):
    """SimpleBaseline's loss (arXiv 1804.06208): half the squared error of the weighted maps, heatmaps = logits.

    Attributes:
        initial_logit: where a network's last bias starts: most of a heatmap is 0.
    """

    initial_logit = 0.0

    def heatmaps(self, logits: Tensor) -> Tensor:
        """The network's output is the heatmap."""
        return logits

    def forward(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Mean over batch, keypoints and pixels; shapes as in `RegressiveCrossEntropy`."""
        difference = (logits.float() - targets) * weights[:, :, None, None]
        return 0.5 * difference.square().mean()


class HardKeypointMining(nn.Module):
    """OHKM (CPN, arXiv 1711.07319): the squared error of each person's hardest keypoints alone, heatmaps = logits.

    Attributes:
        initial_logit: where a network's last bias starts: most of a heatmap is 0.
    """

    initial_logit = 0.0

    def __init__(self, hard_keypoints: int = 8) -> None:
        """Keep how many keypoints of a person count.

        Raises:
            ValueError: none would.
        """
        super().__init__()
        if hard_keypoints < 1:
            raise ValueError(f"hard_keypoints is {hard_keypoints}; it must be at least 1")
        self.hard_keypoints = hard_keypoints

    def heatmaps(self, logits: Tensor) -> Tensor:
        """The network's output is the heatmap."""
        return logits

    def forward(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Mean over batch, the hardest keypoints and pixels; shapes as in `RegressiveCrossEntropy`.

        Raises:
            ValueError: the skeleton has fewer keypoints than should count.
        """
        if self.hard_keypoints > logits.shape[1]:
            raise ValueError(f"hard_keypoints is {self.hard_keypoints}; the skeleton has {logits.shape[1]} keypoints")
        difference = (logits.float() - targets) * weights[:, :, None, None]
        losses = 0.5 * difference.square().mean(dim=(2, 3))
        return losses.topk(self.hard_keypoints, dim=1).values.mean()


HeatmapLoss = (
    RegressiveCrossEntropy
    | MeanSquaredError
    | HardKeypointMining
    | PixelCrossEntropy
    | SoftmaxCrossEntropy
    | IntegralLoss
    | DsntLoss
)
