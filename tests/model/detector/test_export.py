from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ultralytics", reason="needs the train extra")
pytest.importorskip("openvino", reason="needs the train extra")

import torch

from model.contract.spec import load_detector_spec
from model.detector.boxes import read_person_boxes
from model.detector.export import OUTPUT, DetectorExport, calibration_images, export_detector
from model.detector.network import ServedDetector, build_coco_network, keep_person_row, write_weights
from model.graph import cpu_has_bf16, open_graph, run_torch, write_graph
from model.precisions import GRAPH

SIZE = (96, 64)


def test_a_small_graph_equals_torch_at_any_batch_and_rectangle(tmp_path: Path) -> None:
    network = build_coco_network()
    keep_person_row(network)
    detector = ServedDetector(network)
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    assert write_graph(detector, images[:2], tmp_path / GRAPH, OUTPUT, open_sides=True) <= 1e-4
    graph = open_graph(tmp_path / GRAPH)
    for batch in (images, images[:1, :32], np.ascontiguousarray(images.transpose(0, 2, 1, 3))):
        rows = graph(batch)
        assert rows.shape == (len(batch), batch.shape[1] * batch.shape[2] * 21 // 1024, 5)
        np.testing.assert_allclose(rows, run_torch(detector, batch), rtol=1e-3, atol=1e-3)


def test_calibration_images_are_letterboxed_as_served(box_folder: Path) -> None:
    images = calibration_images(read_person_boxes(box_folder, "train"), SIZE)
    assert [image.shape for image in images] == [(64, 96, 3), (64, 64, 3)]
    assert images[1][0, 0, 0] == 114  # the border of the tall photograph
    assert images[1][32, 32, 0] == 90


def test_an_export_is_a_bundle_with_what_was_measured(box_folder: Path, tmp_path: Path) -> None:
    network = build_coco_network()
    keep_person_row(network)
    write_weights(network, tmp_path / "start.safetensors")
    bundle = tmp_path / "small"
    export = DetectorExport(tmp_path / "start.safetensors", box_folder, SIZE, "1.2.3", {"data": "drawn"}, int8=False)
    report = export_detector(bundle, export)
    spec = load_detector_spec(bundle)
    assert report.parity <= 1e-4
    assert (spec.input_size, spec.needs_nms, spec.stride) == (SIZE, True, 32)
    assert (spec.provenance.name, spec.provenance.licence) == ("small", "AGPL-3.0-only")
    assert spec.provenance.training == {"data": "drawn"}
    nothing_found = {"AP": 0.0, "AP50": 0.0, "recall@0.3": 0.0}
    measured = ("fp32", "bf16") if cpu_has_bf16() else ("fp32",)
    assert spec.provenance.accuracy == report.accuracy == dict.fromkeys(measured, nothing_found)
    assert set(spec.provenance.files) == {"model.onnx", "model.safetensors"}


def test_a_program_serves_any_batch_and_is_measured_in_its_precisions(box_folder: Path, tmp_path: Path) -> None:
    network = build_coco_network()
    keep_person_row(network)
    write_weights(network, tmp_path / "start.safetensors")
    bundle = tmp_path / "small"
    export = DetectorExport(tmp_path / "start.safetensors", box_folder, SIZE, "1", {}, int8=False, pt2=True)
    report = export_detector(bundle, export)
    spec = load_detector_spec(bundle)
    assert set(spec.provenance.files) == {"model.onnx", "model.pt2", "model.safetensors"}
    assert set(spec.provenance.accuracy) == set(report.accuracy) == {"fp32", "fp16", "bf16"}
    program = torch.export.load(bundle / "model.pt2").module()
    for count in (1, 3):
        images = np.random.default_rng(count).integers(0, 256, (count, 64, 96, 3), dtype=np.uint8)
        rows = run_torch(program, images)
        np.testing.assert_allclose(rows, open_graph(bundle / GRAPH)(images), rtol=1e-3, atol=1e-3)
    constants = {name.rsplit(".", 1)[-1] for name in torch.export.load(bundle / "model.pt2").constants}
    assert constants == {"anchors", "strides"}  # else a GPU would compute them anew for each batch, and wait for it
