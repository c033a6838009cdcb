import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor, nn

from model.contract.arrays import ImageArray
from model.engine import ServedNetwork
from model.graph import PARITY_LIMIT, ParityError, as_stored, relative_difference, run_torch, write_graph
from model.losses import RegressiveCrossEntropy
from model.networks.fasterpose import FasterPose
from model.program import in_half_precision, stored_in_half, write_program
from tests.model.narrow import use_narrow_trunks


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """A narrow FasterPose with lively weights, as bundles store it."""
    use_narrow_trunks(monkeypatch)
    torch.manual_seed(2)
    network = FasterPose("resnet18", 5)
    nn.init.normal_(network.regressor.conv.weight, std=0.3)
    return as_stored(ServedNetwork(network, RegressiveCrossEntropy()).eval())


@pytest.fixture
def crops() -> ImageArray:
    return np.random.default_rng(1).integers(0, 256, (3, 64, 32, 3), dtype=np.uint8)


def test_a_written_program_computes_what_torch_does_for_any_batch(
    served: nn.Module, crops: ImageArray, tmp_path: Path
) -> None:
    assert write_program(served, crops[:2], tmp_path / "model.pt2") < PARITY_LIMIT / 10
    program = torch.export.load(tmp_path / "model.pt2").module()
    for batch in (crops[:1], crops, np.concatenate([crops] * 3)):
        assert relative_difference(run_torch(program, batch), run_torch(served, batch)) < PARITY_LIMIT / 10


def test_weights_are_stored_in_half_and_once(served: nn.Module, crops: ImageArray, tmp_path: Path) -> None:
    write_program(served, crops, tmp_path / "model.pt2")
    state = torch.export.load(tmp_path / "model.pt2").state_dict
    assert {value.dtype for value in state.values()} == {torch.float16}
    assert sum(value.numel() for value in state.values()) == sum(value.numel() for value in served.parameters())


def test_the_module_itself_stays_as_it_is(served: nn.Module, crops: ImageArray) -> None:
    before = run_torch(served, crops)
    halved = stored_in_half(served)
    assert {parameter.dtype for parameter in served.parameters()} == {torch.float32}
    assert np.array_equal(run_torch(served, crops), before)
    assert np.array_equal(run_torch(halved, crops), before)


def test_a_program_and_a_graph_of_a_network_are_about_as_large(crops: ImageArray, tmp_path: Path) -> None:
    wide = as_stored(nn.Sequential(Bytes(), nn.Conv2d(3, 512, 7), nn.Conv2d(512, 64, 5)).eval())
    write_graph(wide, crops, tmp_path / "model.onnx", "heatmaps")
    write_program(wide, crops, tmp_path / "model.pt2")
    graph, program = ((tmp_path / name).stat().st_size for name in ("model.onnx", "model.pt2"))
    assert program < 1.2 * graph


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precisions_are_near_the_full_one_but_not_it(served: nn.Module, crops: ImageArray, precision: str) -> None:
    half = in_half_precision(served, "bf16" if precision == "bf16" else "fp16")(crops)
    assert half.dtype == np.float32
    assert 1e-5 < relative_difference(half, run_torch(served, crops)) < 0.05


class Bytes(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.permute(0, 3, 1, 2).float() / 255


class Tampered(nn.Module):
    """Computes something else when it is exported than when it is run."""

    def __init__(self, inside: nn.Module, change: float) -> None:
        super().__init__()
        self.inside, self.change = inside, change

    def forward(self, crops: Tensor) -> Tensor:
        heatmaps = self.inside(crops)
        return heatmaps * (1 + self.change) if torch.compiler.is_exporting() else heatmaps


class OfItsBatch(nn.Module):
    """Is right only for the batch that it was exported with."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, crops: Tensor) -> Tensor:
        heatmaps = self.inside(crops)
        return heatmaps / heatmaps.shape[0] * 3 if torch.compiler.is_exporting() else heatmaps


@pytest.mark.parametrize("change", [3e-4, math.nan])
def test_a_program_that_differs_is_refused(served: nn.Module, crops: ImageArray, tmp_path: Path, change: float) -> None:
    with pytest.raises(ParityError, match=r"model\.pt2 differs from torch by a relative L2 of"):
        write_program(Tampered(served, change), crops, tmp_path / "model.pt2")


def test_a_program_that_differs_for_one_image_alone_is_refused(
    served: nn.Module, crops: ImageArray, tmp_path: Path
) -> None:
    with pytest.raises(ParityError, match=r"model\.pt2 differs"):
        write_program(OfItsBatch(served), crops, tmp_path / "model.pt2")
