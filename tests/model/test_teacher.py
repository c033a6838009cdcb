from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from rich.console import Console

from model.cli import find_bundle
from model.config import Recipe, RecipeError, read_recipe
from model.contract.arrays import FloatArray, ImageArray
from model.losses import MeanSquaredError
from model.teacher import Teacher, open_teacher
from model.train import WEIGHTS, TrainingOptions, train
from tests.model import drawn
from tests.model.narrow import use_narrow_trunks

BUNDLE = find_bundle("fasterpose-r18")
CROPS = torch.full((2, 8, 8, 3), 51, dtype=torch.uint8)


def brightness(crops: ImageArray) -> FloatArray:
    """Two heatmaps of 4x4 for each crop: its mean brightness, and one above every heatmap's range."""
    mean = crops.mean(axis=(1, 2, 3)) / 255
    return np.stack([np.stack([np.full((4, 4), value), np.full((4, 4), 7)]) for value in mean]).astype(np.float32)


@pytest.fixture
def distilling(recipe_file: Path) -> Recipe:
    recipe_file.write_text(f"{drawn.RECIPE}\n[distillation]\nweight = 0.25\n")
    return read_recipe(recipe_file)


def test_joints_without_a_label_learn_from_the_teacher_alone() -> None:
    teacher = Teacher(brightness, (8, 8), weight=0.25)
    logits, labels = torch.zeros(2, 2, 4, 4), torch.full((2, 2, 4, 4), 0.4)
    weights = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    loss = teacher.loss(MeanSquaredError(), logits, CROPS, labels, weights)
    labelled = 0.5 * 0.4**2 / 2
    taught = 0.5 * (0.2**2 + 1) / 2  # 51 / 255, and 7 cut to 1
    assert float(loss) == pytest.approx(0.75 * labelled + 0.25 * taught)


def test_crops_and_heatmaps_are_resampled_where_the_sizes_differ() -> None:
    seen: list[tuple[int, ...]] = []

    def recording(crops: ImageArray) -> FloatArray:
        seen.append((*crops.shape, int(crops.min()), int(crops.max())))
        return brightness(crops)

    heatmaps = Teacher(recording, (6, 10), weight=1).heatmaps(CROPS, (3, 2))
    assert seen == [(2, 10, 6, 3, 51, 51)]
    assert heatmaps.shape == (2, 2, 3, 2)
    torch.testing.assert_close(heatmaps[:, 0], torch.full((2, 3, 2), 0.2))


def test_a_resampled_peak_stays_where_it_was() -> None:
    peak = np.zeros((1, 1, 8, 8), dtype=np.float32)
    peak[0, 0, 2:4, 4:6] = 1
    heatmaps = Teacher(lambda _: peak, (8, 8), weight=1).heatmaps(CROPS[:1], (4, 4))
    assert int(heatmaps[0, 0].argmax()) == 1 * 4 + 2


def test_a_run_learns_from_a_bundle(
    distilling: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another size than the student's; with it the weights become others."""
    use_narrow_trunks(monkeypatch)
    short = distilling.schedule.model_copy(update={"epochs": 1})
    recipe = distilling.model_copy(update={"schedule": short, "validation": ()})
    train(recipe, TrainingOptions(data, tmp_path / "taught", workers=0, teacher=BUNDLE), Console(quiet=True))
    alone = recipe.model_copy(update={"distillation": None})
    train(alone, TrainingOptions(data, tmp_path / "alone", workers=0), Console(quiet=True))
    assert (tmp_path / "taught" / WEIGHTS).read_bytes() != (tmp_path / "alone" / WEIGHTS).read_bytes()


def test_a_recipe_that_distils_needs_a_teacher(distilling: Recipe) -> None:
    with pytest.raises(RecipeError, match="name a bundle with --teacher"):
        open_teacher(distilling, None)


def test_a_teacher_needs_a_recipe_that_distils(recipe_file: Path) -> None:
    assert open_teacher(read_recipe(recipe_file), None) is None
    with pytest.raises(RecipeError, match=r"has no \[distillation\]"):
        open_teacher(read_recipe(recipe_file), BUNDLE)


def test_a_teacher_whose_heatmaps_lie_elsewhere_is_refused(distilling: Recipe) -> None:
    codec = distilling.codec.model_copy(update={"alignment": "stride"})
    with pytest.raises(RecipeError, match=r"codec\.alignment half_pixel; recipe tiny must have it too, not stride"):
        open_teacher(distilling.model_copy(update={"codec": codec}), BUNDLE)
