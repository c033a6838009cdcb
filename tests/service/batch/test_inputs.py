import os
from pathlib import Path

import pytest

from service.batch.inputs import find_images
from service.settings import SettingsError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "b").mkdir(parents=True)
    for name in ("b/2.PNG", "a.jpg", "c.webp", "notes.txt", "b/raw.dng"):
        (folder / name).touch()
    return folder


def test_a_folder_is_searched_with_its_subfolders_in_the_order_of_names(photos: Path) -> None:
    found = find_images([str(photos)])
    assert found.images == [str(photos / name) for name in ("a.jpg", "c.webp", "b/2.PNG")]
    assert (found.left_out, found.repeated) == (2, 0)


def test_a_glob_names_any_file_but_no_folder(photos: Path) -> None:
    found = find_images([f"{photos}/**"])
    assert set(found.images) == {
        str(photos / name) for name in ("a.jpg", "b/2.PNG", "b/raw.dng", "c.webp", "notes.txt")
    }


def test_a_list_is_taken_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("one.jpg\n\n  two words.heic \nno-such.jpg\n")
    assert find_images([str(tmp_path / "list.txt")]).images == ["one.jpg", "two words.heic", "no-such.jpg"]


def test_an_image_that_is_named_twice_is_answered_once(photos: Path) -> None:
    found = find_images([str(photos), str(photos / "a.jpg"), f"{photos}/*.jpg"])
    assert found.images.count(str(photos / "a.jpg")) == 1
    assert found.repeated == 2


def test_what_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no-such: there is no such folder or file"):
        find_images([str(tmp_path / "no-such")])


def test_a_list_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="is read as a list"):
        find_images([str(tmp_path / "list.bin")])


def test_a_name_that_json_cannot_hold_is_named(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg")).touch()
    with pytest.raises(SettingsError, match=r"xff\.jpg' is not UTF-8"):
        find_images([str(tmp_path)])
