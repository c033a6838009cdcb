import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn

from model.networks.fasterpose import LowToHighRegressor
from model.networks.simple_baseline import Head, SimpleBaseline


@pytest.mark.parametrize("deconvolutions", [0, 1, 2, 3])
@pytest.mark.parametrize(("head", "heatmap"), [("lhr", (64, 48)), ("conv", None)])
def test_heatmaps_of_table_5(deconvolutions: int, head: Head, heatmap: tuple[int, int] | None) -> None:
    with torch.device("meta"):
        network = SimpleBaseline("resnet50", 17, deconvolutions=deconvolutions, head=head)
        shape = tuple(network(torch.empty(1, 3, 256, 192)).shape)
    height, width = heatmap or (8 * 2**deconvolutions, 6 * 2**deconvolutions)
    assert shape == (1, 17, height, width)
    assert network.heatmap_stride == 256 // height
    if isinstance(network.head, LowToHighRegressor):
        assert network.head.upscale == 8 // 2**deconvolutions


def test_the_head_starts_as_published() -> None:
    network = SimpleBaseline("resnet18", 17, initial_logit=0.25, head="conv")
    transposed = [module for module in network.modules() if isinstance(module, nn.ConvTranspose2d)]
    assert [tuple(layer.weight.shape) for layer in transposed] == [(512, 256, 4, 4), *[(256, 256, 4, 4)] * 2]
    assert all(layer.bias is None for layer in transposed)
    assert isinstance(network.head, nn.Conv2d)
    for layer in (*transposed, network.head):
        assert float(layer.weight.detach().std()) == pytest.approx(0.001, rel=0.05)
    assert network.head.bias is not None
    assert torch.equal(network.head.bias, torch.full((17,), 0.25))


def test_more_deconvolutions_than_the_heatmaps_take_are_refused() -> None:
    with torch.device("meta"), pytest.raises(ValueError, match="lpn50 has stride 16: 3 deconvolutions are too many"):
        SimpleBaseline("lpn50", 17)
