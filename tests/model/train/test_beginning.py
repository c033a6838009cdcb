"""What stops a run before its first epoch, and what it starts from."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from safetensors.torch import load_file, save_file

from model.build import build_loss
from model.config import read_recipe
from model.contract.coco import AnnotationError
from model.data.dataset import DataError
from model.engine import DeviceError, ServedNetwork
from model.graph import as_stored, write_graph
from model.networks.fasterpose import FasterPose
from model.precisions import GRAPH
from model.train import WEIGHTS, TrainingOptions, train
from tests.model.tiny_run import QUIET, with_schedule


def test_a_missing_photograph_is_named_before_the_first_epoch(recipe_file: Path, options: TrainingOptions) -> None:
    (options.data / "images" / "train-3.png").unlink()
    with pytest.raises(DataError, match=r"photograph .*train-3\.png is missing"):
        train(read_recipe(recipe_file), options, QUIET)
    assert not options.output.exists()


def test_a_broken_photograph_is_named_before_the_first_epoch(recipe_file: Path, options: TrainingOptions) -> None:
    path = options.data / "images" / "train-4.png"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(DataError, match=r"photograph .*train-4\.png: "):
        train(read_recipe(recipe_file), options, QUIET)


def test_a_missing_validation_photograph_is_named_before_the_first_epoch(
    recipe_file: Path, options: TrainingOptions
) -> None:
    (options.data / "images" / "val-2.png").unlink()
    with pytest.raises(DataError, match=r"photograph .*val-2\.png is missing"):
        train(read_recipe(recipe_file), options, QUIET)


def test_a_broken_annotation_is_named_with_file_and_entry(recipe_file: Path, options: TrainingOptions) -> None:
    content = json.loads((options.data / "train.json").read_text())
    content["annotations"][2]["keypoints"].pop()
    (options.data / "train.json").write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match=r"train\.json: annotation 20: its keypoints has 50 numbers"):
        train(read_recipe(recipe_file), options, QUIET)


def test_a_missing_annotation_file_is_named(recipe_file: Path, options: TrainingOptions) -> None:
    (options.data / "val.json").unlink()
    with pytest.raises(AnnotationError, match=r"annotation file .*val\.json cannot be read"):
        train(read_recipe(recipe_file), options, QUIET)


def test_an_unknown_device_is_named_before_anything_is_read(recipe_file: Path, options: TrainingOptions) -> None:
    with pytest.raises(DeviceError, match="device 'tpu' cannot be used"):
        train(read_recipe(recipe_file), replace(options, device="tpu", data=Path("absent")), QUIET)


def test_crops_that_memory_does_not_hold_stop_the_run_before_it_begins(
    recipe_file: Path, options: TrainingOptions
) -> None:
    tight = replace(options, crops="resident", resident_gib=1e-4)
    with pytest.raises(DataError, match="raise --resident-gib or take --crops loader"):
        train(read_recipe(recipe_file), tight, QUIET)
    assert not options.output.exists()


def test_a_run_starts_from_given_weights(recipe_file: Path, options: TrainingOptions, tmp_path: Path) -> None:
    start = FasterPose("resnet18", 17)
    save_file(start.state_dict(), tmp_path / "start.safetensors")
    recipe = read_recipe(recipe_file)
    frozen = recipe.network.model_copy(update={"frozen_stages": 5})
    schedule = recipe.schedule.model_copy(update={"epochs": 1})
    recipe = recipe.model_copy(update={"network": frozen, "schedule": schedule, "validation": ()})
    train(recipe, replace(options, initial_weights=tmp_path / "start.safetensors", checkpoint_steps=100), QUIET)
    weights = load_file(options.output / WEIGHTS)
    assert torch.equal(weights["trunk.layer4.0.conv2.weight"], start.state_dict()["trunk.layer4.0.conv2.weight"])
    assert not torch.equal(weights["regressor.conv.weight"], start.regressor.conv.weight)


def test_a_run_starts_from_a_bundle(recipe_file: Path, options: TrainingOptions, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_file)
    start = as_stored(ServedNetwork(FasterPose("resnet18", 17), build_loss(recipe.loss)))
    write_graph(start, np.zeros((2, 64, 64, 3), dtype=np.uint8), tmp_path / GRAPH, "heatmaps")
    frozen = recipe.network.model_copy(update={"frozen_stages": 5})
    recipe = with_schedule(recipe, epochs=1).model_copy(update={"network": frozen})
    train(recipe, replace(options, initial_weights=tmp_path, checkpoint_steps=100), QUIET)
    weights, expected = load_file(options.output / WEIGHTS), start.state_dict()
    assert torch.equal(weights["trunk.layer4.0.conv2.weight"], expected["network.trunk.layer4.0.conv2.weight"])
    assert not torch.equal(weights["regressor.conv.weight"], expected["network.regressor.conv.weight"])
