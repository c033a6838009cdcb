import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from model.networks.grmi import GRmi


@pytest.mark.parametrize(("offsets", "maps"), [(True, 51), (False, 17)])
def test_maps_are_an_eighth_of_the_crop(offsets: bool, maps: int) -> None:
    with torch.device("meta"):
        network = GRmi(17, offsets=offsets)
        assert network(torch.empty(1, 3, 353, 257)).shape == (1, maps, 45, 33)
        assert network(torch.empty(1, 3, 352, 256)).shape == (1, maps, 44, 32)
    assert network.trunk.stride == network.heatmap_stride == 8


def test_resnets_of_basic_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="resnet18 cannot be dilated"):
        GRmi(17, trunk="resnet18")
