from pathlib import Path

import pytest

pytest.importorskip("ultralytics", reason="needs the train extra")

from typer.testing import CliRunner

from model.contract.spec import DetectorSpec, Provenance, load_detector_spec
from model.detector.cli import app, timed_sizes
from model.detector.export import DetectorExport, export_detector
from model.detector.network import build_coco_network, keep_person_row, write_weights
from model.graph import cpu_has_bf16
from model.precisions import record_accuracy


@pytest.mark.parametrize(("stride", "sizes"), [(0, [(640, 640)]), (32, [(640, 640), (640, 384)])])
def test_the_sizes_that_are_served_are_timed(stride: int, sizes: list[tuple[int, int]]) -> None:
    spec = DetectorSpec(Provenance("d", "1", "a", "MIT", {}, {}), (640, 640), needs_nms=True, stride=stride)
    assert timed_sizes(spec) == sizes


def test_evaluate_prints_every_precision_and_writes_when_told(box_folder: Path, tmp_path: Path) -> None:
    network = build_coco_network()
    keep_person_row(network)
    write_weights(network, tmp_path / "start.safetensors")
    bundle = tmp_path / "small"
    export_detector(bundle, DetectorExport(tmp_path / "start.safetensors", box_folder, (96, 64), "1", {}, int8=False))
    measured = load_detector_spec(bundle)
    record_accuracy(bundle, measured, {"fp32": {"AP": 0.9}, "int8": {"AP": 0.8}})
    arguments = ["evaluate", "--bundle", str(bundle), "--data", str(box_folder)]
    printed = CliRunner().invoke(app, arguments)
    assert printed.exit_code == 0
    assert "fp32" in printed.output
    assert ("bf16" in printed.output) == cpu_has_bf16()
    assert load_detector_spec(bundle).provenance.accuracy["fp32"] == {"AP": 0.9}
    assert CliRunner().invoke(app, [*arguments, "--write"]).exit_code == 0
    expected = measured.provenance.accuracy | {"int8": {"AP": 0.8}}
    assert load_detector_spec(bundle).provenance.accuracy == expected
