import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn

from model.networks.lite_hrnet import CrossResolutionWeighting, LiteHRNet, LiteModule, SpatialWeighting, shuffle


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parts_have_the_known_counts() -> None:
    with torch.device("meta"):
        network = LiteHRNet(18, 17)
    assert count(network.stem) == 2_864
    assert [count(part) for part in network.transitions] == [4_784, 14_000, 53_600]
    assert [count(part) for part in network.stages] == [24_996, 287_112, 666_676]
    assert (count(network.head), count(network.predictor)) == (76_040, 697)


def test_shuffling_interleaves_the_halves() -> None:
    features = torch.arange(6.0).view(1, 6, 1, 1)
    assert shuffle(features).flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_cross_resolution_weights_come_from_the_coarsest_resolution() -> None:
    weighting = CrossResolutionWeighting([20, 40]).eval()
    fine, coarse = torch.rand(1, 20, 4, 8), torch.rand(1, 40, 2, 4)
    changed = weighting([fine, coarse])
    pooled = fine.view(1, 20, 2, 2, 4, 2).mean(dim=(3, 5))
    weights = weighting.expand(weighting.reduce(torch.cat([pooled, coarse], dim=1)))
    torch.testing.assert_close(changed[1], coarse * weights[:, 20:])
    spread = weights[:, :20].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(changed[0], fine * spread)


def test_spatial_weighting_scales_channels() -> None:
    weighting = SpatialWeighting(8)
    features = torch.rand(2, 8, 4, 4)
    scales = weighting(features) / features
    torch.testing.assert_close(scales, scales[:, :, :1, :1].expand_as(scales))
    assert ((scales > 0) & (scales < 1)).all()


def test_fusing_is_the_clean_sum_of_all_branches() -> None:
    """Each branch once; the release adds the finest twice."""
    module = LiteModule([8, 16, 32]).eval()
    inputs = [torch.rand(1, 8 << level, 16 >> level, 8 >> level) for level in range(3)]
    deep = module.blocks(list(inputs))
    for target, output in enumerate(module(list(inputs))):
        layers = list(module.fusion[target].children())
        summands = [layer(maps) for layer, maps in zip(layers, deep, strict=True)]
        assert torch.equal(summands[target], deep[target])
        torch.testing.assert_close(output, (summands[0] + summands[1] + summands[2]).relu())
