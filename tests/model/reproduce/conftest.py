"""A setting in which rows of Table 6 train on drawn figures in seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.reproduce.jobs import Job, Scale, plan_jobs
from model.reproduce.run import Machine
from model.reproduce.tables import TABLE6
from model.train import TrainingOptions
from tests.model import drawn
from tests.model.narrow import use_narrow_trunks

SETTING = """
[network]
trunk = "resnet18"
[codec]
input_size = [64, 64]
sigma = 1.0
[schedule]
epochs = 2
epoch_samples = 5
batch_size = 4
milestones = [1]
[[training]]
annotations = "train.json"
images = "images"
[[validation]]
name = "drawn"
annotations = "val.json"
images = "images"
metric = "ap"
[[validation]]
name = "again"
annotations = "val.json"
images = "images"
metric = "pck"
"""
ROWS = ("table6-mse", "table6-rce")


@pytest.fixture(scope="module", autouse=True)
def _narrow() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_narrow_trunks(monkeypatch)
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data/` and `setting.toml`."""
    folder = tmp_path_factory.mktemp("reproduce")
    drawn.draw_set(folder / "data")
    (folder / "setting.toml").write_text(SETTING)
    return folder


def scale(place: Path, seeds: int = 1, rows: tuple[str, ...] = ROWS) -> Scale:
    return Scale(place / "setting.toml", seeds=seeds, rows=rows)


def machine(place: Path, output: Path) -> Machine:
    return Machine(TrainingOptions(place / "data", output, workers=0, checkpoint_steps=1), {})


def jobs_of(place: Path, output: Path, seeds: int = 1) -> list[Job]:
    return plan_jobs(TABLE6, scale(place, seeds), output)
