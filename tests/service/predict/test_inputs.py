import io
import sys
from pathlib import Path

import pytest

from service.errors import TooLargeError
from service.predict.inputs import Photo, find_inputs
from service.settings import SettingsError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "b").mkdir(parents=True)
    for name in ("b/2.PNG", "a.jpg", "c.webp", "notes.txt"):
        (folder / name).touch()
    return folder


def names(found: list[Photo]) -> list[str]:
    return [Path(photo.name).name for photo in found]


def test_subfolders_are_searched_if_asked_for(folder: Path) -> None:
    found = find_inputs([str(folder)], recursive=False)
    assert names(found.photos) == ["a.jpg", "c.webp"]
    assert found.left_out == 1
    assert names(find_inputs([str(folder)], recursive=True).photos) == ["a.jpg", "c.webp", "2.PNG"]


def test_sources_keep_their_order_and_each_image_comes_once(folder: Path) -> None:
    found = find_inputs(["-", f"{folder}/*.webp", str(folder), "-"], recursive=False)
    assert names(found.photos) == ["-", "c.webp", "a.jpg"]
    assert [photo.number for photo in found.photos] == [0, 1, 2]
    assert found.repeated == 2


def test_what_is_not_there_is_kept_so_that_it_fails_by_name(folder: Path) -> None:
    found = find_inputs([f"{folder}/*.gif", "no-such.jpg"], recursive=False)
    assert [photo.name for photo in found.photos] == [f"{folder}/*.gif", "no-such.jpg"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].jpg").touch()
    (tmp_path / "a1.jpg").touch()
    assert names(find_inputs([str(tmp_path / "a[1].jpg")], recursive=False).photos) == ["a[1].jpg"]


def test_an_empty_folder_is_a_wrong_command_that_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--recursive"):
        find_inputs([str(tmp_path)], recursive=False)


def test_stdin_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"12345")))
    with pytest.raises(TooLargeError, match="more than 4 bytes"):
        Photo(0, "-").read(4)


def test_videos_cameras_and_streams_are_told_from_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "7").touch()
    found = find_inputs(["a.MP4", "0", "camera:1", "rtsp://user@host/x?y=[1]", "b.jpg", "7"], recursive=False)
    assert found.videos == ["a.MP4", "/dev/video0", "/dev/video1", "rtsp://user@host/x?y=[1]"]
    assert names(found.photos) == ["b.jpg", "7"]
