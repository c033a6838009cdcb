"""The figures of FACTS.md, section 0: convention A is what the papers print, T is what the hardware computes."""

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn

from model.contract.crop import Size
from model.cost import Cost, count_cost
from model.networks.backbones import TrunkName
from model.networks.fasterpose import FasterPose

PUBLISHED: list[tuple[TrunkName, int, Size, int, float, float]] = [
    ("resnet50", 17, (192, 256), 25_737_344, 3.828, 4.111),
    ("resnet101", 17, (192, 256), 44_729_472, 7.215, 7.747),
    ("resnet152", 17, (192, 256), 60_373_120, 10.602, 11.384),
    ("resnet50", 17, (288, 384), 25_737_344, 8.614, 9.249),
    ("resnet101", 17, (288, 384), 44_729_472, 16.234, 17.431),
    ("resnet152", 17, (288, 384), 60_373_120, 23.854, 25.613),
    ("resnet50", 16, (256, 256), 25_606_208, 5.097, 5.473),
    ("resnet101", 16, (256, 256), 44_598_336, 9.612, 10.321),
    ("resnet152", 16, (256, 256), 60_241_984, 14.128, 15.170),
]


def fasterpose(trunk: TrunkName, keypoints: int, *, bias: bool = True) -> FasterPose:
    with torch.device("meta"):
        return FasterPose(trunk, keypoints, bias=bias)


@pytest.mark.parametrize(("trunk", "keypoints", "size", "parameters", "gflops", "gmacs"), PUBLISHED)
def test_fasterpose_costs_what_the_paper_prints(
    trunk: TrunkName, keypoints: int, size: Size, parameters: int, gflops: float, gmacs: float
) -> None:
    cost = count_cost(fasterpose(trunk, keypoints), size)
    assert cost.parameters == parameters
    assert (round(cost.gflops, 3), round(cost.gmacs, 3)) == (gflops, gmacs)


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
    assert count_cost(layer, (10, 6)) == Cost(weights, weights * 20 * 12, weights * 10 * 6)


def test_grouped_convolutions_linear_layers_and_reuse_count() -> None:
    shared = nn.Conv2d(3, 3, kernel_size=3, padding=1, groups=3)
    network = nn.Sequential(shared, nn.ReLU(), shared, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))
    operations = 2 * (3 * 3 * 3) * (10 * 6) + 3 * 5
    assert count_cost(network, (10, 6)) == Cost((27 + 3) + (15 + 5), operations, operations)


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
