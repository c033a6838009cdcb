"""Layers that several networks are made of, and how the papers initialise them."""

import math

from torch import nn

PRIOR = 0.01
"""Heatmap value that an untrained network predicts everywhere: keeps RCE's gradient away from saturation."""

PRIOR_LOGIT = math.log(PRIOR / (1 - PRIOR))
"""What an untrained network predicts when a sigmoid follows; 0 where the output is the heatmap itself."""

NORMAL_STD = 0.001
"""Standard deviation of fresh convolutions in the released code of SimpleBaseline, HRNet and Lite-HRNet."""


def convolution(
    in_channels: int, out_channels: int, kernel_size: int = 1, stride: int = 1, *, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    """Convolution without bias, batch norm and, if asked for, ReLU; the size shrinks by the stride alone."""
    padding = kernel_size // 2
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


def depthwise(channels: int, kernel_size: int = 3, stride: int = 1, *, relu: bool = False) -> nn.Sequential:
    """A depthwise `convolution`."""
    return convolution(channels, channels, kernel_size, stride, groups=channels, relu=relu)


def deconvolution(in_channels: int, out_channels: int, *, groups: int = 1) -> nn.Sequential:
    """SimpleBaseline's transposed 4x4 convolution that doubles the size, batch norm and ReLU."""
    layer = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=4, stride=2, padding=1, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def predictor(in_channels: int, num_maps: int, initial_logit: float = 0.0) -> nn.Conv2d:
    """The last 1x1 convolution, with a bias that starts at `initial_logit`."""
    layer = nn.Conv2d(in_channels, num_maps, kernel_size=1)
    nn.init.normal_(layer.weight, std=NORMAL_STD)
    nn.init.constant_(layer.bias, initial_logit)  # pyright: ignore[reportArgumentType] - a Conv2d with bias has one
    return layer


def initialise_normal(module: nn.Module) -> None:
    """Weights of all convolutions N(0, 0.001), their biases 0; batch norms keep scale 1 and shift 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=NORMAL_STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
