from pathlib import Path

import pytest

from service.predict.inputs import Photo
from service.predict.overlays import Overlays, overlay_names
from service.settings import SettingsError


def test_equal_names_are_numbered() -> None:
    photos = ["x/a.jpg", "y/a.png", "a-2.png", "z/a.webp", "-"]
    assert list(overlay_names(photos)) == ["a.jpg", "a-2.jpg", "a-2-2.jpg", "a-3.jpg", "stdin.jpg"]


@pytest.mark.parametrize(("names", "videos"), [(["a.jpg", "b.jpg"], []), ([], ["a.mp4"])])
def test_more_than_an_image_does_not_go_to_stdout(names: list[str], videos: list[str]) -> None:
    with pytest.raises(SettingsError, match="name a folder"):
        Overlays(Path("-"), [Photo(number, name) for number, name in enumerate(names)], videos)


def test_videos_are_drawn_as_mp4_and_never_over_themselves() -> None:
    videos = ["x/a.mkv", "y/a.mp4", "/dev/video0", "rtsp://camera/live/"]
    drawn = Overlays(Path("out"), [], videos).videos
    assert [path.name for path in drawn.values()] == ["a.mp4", "a-2.mp4", "video0.mp4", "live.mp4"]
    with pytest.raises(SettingsError, match="over an input"):
        Overlays(Path("y"), [], ["y/a.mp4"])
