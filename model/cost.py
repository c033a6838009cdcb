"""What a network costs: parameters and multiply-adds, counted as the papers count them and as the hardware computes.

Two conventions. A is HRNet's model summary, which SimpleBaseline, HRNet and FasterPose publish as "GFLOPs": for every
convolution, transposed convolution and linear layer, its weights times the *output* positions, divided by 2^30. It
charges a transposed convolution of stride s with s^2 times too much. T is the true number of multiply-adds: the same,
but a transposed convolution counts its *input* positions, divided by 10^9.
"""

import copy
import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from model.contract.crop import Size

GIBI = 2**30
GIGA = 10**9

Weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


@dataclass(frozen=True)
class Cost:
    """Cost of one image through a network.

    Attributes:
        parameters: numbers that training changes, all of them.
        published_operations: convention A, before the division.
        multiply_adds: convention T, before the division.
    """

    parameters: int
    published_operations: int
    multiply_adds: int

    @property
    def gflops(self) -> float:
        """Convention A, as the papers print it: operations / 2^30."""
        return self.published_operations / GIBI

    @property
    def gmacs(self) -> float:
        """Convention T: true multiply-adds / 10^9."""
        return self.multiply_adds / GIGA


def count_cost(network: nn.Module, input_size: Size) -> Cost:
    """Count a network's cost for one image; nothing is computed and the network is left as it is.

    A layer that runs several times counts every time. Functions without a module (matrix products, interpolation)
    count nothing.

    Args:
        network: (1, 3, H, W) float32 -> anything; on any device, `torch.device("meta")` too.
        input_size: (width, height) in pixels.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    counted: list[tuple[int, int]] = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        counted.append(_operations(cast("Weighted", layer), inputs[0], output))

    for layer in shadow.modules():
        if isinstance(layer, Weighted):
            layer.register_forward_hook(count)
    width, height = input_size
    with torch.inference_mode():
        shadow(torch.empty(1, 3, height, width, device="meta"))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Cost(parameters, sum(published for published, _ in counted), sum(true for _, true in counted))


def _operations(layer: Weighted, images: Tensor, output: Tensor) -> tuple[int, int]:
    """One layer's operations in conventions A and T."""
    weights = layer.weight.numel()
    if isinstance(layer, nn.Linear):
        rows = output.numel() // layer.out_features
        return weights * rows, weights * rows
    published = weights * math.prod(output.shape[2:])
    is_transposed = isinstance(layer, nn.ConvTranspose2d)
    return published, weights * math.prod(images.shape[2:]) if is_transposed else published
