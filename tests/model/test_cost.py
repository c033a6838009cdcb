"""The figures of FACTS.md, section 0: convention A is what the papers print, T is what the hardware computes."""

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn

from model.cost import Cost, count_cost
from model.networks.backbones import TrunkName
from model.networks.fasterpose import FasterPose


def fasterpose(trunk: TrunkName, keypoints: int, *, bias: bool = True) -> FasterPose:
    with torch.device("meta"):
        return FasterPose(trunk, keypoints, bias=bias)


def test_the_regressor_without_bias_has_the_papers_count() -> None:
    assert count_cost(fasterpose("resnet50", 17, bias=False), (192, 256)).parameters == 25_736_256


@pytest.mark.parametrize(
    ("trunk", "parameters"), [("resnet50", 23_508_032), ("resnet101", 42_500_160), ("resnet152", 58_143_808)]
)
def test_the_trunks_have_the_known_counts(trunk: TrunkName, parameters: int) -> None:
    network = fasterpose(trunk, 17).trunk
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize("trunk", ["resnet18", "resnet34"])
def test_the_small_trunks_have_torchvisions_counts_and_their_regressor(trunk: TrunkName) -> None:
    trunk_parameters = {"resnet18": 11_689_512, "resnet34": 21_797_672}[trunk] - (512 * 1000 + 1000)
    assert count_cost(fasterpose(trunk, 17), (128, 160)).parameters == trunk_parameters + (512 + 1) * 17 * 64


def test_a_transposed_convolution_is_overcharged_by_the_papers_convention() -> None:
    layer = nn.Sequential(nn.ConvTranspose2d(3, 8, kernel_size=4, stride=2, padding=1, bias=False))
    weights = 3 * 8 * 4 * 4
    assert count_cost(layer, (10, 6)) == Cost(weights, weights * 20 * 12, weights * 10 * 6, 0)


def test_grouped_convolutions_linear_layers_and_reuse_count() -> None:
    shared = nn.Conv2d(3, 3, kernel_size=3, padding=1, groups=3)
    network = nn.Sequential(shared, nn.ReLU(), shared, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))
    operations = 2 * (3 * 3 * 3) * (10 * 6) + 3 * 5
    cost = count_cost(network, (10, 6))
    assert cost.parameters == (27 + 3) + (15 + 5)
    assert (cost.published_operations, cost.multiply_adds) == (operations, operations)


def test_torchstat_counts_modules_by_their_last_run() -> None:
    """Biases count, batch norms twice, pooled windows have one more row and column, upsampling has no channels."""
    pixels, channels = 10 * 6, 4
    relu = nn.ReLU()
    body = [nn.Conv2d(3, channels, kernel_size=3, padding=1), nn.BatchNorm2d(channels), relu, nn.MaxPool2d(2), relu]
    tail = [nn.Upsample(scale_factor=2.0), nn.AdaptiveAvgPool2d(1), nn.Sigmoid()]
    convolution, norm = (27 * channels + channels) * pixels, 2 * channels * pixels
    last_relu, upsampled, pooled = channels * pixels // 4, pixels, channels * 11 * 7
    expected = convolution + norm + last_relu + upsampled + pooled
    assert count_cost(nn.Sequential(*body, *tail), (10, 6)).torchstat_operations == expected


def test_counting_leaves_the_network_alone() -> None:
    network = FasterPose("resnet18", 17).train()
    before = network.state_dict()["trunk.bn1.running_mean"].clone()
    cost = count_cost(network, (32, 32))
    assert cost == count_cost(network, (32, 32))
    assert network.training
    assert torch.equal(network.state_dict()["trunk.bn1.running_mean"], before)


def test_true_multiply_adds_agree_with_torchs_own_counter() -> None:
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415 - takes long to import

    network = fasterpose("resnet50", 17).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(torch.empty(1, 3, 256, 192, device="meta"))
    assert counter.get_total_flops() == 2 * count_cost(network, (192, 256)).multiply_adds
