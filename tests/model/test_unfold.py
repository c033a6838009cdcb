"""A bundle's weights in a network that trains on."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import nn

from model.config import RecipeError
from model.engine import ServedNetwork
from model.graph import as_stored, open_graph, write_graph
from model.losses import RegressiveCrossEntropy
from model.networks.fasterpose import FasterPose
from model.networks.normalise import Normalise
from model.precisions import GRAPH
from model.unfold import load_bundle
from tests.model.narrow import use_narrow_trunks

CROPS = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
LOSS = RegressiveCrossEntropy()


@pytest.fixture(params=["resnet18", "yolo11n"])
def trunk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bundle(trunk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network (a ResNet is made narrow) whose batch norms are no plain ones, as a bundle's graph."""
    use_narrow_trunks(monkeypatch)
    torch.manual_seed(1)
    network = FasterPose(trunk, 17)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            module.state_dict()["running_mean"].uniform_(-0.2, 0.2)
            module.state_dict()["running_var"].uniform_(0.5, 2)
    nn.init.normal_(network.regressor.conv.weight, std=0.1)
    write_graph(as_stored(ServedNetwork(network, LOSS)), CROPS, tmp_path / GRAPH, "heatmaps")
    return tmp_path


def test_the_network_computes_what_the_bundle_does(trunk: str, bundle: Path) -> None:
    network = FasterPose(trunk, 17)
    line = load_bundle(network, bundle, torch.from_numpy(CROPS))
    served = ServedNetwork(network, LOSS).eval()
    with torch.no_grad():
        heatmaps = served(torch.from_numpy(CROPS)).numpy()
    np.testing.assert_allclose(heatmaps, open_graph(bundle / GRAPH)(CROPS), atol=1e-4)
    assert line.endswith("batch norms measured on 8 crops")


def test_training_on_the_measured_crops_starts_where_the_bundle_stood(trunk: str, bundle: Path) -> None:
    """In training the statistics come from the batch; with those of a fresh network the output would be another."""
    network = FasterPose(trunk, 17)
    load_bundle(network, bundle, torch.from_numpy(CROPS))
    images = Normalise()(torch.from_numpy(CROPS))
    with torch.no_grad():
        expected, trained = network.eval()(images), network.train()(images)
    difference = (trained - expected).norm() / (expected - expected.mean()).norm()
    assert float(difference) < 0.05  # the measured variance is the unbiased one, a batch's is not


def test_a_folder_without_a_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"initial weights .*model\.onnx cannot be read"):
        load_bundle(FasterPose("resnet18", 17), tmp_path, torch.zeros(1, 64, 64, 3, dtype=torch.uint8))


def test_a_file_that_is_no_graph_is_named(tmp_path: Path) -> None:
    (tmp_path / GRAPH).write_bytes(b"not a graph at all")
    with pytest.raises(RecipeError, match=r"initial weights .*model\.onnx cannot be read"):
        load_bundle(FasterPose("resnet18", 17), tmp_path, torch.zeros(1, 64, 64, 3, dtype=torch.uint8))


def test_another_networks_bundle_is_refused(bundle: Path) -> None:
    with pytest.raises(RecipeError, match="are another network's"):
        load_bundle(FasterPose("resnet34", 17), bundle, torch.from_numpy(CROPS))
