"""What a network costs: parameters and multiply-adds, counted as the papers count them and as the hardware computes.

Three conventions. A is HRNet's model summary, which SimpleBaseline, HRNet and FasterPose publish as "GFLOPs": for every
convolution, transposed convolution and linear layer, its weights times the *output* positions, divided by 2^30. It
charges a transposed convolution of stride s with s^2 times too much. T is the true number of multiply-adds: the same,
but a transposed convolution counts its *input* positions, divided by 10^9. S is torchstat's, which Lite-HRNet
publishes, divided by 2^20: also biases, batch norms, ReLUs, adaptive pooling and upsampling, but of modules alone, and
of each only the last run.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.contract.crop import Size

MEBI = 2**20
GIBI = 2**30
GIGA = 10**9

Weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
TorchstatLayer = nn.BatchNorm2d | nn.ReLU | nn.AdaptiveAvgPool2d | nn.Upsample


@dataclass(frozen=True)
class Cost:
    """Cost of one image through a network.

    Attributes:
        parameters: numbers that training changes, all of them.
        published_operations: convention A, before the division.
        multiply_adds: convention T, before the division.
        torchstat_operations: convention S, before the division.
    """

    parameters: int
    published_operations: int
    multiply_adds: int
    torchstat_operations: int

    @property
    def gflops(self) -> float:
        """Convention A, as the papers print it: operations / 2^30."""
        return self.published_operations / GIBI

    @property
    def gmacs(self) -> float:
        """Convention T: true multiply-adds / 10^9."""
        return self.multiply_adds / GIGA

    @property
    def torchstat_millions(self) -> float:
        """Convention S, as Lite-HRNet's paper prints it: operations / 2^20."""
        return self.torchstat_operations / MEBI


def count_cost(network: nn.Module, input_size: Size) -> Cost:
    """Count a network's cost for one image; nothing is computed and the network is left as it is.

    A layer that runs several times counts every time, but in convention S. Functions without a module (matrix products,
    interpolation) count nothing.

    Args:
        network: (1, 3, H, W) float32 -> anything; on any device, `torch.device("meta")` too.
        input_size: (width, height) in pixels.
    """
    shadow = copy.deepcopy(network).to("meta").eval()
    counted: list[tuple[int, int]] = []
    last_run: dict[nn.Module, int] = {}

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(layer, Weighted):
            counted.append(_operations(layer, inputs[0], output))
        last_run[layer] = _torchstat(layer, inputs[0], output)

    for layer in shadow.modules():
        if isinstance(layer, Weighted | TorchstatLayer):
            layer.register_forward_hook(count)
        if isinstance(layer, nn.BatchNorm2d):
            layer.forward = _unchanged  # torch would decompose it in Python, which takes as long as all the rest
    width, height = input_size
    with torch.inference_mode():
        shadow(torch.empty(1, 3, height, width, device="meta"))
    return Cost(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        published_operations=sum(published for published, _ in counted),
        multiply_adds=sum(true for _, true in counted),
        torchstat_operations=sum(last_run.values()),
    )


def _unchanged(input: Tensor) -> Tensor:
    return input


def _operations(layer: Weighted, images: Tensor, output: Tensor) -> tuple[int, int]:
    """One layer's operations in conventions A and T."""
    weights = layer.weight.numel()
    if isinstance(layer, nn.Linear):
        rows = output.numel() // layer.out_features
        return weights * rows, weights * rows
    published = weights * math.prod(output.shape[2:])
    is_transposed = isinstance(layer, nn.ConvTranspose2d)
    return published, weights * math.prod(images.shape[2:]) if is_transposed else published


def _torchstat(layer: nn.Module, images: Tensor, output: Tensor) -> int:
    """One layer's operations in convention S; 0 for a kind of layer that torchstat does not count."""
    match layer:
        case nn.Conv2d():
            biases = 0 if layer.bias is None else output.numel()
            return layer.weight.numel() * math.prod(output.shape[2:]) + biases
        case nn.BatchNorm2d():
            return 2 * images.numel()
        case nn.ReLU():
            return images.numel()
        case nn.AdaptiveAvgPool2d():
            windows = [size // pooled + 1 for size, pooled in zip(images.shape[2:], output.shape[2:], strict=True)]
            return output.numel() * math.prod(windows)
        case nn.Upsample():
            return math.prod(output.shape[2:])
        case _:
            return 0
