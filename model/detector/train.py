"""Fine-tuning of the person detector with ultralytics' trainer."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from ultralytics.models.yolo.detect import DetectionTrainer
from ultralytics.nn.tasks import DetectionModel

from model.detector.boxes import BoxImage, read_person_boxes
from model.detector.network import build_person_network, write_weights

BACKBONE_LAYERS = 11


@dataclass(frozen=True)
class DetectorTraining:
    """How to fine-tune.

    Attributes:
        image_side: side of the square training images in pixels.
        epochs: passes over the images.
        batch: images to a step.
        learning_rate: AdamW's, falling to a tenth.
        frozen_layers: leading layers that keep their weights; 11 is the whole backbone.
        images_per_set: at most so many images of each data folder, drawn at random; 0 takes all.
        threads: CPU threads.
        seed: of the draw and of the augmentation.
    """

    image_side: int = 512
    epochs: int = 3
    batch: int = 16
    learning_rate: float = 1e-4
    frozen_layers: int = BACKBONE_LAYERS
    images_per_set: int = 0
    threads: int = 1
    seed: int = 0


def train_detector(
    data: Sequence[Path], weights: Path, work: Path, training: DetectorTraining, device: str = "cpu"
) -> Path:
    """Fine-tune on the training boxes of data folders.

    Args:
        data: folders of person boxes.
        weights: a YOLO11n to start from, of 80 classes or of persons alone.
        work: an empty or new folder for the converted data, ultralytics' logs and the result.
        training: how.
        device: `cpu` or a CUDA device's number.

    Returns:
        `person.safetensors` in `work`: the averaged weights after the last epoch.

    Raises:
        WeightsError: the weights do not fit.
        BoxDataError: a data folder cannot be read.
    """
    network = build_person_network(weights)
    images = [image for folder in data for image in draw_images(folder, training)]
    config = write_yolo_dataset(images, work / "data")
    torch.set_num_threads(training.threads)
    trainer = PersonTrainer(overrides=_overrides(config, work, training, device))
    trainer.model = network
    trainer.train()
    result = work / "person.safetensors"
    write_weights(cast("DetectionModel", cast("Any", trainer.ema).ema), result)
    return result


def draw_images(folder: Path, training: DetectorTraining) -> list[BoxImage]:
    """The training images of one folder, or a random draw of them."""
    images = read_person_boxes(folder, "train")
    if not 0 < training.images_per_set < len(images):
        return images
    return random.Random(training.seed).sample(images, training.images_per_set)


def write_yolo_dataset(images: Sequence[BoxImage], folder: Path) -> Path:
    """Write images (as links) and boxes the way ultralytics wants them.

    A label file holds one `0 centre_x centre_y width height` line a person, in shares of the image's size; images
    without persons have an empty one. Boxes are clipped to the image, those without area are left out.

    Returns:
        The dataset's YAML file. It names the training images for validation too: ultralytics wants some, and
        `model.detector.evaluate` measures the served graph instead.
    """
    pictures, labels = folder / "images" / "train", folder / "labels" / "train"
    pictures.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        name = f"{number:06d}"
        link = pictures / f"{name}{image.path.suffix}"
        link.unlink(missing_ok=True)
        link.symlink_to(image.path.resolve())
        (labels / f"{name}.txt").write_text("".join(yolo_lines(image)))
    config = folder / "person.yaml"
    config.write_text(f"path: {folder.resolve()}\ntrain: images/train\nval: images/train\nnames:\n  0: person\n")
    return config


def yolo_lines(image: BoxImage) -> list[str]:
    """The label file's lines of one image."""
    width, height = image.size
    lines: list[str] = []
    for x, y, box_width, box_height in image.boxes:
        left, right = max(x, 0.0), min(x + box_width, float(width))
        top, bottom = max(y, 0.0), min(y + box_height, float(height))
        if right > left and bottom > top:
            centre = ((left + right) / 2 / width, (top + bottom) / 2 / height)
            shares = (*centre, (right - left) / width, (bottom - top) / height)
            lines.append("0 " + " ".join(f"{share:.6f}" for share in shares) + "\n")
    return lines


class PersonTrainer(DetectionTrainer):
    """Ultralytics' trainer, with batch norms that keep their statistics and without its own validation."""

    def _model_train(self) -> None:
        """Set the training mode.

        The initial weights come with their batch norms folded in (mean 0, variance 1): statistics of a batch
        would replace the scale that the network was trained to.
        """
        super()._model_train()
        for module in cast("nn.Module", self.model).modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

    def validate(self) -> tuple[dict[str, float], float]:
        """Measure nothing: the served graph is measured after training."""
        return {}, 0.0

    def final_eval(self) -> None:
        """Measure nothing, as in `validate`."""


def _overrides(config: Path, work: Path, training: DetectorTraining, device: str) -> dict[str, Any]:
    return {
        "model": "yolo11n.yaml",
        "data": str(config),
        "project": str(work.resolve()),
        "name": "run",
        "exist_ok": True,
        "device": device,
        "imgsz": training.image_side,
        "epochs": training.epochs,
        "batch": training.batch,
        "nbs": training.batch,
        "optimizer": "AdamW",
        "lr0": training.learning_rate,
        "lrf": 0.1,
        "warmup_epochs": 0.3,
        "warmup_bias_lr": 0.0,
        "freeze": training.frozen_layers,
        "mosaic": 0.5,
        "close_mosaic": 1,
        "seed": training.seed,
        "workers": 0,
        "amp": device != "cpu",
        "val": False,
        "plots": False,
        "pretrained": False,
    }
