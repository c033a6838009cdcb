from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("ultralytics", reason="needs the train extra")

import torch
from safetensors.torch import save_file

from model.detector.network import (
    ServedDetector,
    WeightsError,
    build_coco_network,
    build_person_network,
    detect_head,
    read_weights,
    write_weights,
)


@pytest.fixture(scope="module")
def coco_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An 80-class network with random weights whose scores differ between classes."""
    torch.manual_seed(0)
    network = build_coco_network()
    for name, parameter in network.named_parameters():
        if name.startswith("model.23.cv3") and ".2." in name:
            torch.nn.init.normal_(parameter)
    path = tmp_path_factory.mktemp("weights") / "coco.safetensors"
    write_weights(network, path)
    return path


def test_slicing_keeps_boxes_and_person_scores(coco_weights: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    sides = ((64, 8), (128, 4), (256, 2))
    features = [torch.randn(1, channels, side, side, generator=generator) for channels, side in sides]
    coco = build_coco_network()
    coco.load_state_dict(read_weights(coco_weights))
    with torch.inference_mode():
        of_80_classes = detect_head(coco)(list(features))[0]
        of_persons = detect_head(build_person_network(coco_weights))(list(features))[0]
    assert of_persons.shape == (1, 5, 84)
    torch.testing.assert_close(of_persons, of_80_classes[:, :5], rtol=1e-6, atol=1e-6)
    assert not torch.allclose(of_80_classes[:, 4], of_80_classes[:, 5], atol=1e-2)


def test_one_class_weights_come_back(coco_weights: Path, tmp_path: Path) -> None:
    network = build_person_network(coco_weights)
    write_weights(network, tmp_path / "person.safetensors")
    again = build_person_network(tmp_path / "person.safetensors")
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)


def test_served_rows_are_corners_of_boxes_and_scores(coco_weights: Path) -> None:
    network = build_person_network(coco_weights)
    images = torch.randint(0, 256, (2, 64, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        centres = network(images.permute(0, 3, 1, 2) / 255)[0].permute(0, 2, 1)
        rows = ServedDetector(network)(images)
    assert rows.shape == (2, 126, 5)
    torch.testing.assert_close((rows[..., :2] + rows[..., 2:4]) / 2, centres[..., :2], rtol=0.01, atol=0.1)
    torch.testing.assert_close(rows[..., 2:4] - rows[..., :2], centres[..., 2:4], rtol=0.01, atol=0.2)
    torch.testing.assert_close(rows[..., 4], centres[..., 4], rtol=0.05, atol=0.01)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights at .*nowhere\.safetensors"):
        build_person_network(tmp_path / "nowhere.safetensors")


def test_a_file_that_is_not_safetensors_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no")
    with pytest.raises(WeightsError, match=r"w\.safetensors is not a safetensors file"):
        build_person_network(tmp_path / "w.safetensors")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(3)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"w\.safetensors does not hold the weights of a YOLO11n"):
        build_person_network(tmp_path / "w.safetensors")
