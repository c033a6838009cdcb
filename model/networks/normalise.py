"""From the crop's bytes to the network's input; the same module trains and is exported."""

import torch
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """(B, H, W, 3) uint8 RGB -> (B, 3, H, W) float32, (value / 255 - mean) / std."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        """Hold ImageNet's RGB statistics as buffers that are not saved."""
        super().__init__()
        mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1) * 255
        std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1) * 255
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """Permute and normalise."""
        return (crops.permute(0, 3, 1, 2).float() - self.mean) / self.std
