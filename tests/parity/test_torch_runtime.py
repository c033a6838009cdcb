"""The torch runtime, here on the CPU, computes what OpenVINO computes."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor, nn

from model.contract.arrays import FloatArray, ImageArray
from model.contract.spec import BundleError, load_pose_spec, write_spec
from model.engine import ServedNetwork
from model.graph import as_stored, relative_difference, write_graph
from model.losses import RegressiveCrossEntropy
from model.networks.fasterpose import FasterPose
from model.program import HALVES, in_half_precision, write_program
from service.bundles import load_pose_model
from service.runtime.base import OutOfMemoryError, Precision, RuntimeLostError, RuntimeUnavailableError
from service.runtime.torch_graph import TorchGraph, TorchRuntime, fast_precisions
from service.runtime.torch_network import TorchNetwork
from service.settings import ServiceSettings
from service.zoo import find_bundle

PARITY_LIMIT = 1e-4
SIZE = (128, 160)
"""(width, height) of the embedded pose network's input."""


@pytest.fixture(scope="module")
def served() -> nn.Module:
    """The embedded pose network's architecture with lively weights."""
    torch.manual_seed(3)
    network = FasterPose("resnet18", 17)
    nn.init.normal_(network.regressor.conv.weight, std=0.05)
    nn.init.zeros_(cast("Tensor", network.regressor.conv.bias))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
    return as_stored(ServedNetwork(network, RegressiveCrossEntropy()).eval())


