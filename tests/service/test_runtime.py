from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.contract.spec import BundleError
from service.runtime.base import RuntimeUnavailableError
from service.runtime.openvino import OpenVinoRuntime, supports_bf16
from service.runtime.precision import choose_precision, graph_file
from tests.service.fakes import provenance
from tests.service.onnx_files import detector_graph, pose_graph


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(pose_graph(48, 64, 17))
    return tmp_path


def test_a_graph_runs_on_batches_of_any_size(folder: Path) -> None:
    runtime = OpenVinoRuntime(graph_file(folder, "fp32"), "fp32", "cpu", 1)
    assert (runtime.name, runtime.device, runtime.precision, runtime.input_size) == (
        "openvino",
        "cpu",
        "fp32",
        (48, 64),
    )
    for count in (1, 3, 2):
        heatmaps = runtime.infer(np.full((count, 64, 48, 3), 51, np.uint8))
        assert (heatmaps.shape, heatmaps.dtype) == ((count, 17, 16, 12), np.float32)
        np.testing.assert_allclose(heatmaps, 0.2, rtol=1e-5)


def test_a_graph_with_open_sides_takes_any_rectangle(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(detector_graph("width", "height", [[1, 2, 3, 4, 0.5]]))
    runtime = OpenVinoRuntime(tmp_path / "model.onnx", "fp32", "cpu", 1, largest=(64, 96))
    assert runtime.input_size == (64, 96)
    for height, width in ((96, 64), (32, 64), (96, 32)):
        np.testing.assert_allclose(runtime.infer(np.ones((2, height, width, 3), np.uint8)), [[[1, 2, 3, 4, 0.5]]] * 2)


def test_an_answer_is_not_overwritten_by_the_next(folder: Path) -> None:
    runtime = OpenVinoRuntime(graph_file(folder, "fp32"), "fp32", "cpu", 1)
    first = runtime.infer(np.full((1, 64, 48, 3), 255, np.uint8))
    runtime.infer(np.zeros((1, 64, 48, 3), np.uint8))
    np.testing.assert_allclose(first, 1.0, rtol=1e-5)


def test_an_unknown_device_is_refused_with_those_that_are_there(folder: Path) -> None:
    with pytest.raises(RuntimeUnavailableError, match="no device 'tpu' here; it finds: cpu"):
        OpenVinoRuntime(graph_file(folder, "fp32"), "fp32", "tpu", 1)


def test_bf16_is_refused_where_the_cpu_has_none(folder: Path) -> None:
    if supports_bf16("cpu"):
        assert OpenVinoRuntime(graph_file(folder, "bf16"), "bf16", "cpu", 1).precision == "bf16"
        return
    with pytest.raises(RuntimeUnavailableError, match="does not compute in bf16"):
        OpenVinoRuntime(graph_file(folder, "bf16"), "bf16", "cpu", 1)


def test_a_precision_without_a_graph_is_refused(folder: Path) -> None:
    with pytest.raises(BundleError, match=r"has no model\.int8\.onnx"):
        graph_file(folder, "int8")


@pytest.mark.parametrize(
    ("accuracy", "has_int8", "bf16", "expected"),
    [
        ({"fp32": 0.600, "bf16": 0.599, "int8": 0.596}, True, True, "int8"),
        ({"fp32": 0.600, "bf16": 0.599, "int8": 0.594}, True, True, "bf16"),
        ({"fp32": 0.600, "bf16": 0.599, "int8": 0.594}, True, False, "fp32"),
        ({"fp32": 0.600, "bf16": 0.599, "int8": 0.600}, False, True, "bf16"),
        ({"fp32": 0.600}, True, True, "fp32"),
        ({"int8": 0.600}, True, True, "fp32"),
        ({"fp32": 0.500, "int8": 0.600}, True, False, "int8"),
    ],
)
def test_auto_is_the_fastest_precision_that_keeps_the_accuracy(
    folder: Path, accuracy: dict[str, float], has_int8: bool, bf16: bool, expected: str
) -> None:
    if has_int8:
        (folder / "model.int8.onnx").write_bytes(b"")
    measured = replace(provenance("x"), accuracy={precision: {"AP": ap} for precision, ap in accuracy.items()})
    assert choose_precision(folder, measured, bf16) == expected
