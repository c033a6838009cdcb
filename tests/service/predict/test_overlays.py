from pathlib import Path

import pytest

from service.predict.inputs import Photo
from service.predict.overlays import Overlays, overlay_names
from service.settings import SettingsError


def test_equal_names_are_numbered() -> None:
    photos = ["x/a.jpg", "y/a.png", "a-2.png", "z/a.webp", "-"]
    assert list(overlay_names(photos)) == ["a.jpg", "a-2.jpg", "a-2-2.jpg", "a-3.jpg", "stdin.jpg"]


def test_several_images_do_not_go_to_stdout() -> None:
    with pytest.raises(SettingsError, match="there are 2"):
        Overlays(Path("-"), [Photo(0, "a.jpg"), Photo(1, "b.jpg")])
