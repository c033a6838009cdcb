from pathlib import Path

import pytest

pytest.importorskip("ultralytics", reason="needs the train extra")

import torch

from model.detector.boxes import BoxImage, read_person_boxes
from model.detector.network import build_coco_network, keep_person_row, read_weights, write_weights
from model.detector.train import DetectorTraining, draw_images, train_detector, write_yolo_dataset, yolo_lines


def test_boxes_become_shares_of_the_image_clipped_to_it(box_folder: Path) -> None:
    first, second = yolo_lines(read_person_boxes(box_folder, "train")[0])
    assert first == "0 0.312500 0.500000 0.312500 0.500000\n"
    assert second == "0 0.890625 0.166667 0.218750 0.333333\n"


def test_a_box_outside_the_image_is_left_out() -> None:
    assert yolo_lines(BoxImage(1, Path("a.png"), (10, 10), ((11.0, 2.0, 5.0, 5.0), (2.0, 2.0, 0.0, 3.0)))) == []


def test_the_working_folder_links_images_and_labels(box_folder: Path, tmp_path: Path) -> None:
    config = write_yolo_dataset(read_person_boxes(box_folder, "train"), tmp_path / "work")
    links = sorted((tmp_path / "work" / "images" / "train").iterdir())
    assert [link.resolve().name for link in links] == ["a.png", "b.png"]
    labels = sorted((tmp_path / "work" / "labels" / "train").iterdir())
    assert [len(label.read_text().splitlines()) for label in labels] == [2, 0]
    assert "0: person" in config.read_text()


def test_a_draw_is_the_same_for_a_seed(box_folder: Path) -> None:
    draws = [draw_images(box_folder, DetectorTraining(images_per_set=1, seed=3)) for _ in range(2)]
    assert draws[0] == draws[1]
    assert len(draws[0]) == 1
    assert len(draw_images(box_folder, DetectorTraining(images_per_set=9))) == 2


def test_a_step_changes_the_head_alone_and_no_batch_statistics(box_folder: Path, tmp_path: Path) -> None:
    network = build_coco_network()
    keep_person_row(network)
    write_weights(network, tmp_path / "start.safetensors")
    training = DetectorTraining(image_side=64, epochs=1, batch=2, learning_rate=0.01)
    trained = read_weights(train_detector([box_folder], tmp_path / "start.safetensors", tmp_path / "work", training))
    start = read_weights(tmp_path / "start.safetensors")
    changed = {name for name, tensor in start.items() if not torch.equal(tensor, trained[name])}
    assert "model.23.cv3.0.2.weight" in changed
    assert all(int(name.split(".")[1]) > 10 for name in changed)
    assert not any("running" in name for name in changed)
