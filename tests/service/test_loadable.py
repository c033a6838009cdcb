"""Which bundles may be loaded: no name leads out of their folder."""

from pathlib import Path

import pytest

from service.errors import NotFoundError
from service.loadable import find_loadable, loadable_names, without_paths
from service.zoo import embedded_bundles, zoo_folder


@pytest.fixture
def folder(bundles: tuple[Path, Path], tmp_path: Path) -> Path:
    """A folder of bundles beside one that is none of its own, which a link in it leads to."""
    inside = tmp_path / "bundles"
    inside.mkdir()
    bundles[0].rename(inside / "tiny-pose")
    (inside / "current").symlink_to("tiny-pose")
    (inside / "outside").symlink_to(bundles[1])
    (inside / "empty").mkdir()
    return inside


def test_embedded_bundles_and_those_of_the_folder_are_found(folder: Path) -> None:
    embedded = embedded_bundles()[0]
    assert find_loadable(embedded, folder) == zoo_folder() / embedded
    assert find_loadable("tiny-pose", folder) == folder / "tiny-pose"
    assert find_loadable("current", folder) == folder / "current"
    assert {"tiny-pose", "current", *embedded_bundles()} == set(loadable_names(folder))


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../tiny-detector",
        "tiny-pose/",
        "/etc",
        "empty",
        "none",
        "outside",
        "a\x00b",
        "tiny-pose\n",
        "%2e%2e",
    ],
)
def test_nothing_else_is(folder: Path, name: str) -> None:
    with pytest.raises(NotFoundError) as error:
        find_loadable(name, folder)
    assert str(folder) not in error.value.detail
    assert "tiny-pose" in error.value.detail


def test_without_a_folder_there_are_the_embedded_ones(bundles: tuple[Path, Path]) -> None:
    assert loadable_names(None) == embedded_bundles()
    with pytest.raises(NotFoundError):
        find_loadable(str(bundles[0]), None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cannot read /srv/models/a/model.onnx: damaged", "cannot read model.onnx: damaged"),
        ("'/srv/a' and (/srv/b/c)", "'a' and (c)"),
        ("3/4 of image/png", "3/4 of image/png"),
    ],
)
def test_messages_lose_their_paths(text: str, shown: str) -> None:
    assert without_paths(text) == shown
