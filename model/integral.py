"""Losses on positions instead of maps: integral regression (arXiv 1711.08229) and DSNT (arXiv 1801.07372)."""

import math

import torch
from torch import Tensor, nn

from model.cross_entropy import spatial_softmax


class IntegralLoss(nn.Module):
    """L1 distance, heatmap pixels, between the keypoint and the expected position of a softmax over the map.

    Keypoints are read off the targets, which must be Gaussians of exact centres (`gaussian_centres`).

    Attributes:
        initial_logit: where a network's last bias starts; a softmax does not see it.
    """

    initial_logit = 0.0

    def heatmaps(self, logits: Tensor) -> Tensor:
        """Logits -> probabilities that sum to 1 in every map; the `integral` decoder reads them."""
        return spatial_softmax(logits)

    def forward(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Mean over batch and keypoints; shapes as in `RegressiveCrossEntropy`."""
        distances = expected_positions(spatial_softmax(logits.float())) - gaussian_centres(targets)
        return (distances.abs().sum(dim=2) * weights).mean()


class DsntLoss(nn.Module):
    """Euclidean distance in units of half the map, plus how far the softmax is from the target's Gaussian.

    The second term is the Jensen-Shannon divergence, nats.

    Attributes:
        initial_logit: where a network's last bias starts; a softmax does not see it.
    """

    initial_logit = 0.0

    def __init__(self, regularisation: float = 1.0) -> None:
        """Keep the divergence's factor.

        Raises:
            ValueError: it is negative.
        """
        super().__init__()
        if not regularisation >= 0:
            raise ValueError(f"regularisation is {regularisation}; it must not be negative")
        self.regularisation = regularisation

    def heatmaps(self, logits: Tensor) -> Tensor:
        """Logits -> probabilities that sum to 1 in every map; the `integral` decoder reads them."""
        return spatial_softmax(logits)

    def forward(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Mean over batch and keypoints; shapes as in `RegressiveCrossEntropy`."""
        logits = logits.float()
        height, width = logits.shape[2:]
        half = torch.tensor([width / 2, height / 2], device=logits.device)
        away = (expected_positions(spatial_softmax(logits)) - gaussian_centres(targets)) / half
        divergence = jensen_shannon(logits.flatten(2).log_softmax(dim=2), targets.flatten(2))
        return ((torch.linalg.vector_norm(away, dim=2) + self.regularisation * divergence) * weights).mean()


def expected_positions(probabilities: Tensor) -> Tensor:
    """(B, N, h, w) maps that sum to 1 -> (B, N, 2) expected x and y, heatmap pixels."""
    height, width = probabilities.shape[2:]
    columns = torch.arange(width, device=probabilities.device, dtype=probabilities.dtype)
    rows = torch.arange(height, device=probabilities.device, dtype=probabilities.dtype)
    x = (probabilities.sum(dim=2) * columns).sum(dim=2)
    y = (probabilities.sum(dim=3) * rows).sum(dim=2)
    return torch.stack([x, y], dim=2)


def gaussian_centres(targets: Tensor) -> Tensor:
    """(B, N, h, w) Gaussians of any sigma that fill their maps -> (B, N, 2) centres x and y, heatmap pixels.

    The log of a Gaussian is a parabola, so three pixels give its vertex, on the map or off it. A map without a
    keypoint, all zero, gives some pixel.
    """
    return torch.stack([_vertex(targets.amax(dim=2)), _vertex(targets.amax(dim=3))], dim=2)


def jensen_shannon(log_probabilities: Tensor, targets: Tensor) -> Tensor:
    """Divergence of (B, N, h * w) log probabilities and targets, which are scaled to sum to 1 -> (B, N), nats."""
    other = targets / targets.sum(dim=2, keepdim=True).clamp_min(torch.finfo(targets.dtype).tiny)
    log_mean = torch.logaddexp(log_probabilities, other.log()) - math.log(2)
    own = (log_probabilities.exp() * (log_probabilities - log_mean)).sum(dim=2)
    return 0.5 * (own + (torch.xlogy(other, other) - other * log_mean).sum(dim=2))


def _vertex(profile: Tensor) -> Tensor:
    """(B, N, n) positive values of a Gaussian at 0 .. n - 1 -> (B, N) its centre."""
    middle = profile.argmax(dim=2, keepdim=True).clamp(1, profile.shape[2] - 2)
    logs = profile.clamp_min(torch.finfo(profile.dtype).tiny).log()
    before, at, after = (logs.gather(2, middle + step).squeeze(2) for step in (-1, 0, 1))
    curvature = 2 * at - before - after
    step = (after - before) / (2 * curvature)
    return middle.squeeze(2) + torch.where(curvature > 0, step, 0.0)