@pytest.fixture(scope="module")
def crops() -> ImageArray:
    return np.random.default_rng(0).integers(0, 256, (3, SIZE[1], SIZE[0], 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def bundle(served: nn.Module, crops: ImageArray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with an ONNX graph and a program of one network."""
    folder = tmp_path_factory.mktemp("both")
    write_graph(served, crops, folder / "model.onnx", "heatmaps")
    write_program(served, crops, folder / "model.pt2")
    spec = load_pose_spec(find_bundle("fasterpose-r18"))
    accuracy = {"fp32": {"AP": 0.5}, "fp16": {"AP": 0.5}, "bf16": {"AP": 0.4}}
    write_spec(folder, replace(spec, provenance=replace(spec.provenance, name="both", accuracy=accuracy)))
    return folder


def open_torch(bundle: Path, precision: Precision) -> TorchRuntime:
    return TorchGraph(bundle / "model.pt2", precision, "cpu", threads=1).open_runtime()


def answers(bundle: Path, crops: ImageArray, **settings: object) -> FloatArray:
    given = {"model": str(bundle), "precision": "fp32", "threads": 1} | settings
    return load_pose_model(ServiceSettings.model_validate(given)).runtime.infer(crops)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_both_runtimes_give_the_same_heatmaps(bundle: Path, crops: ImageArray, count: int) -> None:
    in_torch = answers(bundle, crops[:count], runtime="torch")
    in_openvino = answers(bundle, crops[:count], runtime="openvino")
    assert (in_torch.shape, in_torch.dtype) == ((count, 17, 40, 32), np.float32)
    assert in_openvino.std() > 0.05
    assert relative_difference(in_torch, in_openvino) < PARITY_LIMIT


@pytest.mark.parametrize("precision", list(HALVES))
def test_half_precisions_compute_what_export_measured(
    served: nn.Module, bundle: Path, crops: ImageArray, precision: Precision
) -> None:
    """The AP in the spec is that of `in_half_precision`: it must be what is served."""
    full = open_torch(bundle, "fp32").infer(crops)
    half = open_torch(bundle, precision).infer(crops)
    measured = in_half_precision(served, "bf16" if precision == "bf16" else "fp16")(crops)
    assert half.dtype == np.float32
    assert 1e-4 < relative_difference(half, full) < 0.05
    assert relative_difference(half, measured) < relative_difference(half, full) / 5


def test_a_runtime_says_what_it_is(bundle: Path) -> None:
    runtime = open_torch(bundle, "bf16")
    assert (runtime.name, runtime.device, runtime.precision, runtime.input_size) == ("torch", "cpu", "bf16", SIZE)


def test_streams_share_the_weights_and_a_lost_one_is_replaced(bundle: Path, crops: ImageArray) -> None:
    settings = ServiceSettings(model=str(bundle), runtime="torch", precision="fp32", streams=2, threads=1)
    model = load_pose_model(settings)
    first, second = model.runtimes
    replacement = model.reopen(1)
    assert len({id(first), id(second), id(replacement)}) == 3
    np.testing.assert_array_equal(replacement.infer(crops), first.infer(crops))


def test_crops_that_are_not_contiguous_are_taken(bundle: Path, crops: ImageArray) -> None:
    mirrored = crops[:, :, ::-1]
    runtime = open_torch(bundle, "fp32")
    np.testing.assert_array_equal(runtime.infer(mirrored), runtime.infer(np.ascontiguousarray(mirrored)))


def test_auto_does_not_take_a_half_precision_on_the_cpu(bundle: Path) -> None:
    assert fast_precisions("cpu") == ()
    settings = ServiceSettings(model=str(bundle), runtime="torch", threads=1)
    assert load_pose_model(settings).runtime.precision == "fp32"


def test_nothing_of_a_program_stays_behind_on_the_cpu(bundle: Path) -> None:
    """On the device `meta`, as on a GPU, a forgotten tensor of the CPU is an error."""
    network = TorchNetwork(bundle / "model.pt2", "fp32", torch.device("meta"))
    images = torch.empty((5, SIZE[1], SIZE[0], 3), dtype=torch.uint8, device="meta")
    assert network(images).shape == (5, 17, 40, 32)


def test_weights_are_held_as_they_are_computed_with(bundle: Path) -> None:
    network = TorchNetwork(bundle / "model.pt2", "bf16", torch.device("cpu"))
    parameters = list(cast("nn.Module", network.module).parameters())
    assert {parameter.dtype for parameter in parameters} == {torch.bfloat16}
    kernels = [parameter for parameter in parameters if parameter.dim() == 4 and parameter.shape[-1] > 1]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    assert kernels


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
def test_a_device_that_is_not_there_is_refused(bundle: Path, precision: Precision) -> None:
    with pytest.raises(RuntimeUnavailableError, match="torch finds no device 'cuda:99' here; it finds: cpu"):
        load_pose_model(ServiceSettings(model=str(bundle), device="cuda:99", precision=precision))


def test_the_embedded_bundle_says_how_to_get_a_program() -> None:
    with pytest.raises(BundleError, match=r"fasterpose-yolo11n has no model\.pt2.*`fasterpose export --pt2`"):
        load_pose_model(ServiceSettings(runtime="torch"))


def test_a_damaged_program_is_refused(bundle: Path, tmp_path: Path) -> None:
    whole = (bundle / "model.pt2").read_bytes()
    (tmp_path / "model.pt2").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match=r"model\.pt2 of bundle .* cannot be read by torch"):
        TorchGraph(tmp_path / "model.pt2", "fp32", "cpu", threads=1)


class Failing(TorchNetwork):
    """A network on which a device fails."""

    def __init__(self, error: Exception) -> None:
        self.input_size = SIZE
        self.error = error

    def __call__(self, images: Tensor) -> Tensor:  # noqa: ARG002
        raise self.error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), OutOfMemoryError),
        (torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be reported"), OutOfMemoryError),
        (torch.AcceleratorError("CUDA error: device-side assert triggered\nCUDA kernel errors"), RuntimeLostError),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), RuntimeLostError),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), RuntimeLostError),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasGemmEx"), RuntimeLostError),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (2)"), RuntimeError),
        (ValueError("CUDA error: none of torch's"), ValueError),
    ],
)
def test_errors_of_a_device_are_told_apart(crops: ImageArray, error: Exception, expected: type[Exception]) -> None:
    runtime = TorchRuntime(Failing(error), "fp32", torch.device("cpu"))
    with pytest.raises(expected, match=str(error).splitlines()[0][:20]) as raised:
        runtime.infer(crops)
    assert type(raised.value) is expected
