import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from model.networks.backbones import TrunkName
from model.networks.fasterpose import FasterPose, LowToHighRegressor
from model.networks.layers import PRIOR


def rearranged(features: torch.Tensor, keypoints: int, upscale: int) -> torch.Tensor:
    """Section 3.1 word by word: the L^2 channels of a keypoint at a place are its L x L tile there."""
    batch, _, height, width = features.shape
    heatmaps = torch.full((batch, keypoints, upscale * height, upscale * width), float("nan"))
    for n in range(keypoints):
        for dy in range(upscale):
            for dx in range(upscale):
                channel = n * upscale**2 + dy * upscale + dx
                heatmaps[:, n, dy::upscale, dx::upscale] = features[:, channel]
    return heatmaps


@pytest.mark.parametrize("upscale", [1, 4, 8])
def test_the_regressor_lays_out_its_channels_as_the_paper(upscale: int) -> None:
    regressor = LowToHighRegressor(6, 3, upscale)
    features = torch.randn(2, 6, 4, 3)
    heatmaps = regressor(features)
    assert heatmaps.shape == (2, 3, 4 * upscale, 3 * upscale)
    assert torch.equal(heatmaps, rearranged(regressor.conv(features), 3, upscale))


def test_an_untrained_regressor_predicts_the_prior() -> None:
    heatmaps = LowToHighRegressor(8, 17, 8)(torch.zeros(1, 8, 2, 2)).sigmoid()
    torch.testing.assert_close(heatmaps, torch.full_like(heatmaps, PRIOR))


@pytest.mark.parametrize("trunk", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_heatmaps_are_a_quarter_of_the_crop(trunk: TrunkName) -> None:
    with torch.device("meta"):
        network = FasterPose(trunk, 17)
        assert network(torch.empty(2, 3, 256, 192)).shape == (2, 17, 64, 48)
    assert network.trunk.out_channels == (512 if trunk in {"resnet18", "resnet34"} else 2048)
