"""Specs: written and read back whole, and every refusal says what is wrong."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.contract.codec import HeatmapCodec
from model.contract.skeleton import COCO_17
from model.contract.spec import (
    BundleError,
    DetectorSpec,
    PoseSpec,
    Provenance,
    keeps_ap,
    load_detector_spec,
    load_pose_spec,
    sha256_of,
    write_spec,
)

PROVENANCE = Provenance(
    name="fasterpose-small",
    version="1.0",
    architecture="fasterpose-resnet18",
    licence="Apache-2.0",
    training={"data": ["coco"], "hours": 1.5},
    accuracy={"fp32": {"AP": 0.5}, "int8": {"AP": 0.49}},
)
POSE = PoseSpec(
    provenance=PROVENANCE,
    skeleton=COCO_17,
    codec=HeatmapCodec((192, 256), (48, 64), 2.0, "half_pixel", "exact", "dark"),
    box_padding=1.25,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
DETECTOR = DetectorSpec(
    provenance=replace(PROVENANCE, name="detector"), input_size=(640, 640), needs_nms=True, stride=32
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"graph")
    write_spec(folder, POSE)
    return folder


def edit(folder: Path, change: dict[str, Any]) -> None:
    path = folder / "spec.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def without_key(folder: Path, key: str) -> None:
    path = folder / "spec.json"
    content = json.loads(path.read_text())
    del content[key]
    path.write_text(json.dumps(content))


def test_pose_specs_come_back_equal(bundle: Path) -> None:
    files = {"model.onnx": sha256_of(bundle / "model.onnx")}
    assert load_pose_spec(bundle) == replace(POSE, provenance=replace(PROVENANCE, files=files))
    assert load_pose_spec(bundle).input_size == (192, 256)


def test_detector_specs_come_back_equal(tmp_path: Path) -> None:
    write_spec(tmp_path, DETECTOR)
    assert load_detector_spec(tmp_path) == DETECTOR


def test_a_detector_spec_of_an_earlier_release_takes_its_input_size_alone(tmp_path: Path) -> None:
    write_spec(tmp_path, DETECTOR)
    without_key(tmp_path, "stride")
    assert load_detector_spec(tmp_path) == replace(DETECTOR, stride=0)


def test_writing_again_keeps_the_hashes_right(bundle: Path) -> None:
    (bundle / "model.int8.onnx").write_bytes(b"smaller")
    write_spec(bundle, load_pose_spec(bundle))
    assert set(load_pose_spec(bundle).provenance.files) == {"model.onnx", "model.int8.onnx"}


def test_a_hash_is_of_the_files_bytes(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert sha256_of(path) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_folder_without_spec_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a model bundle"):
        load_pose_spec(tmp_path)


def test_damaged_and_missing_files_are_named(bundle: Path) -> None:
    (bundle / "model.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"sha256 of model\.onnx differs"):
        load_pose_spec(bundle)
    (bundle / "model.onnx").unlink()
    with pytest.raises(BundleError, match=r"lacks model\.onnx"):
        load_pose_spec(bundle)


def test_another_version_or_kind_is_refused(bundle: Path) -> None:
    with pytest.raises(BundleError, match="holds a pose network, not a detector"):
        load_detector_spec(bundle)
    edit(bundle, {"spec_version": 99})
    with pytest.raises(BundleError, match="spec version 99; this release reads 1"):
        load_pose_spec(bundle)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "null", "\udcff", '{"kind": "pose"}', '"text"'])
def test_a_spec_that_is_no_spec_is_refused(bundle: Path, content: str) -> None:
    (bundle / "spec.json").write_text(content, errors="surrogateescape")
    with pytest.raises(BundleError, match="small cannot be read"):
        load_pose_spec(bundle)


@pytest.mark.parametrize("key", ["provenance", "skeleton", "codec", "box_padding", "mean", "std"])
def test_missing_keys_are_refused(bundle: Path, key: str) -> None:
    without_key(bundle, key)
    with pytest.raises(BundleError, match="cannot be read"):
        load_pose_spec(bundle)


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"codec": {"sigma": 2}},
        {"codec": []},
        {"codec": None},
        {"mean": 3},
        {"provenance": []},
        {"provenance": {"files": []}},
        {"provenance": {"files": {}}},
        {"skeleton": {"name": "x"}},
        {"skeleton": 7},
    ],
)
def test_wrong_values_are_refused(bundle: Path, change: dict[str, Any]) -> None:
    edit(bundle, change)
    with pytest.raises(BundleError, match="cannot be read"):
        load_pose_spec(bundle)


def test_a_precision_stands_for_fp32_to_half_a_point_of_ap() -> None:
    assert keeps_ap(0.5, 0.495)  # 0.5 - 0.495 is a little more than 0.005 in binary
    assert keeps_ap(0.3, 0.4)
    assert not keeps_ap(0.5, 0.4949)
