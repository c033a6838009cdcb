import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn

from model.networks.efficientpose import EfficientPose, InvertedBottleneck, Variant


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("variant", "stem", "stages", "deconvolutions", "blocks"),
    [
        ("a", 1_824, 1_165_456, 131_264, 26),
        ("b", 2_096, 3_053_200, 196_800, 33),
        ("c", 2_096, 4_802_600, 196_800, 33),
    ],
)
def test_parts_have_the_known_counts(
    variant: Variant, stem: int, stages: int, deconvolutions: int, blocks: int
) -> None:
    with torch.device("meta"):
        network = EfficientPose(variant, 17)
    assert (count(network.stem), count(network.stages)) == (stem, stages)
    assert count(network.deconvolutions) == deconvolutions
    assert count(network.smooth) + count(network.predictor) == 849
    assert sum(isinstance(module, InvertedBottleneck) for module in network.modules()) == blocks


def test_a_block_has_a_shortcut_only_where_shapes_agree() -> None:
    features = torch.rand(1, 4, 8, 8)
    same = InvertedBottleneck(4, 4, 3, 2, stride=1).eval()
    torch.testing.assert_close(same(features), features + same.layers(features))
    for other in (InvertedBottleneck(4, 6, 3, 2, stride=1), InvertedBottleneck(4, 4, 3, 2, stride=2)):
        assert torch.equal(other.eval()(features), other.layers(features))


def test_the_head_lets_the_signal_through() -> None:
    """Its depthwise convolution has no batch norm to scale it up again."""
    network = EfficientPose("a", 5).train()
    with torch.no_grad():
        features = network.deconvolutions(network.stages(network.stem(torch.randn(4, 3, 64, 64))))
        assert float(network.smooth(features).std()) > 0.1 * float(features.std())
