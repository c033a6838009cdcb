"""One unbroken run for all tests of training to compare theirs with; on one thread, more only slow down tiny crops."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.config import read_recipe
from model.train import TrainingOptions, train
from tests.model import drawn
from tests.model.narrow import use_narrow_trunks
from tests.model.tiny_run import QUIET, Finished


@pytest.fixture(autouse=True)
def _narrow() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:  # its own: tests undo theirs
        use_narrow_trunks(patch)
        yield


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of four epochs, three steps each, with a checkpoint in the middle of the third."""
    folder = tmp_path_factory.mktemp("unbroken")
    (folder / "tiny.toml").write_text(drawn.RECIPE)
    recipe = read_recipe(folder / "tiny.toml")
    options = TrainingOptions(
        data=drawn.draw_set(folder / "data"), output=folder / "run", workers=0, threads=1, checkpoint_steps=7
    )
    with pytest.MonkeyPatch.context() as patch:
        use_narrow_trunks(patch)
        return Finished(recipe, options, train(recipe, options, QUIET))


@pytest.fixture
def options(data: Path, tmp_path: Path) -> TrainingOptions:
    return TrainingOptions(data=data, output=tmp_path / "run", workers=0, threads=1)
