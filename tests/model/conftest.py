"""Fixtures of the tests of training: a drawn data set and its recipe."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.model import drawn

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder of drawn figures, the test's own."""
    return drawn.draw_set(tmp_path / "data")


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    """The recipe file that trains on `data`."""
    path = tmp_path / "tiny.toml"
    path.write_text(drawn.RECIPE)
    return path
