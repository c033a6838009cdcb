"""A bundle gets its program from its own weights."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from model.add_program import add_program
from model.cli import ZOO
from model.contract.spec import BundleError, PoseSpec, load_pose_spec, write_spec
from model.graph import PARITY_LIMIT, open_graph, relative_difference, run_torch

POSE = ZOO / "fasterpose-r18"


def with_recipe(folder: Path, change: dict[str, object]) -> PoseSpec:
    """A copy of the pose bundle whose recipe is changed."""
    shutil.copytree(POSE, folder)
    spec = load_pose_spec(folder)
    training = spec.provenance.training | {"recipe": spec.provenance.training["recipe"] | change}
    spec = replace(spec, provenance=replace(spec.provenance, training=training))
    write_spec(folder, spec)
    return spec


def test_a_pose_bundle_gets_a_program_and_its_figures(data: Path, tmp_path: Path) -> None:
    source = {"name": "drawn", "annotations": "val.json", "images": "images", "metric": "ap"}
    before = with_recipe(tmp_path / "bundle", {"validation": [source]})
    measured = add_program(tmp_path / "bundle", tmp_path / "copy", data)
    after = load_pose_spec(tmp_path / "copy")
    assert set(measured) == {"fp16", "bf16"}
    assert after.provenance.accuracy == measured | before.provenance.accuracy
    assert set(after.provenance.files) == {"model.onnx", "model.int8.onnx", "model.pt2"}
    assert replace(after, provenance=before.provenance) == before
    crops = np.random.default_rng(1).integers(0, 256, (1, 160, 128, 3), dtype=np.uint8)
    program, graph = torch.export.load(tmp_path / "copy/model.pt2").module(), open_graph(tmp_path / "copy/model.onnx")
    assert relative_difference(run_torch(program, crops), graph(crops)) < PARITY_LIMIT


def test_a_bundle_without_a_recipe_is_refused(tmp_path: Path) -> None:
    with_recipe(tmp_path / "bundle", {"network": {"trunk": "resnet999"}})
    with pytest.raises(BundleError, match=r"holds no recipe .* \(network\.fasterpose\.trunk: Value error.*--pt2"):
        add_program(tmp_path / "bundle", tmp_path / "copy", None)
    assert not (tmp_path / "copy").exists()


def test_a_network_that_is_not_the_graphs_is_refused(tmp_path: Path) -> None:
    with_recipe(tmp_path / "bundle", {"network": {"trunk": "resnet34"}})
    with pytest.raises(BundleError, match=r"model\.onnx of bundle bundle holds no weights network\.trunk\.layer"):
        add_program(tmp_path / "bundle", tmp_path / "copy", None)


def test_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"not a model bundle: it holds no spec\.json"):
        add_program(tmp_path, tmp_path / "copy", None)
