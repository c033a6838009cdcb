import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import onnx
import torch
from onnx import TensorProto
from torch import Tensor, nn

from model.contract.arrays import ImageArray
from model.engine import ServedNetwork
from model.graph import (
    PARITY_LIMIT,
    HalfRange,
    ParityError,
    as_stored,
    open_graph,
    quantize,
    relative_difference,
    run_torch,
    store_weights_in_half,
    trace,
    write_graph,
)
from model.losses import RegressiveCrossEntropy
from model.networks.fasterpose import FasterPose
from tests.model.narrow import use_narrow_trunks


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """A narrow FasterPose with lively weights and batch-norm statistics."""
    use_narrow_trunks(monkeypatch)
    torch.manual_seed(2)
    network = FasterPose("resnet18", 5)
    nn.init.normal_(network.regressor.conv.weight, std=0.3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            statistics = module.state_dict()
            nn.init.normal_(statistics["running_mean"], std=0.2)
            nn.init.uniform_(statistics["running_var"], 0.5, 2)
    return ServedNetwork(network, RegressiveCrossEntropy()).eval()


@pytest.fixture
def crops() -> ImageArray:
    return np.random.default_rng(4).integers(0, 256, (3, 64, 32, 3), dtype=np.uint8)


def test_folding_and_rounding_barely_change_what_is_computed(served: nn.Module, crops: ImageArray) -> None:
    before = {name: value.clone() for name, value in served.state_dict().items()}
    stored = as_stored(served)
    assert not [module for module in stored.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(torch.equal(parameter, parameter.half().float()) for parameter in stored.parameters())
    assert 0 < relative_difference(run_torch(stored, crops), run_torch(served, crops)) < 2e-3
    assert all(torch.equal(value, before[name]) for name, value in served.state_dict().items())


@pytest.mark.parametrize("frozen", [0, 3, 5])
def test_a_trunk_with_frozen_stages_folds_alike(
    crops: ImageArray, frozen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_narrow_trunks(monkeypatch)
    served = ServedNetwork(FasterPose("resnet18", 5, frozen_stages=frozen), RegressiveCrossEntropy()).eval()
    assert relative_difference(run_torch(as_stored(served), crops), run_torch(served, crops)) < 2e-3


def test_a_written_graph_computes_what_torch_does_for_any_batch(
    served: nn.Module, crops: ImageArray, tmp_path: Path
) -> None:
    stored = as_stored(served)
    path = tmp_path / "model.onnx"
    difference = write_graph(stored, crops[:2], path, "heatmaps")
    assert difference < PARITY_LIMIT / 10
    graph = open_graph(path)
    for batch in (crops[:1], crops, np.concatenate([crops] * 3)):
        assert relative_difference(graph(batch), run_torch(stored, batch)) < PARITY_LIMIT
    content = onnx.load(path)
    (output,) = content.graph.output
    assert (content.graph.input[0].name, output.name) == ("images", "heatmaps")
    assert content.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    assert content.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_weights_are_stored_in_half_precision(served: nn.Module, crops: ImageArray, tmp_path: Path) -> None:
    stored = as_stored(served)
    write_graph(stored, crops, tmp_path / "model.onnx", "heatmaps")
    tensors = onnx.load(tmp_path / "model.onnx").graph.initializer
    weights = [tensor for tensor in tensors if len(tensor.dims) > 1 and math.prod(tensor.dims) >= 64]
    assert {tensor.data_type for tensor in weights} == {TensorProto.FLOAT16}
    parameters = sum(parameter.numel() for parameter in stored.parameters())
    assert (tmp_path / "model.onnx").stat().st_size < 2 * parameters + 40_000


def test_the_order_of_colours_matters(served: nn.Module, crops: ImageArray, tmp_path: Path) -> None:
    """Else a graph with swapped channels would pass for parity."""
    write_graph(as_stored(served), crops, tmp_path / "model.onnx", "heatmaps")
    graph = open_graph(tmp_path / "model.onnx")
    swapped = np.ascontiguousarray(crops[..., ::-1])
    assert relative_difference(graph(swapped), graph(crops)) > 100 * PARITY_LIMIT


class Tampered(nn.Module):
    """Computes something else when it is traced than when it is run."""

    def __init__(self, inside: nn.Module, change: float) -> None:
        super().__init__()
        self.inside, self.change = inside, change

    def forward(self, crops: Tensor) -> Tensor:
        heatmaps = self.inside(crops)
        return heatmaps * (1 + self.change) if torch.onnx.is_in_onnx_export() else heatmaps


@pytest.mark.parametrize("change", [3e-4, math.nan])
def test_a_graph_that_differs_is_refused(served: nn.Module, crops: ImageArray, tmp_path: Path, change: float) -> None:
    with pytest.raises(ParityError, match=r"model\.onnx differs from torch by a relative L2 of"):
        write_graph(Tampered(as_stored(served), change), crops, tmp_path / "model.onnx", "heatmaps")


class SplitSiLU(nn.Module):
    """A branch as YOLO11 has many: SiLU, split in two, one half through a convolution, all concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.branch, self.last = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1), nn.Conv2d(24, 8, 1)
        for convolution in (self.first, self.branch, self.last):
            nn.init.normal_(convolution.weight, std=0.4)

    def forward(self, images: Tensor) -> Tensor:
        features = nn.functional.silu(self.first(images.permute(0, 3, 1, 2).float() / 255))
        left, right = features.chunk(2, 1)
        added = right + nn.functional.silu(self.branch(right))
        return self.last(torch.cat([left, right, added], 1))


@pytest.mark.parametrize("half_range", ["weights", "activations"])
def test_an_int8_graph_with_split_silu_is_near_the_float_graph(tmp_path: Path, half_range: HalfRange) -> None:
    torch.manual_seed(0)
    network = SplitSiLU().eval()
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    trace(network, images[:2], tmp_path / "plain.onnx", "features")
    quantised = tmp_path / "int8.onnx"
    quantize(tmp_path / "plain.onnx", list(images), quantised, half_range=half_range)
    assert 0 < relative_difference(open_graph(quantised)(images), run_torch(network, images)) < 0.1


def test_half_storage_is_lossless_for_rounded_weights(served: nn.Module, crops: ImageArray, tmp_path: Path) -> None:
    plain, halves = tmp_path / "plain.onnx", tmp_path / "halves.onnx"
    trace(as_stored(served), crops, plain, "heatmaps")
    content = onnx.load(plain)
    store_weights_in_half(content)
    onnx.save(content, halves)
    assert halves.stat().st_size < 0.7 * plain.stat().st_size
    assert np.array_equal(open_graph(halves)(crops), open_graph(plain)(crops))
