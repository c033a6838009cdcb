from dataclasses import replace
from pathlib import Path

import pytest

from model.contract.spec import BundleError
from service.runtime.base import Precision, RuntimeUnavailableError
from service.runtime.precision import choose_precision, graph_file
from service.settings import RuntimeKind
from tests.service.fakes import provenance

INT8, INT8_BF16, CUDA = ("int8",), ("int8", "bf16"), ("fp16", "bf16")
FILES: dict[RuntimeKind, str] = {"openvino": "model.onnx", "torch": "model.pt2"}


def test_a_precision_without_a_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()
    with pytest.raises(BundleError, match=r"has no model\.int8\.onnx, so it cannot run in int8 on the openvino"):
        graph_file(tmp_path, "openvino", "int8")


def test_a_missing_program_is_refused_with_the_commands_that_write_it(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()
    with pytest.raises(
        BundleError, match=r"no model\.pt2.*`fasterpose export --pt2`.*detector export.*`fasterpose add-pt2`"
    ):
        graph_file(tmp_path, "torch", "fp32")


@pytest.mark.parametrize(
    ("kind", "precision", "choices"),
    [("openvino", "fp16", "fp32, bf16, int8 or auto"), ("torch", "int8", "fp32, bf16, fp16 or auto")],
)
def test_a_precision_of_another_runtime_is_refused(
    tmp_path: Path, kind: RuntimeKind, precision: Precision, choices: str
) -> None:
    with pytest.raises(RuntimeUnavailableError, match=f"{kind} runtime does not compute in {precision}.*{choices}"):
        graph_file(tmp_path, kind, precision)


@pytest.mark.parametrize(
    ("kind", "precision", "name"),
    [
        ("openvino", "fp32", "model.onnx"),
        ("openvino", "bf16", "model.onnx"),
        ("openvino", "int8", "model.int8.onnx"),
        ("torch", "fp32", "model.pt2"),
        ("torch", "fp16", "model.pt2"),
    ],
)
def test_each_runtime_and_precision_has_its_graph(
    tmp_path: Path, kind: RuntimeKind, precision: Precision, name: str
) -> None:
    (tmp_path / name).touch()
    assert graph_file(tmp_path, kind, precision) == tmp_path / name


@pytest.mark.parametrize(
    ("accuracy", "has_int8", "kind", "faster", "expected"),
    [
        ({"fp32": 0.600, "bf16": 0.599, "int8": 0.596}, True, "openvino", INT8_BF16, "int8"),
        ({"fp32": 0.600, "bf16": 0.599, "int8": 0.594}, True, "openvino", INT8_BF16, "bf16"),
        ({"fp32": 0.600, "bf16": 0.599, "int8": 0.594}, True, "openvino", INT8, "fp32"),
        ({"fp32": 0.600, "bf16": 0.599, "int8": 0.600}, False, "openvino", INT8_BF16, "bf16"),
        ({"fp32": 0.600}, True, "openvino", INT8_BF16, "fp32"),
        ({"int8": 0.600}, True, "openvino", INT8_BF16, "fp32"),
        ({"fp32": 0.500, "int8": 0.600}, True, "openvino", INT8, "int8"),
        ({"fp32": 0.600, "fp16": 0.600, "bf16": 0.600, "int8": 0.600}, True, "torch", CUDA, "fp16"),
        ({"fp32": 0.600, "fp16": 0.590, "bf16": 0.598, "int8": 0.600}, True, "torch", CUDA, "bf16"),
        ({"fp32": 0.600, "fp16": 0.590, "bf16": 0.590, "int8": 0.600}, True, "torch", CUDA, "fp32"),
        ({"fp32": 0.600, "int8": 0.600}, True, "torch", CUDA, "fp32"),
        ({"fp32": 0.600, "fp16": 0.600}, True, "torch", (), "fp32"),
    ],
)
def test_auto_is_the_fastest_precision_that_keeps_the_accuracy(
    tmp_path: Path,
    accuracy: dict[str, float],
    has_int8: bool,
    kind: RuntimeKind,
    faster: tuple[Precision, ...],
    expected: str,
) -> None:
    (tmp_path / FILES[kind]).touch()
    if has_int8:
        (tmp_path / "model.int8.onnx").touch()
    measured = replace(provenance("x"), accuracy={precision: {"AP": ap} for precision, ap in accuracy.items()})
    assert choose_precision(tmp_path, measured, kind, faster) == expected
