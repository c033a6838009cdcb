import json
from pathlib import Path

import cv2
import pytest

from service.jobs import PoseOptions
from service.predict import overlay_names, predict_files
from service.settings import ServiceSettings, SettingsError
from tests.service.conftest import load_truth


@pytest.fixture
def settings(bundles: tuple[Path, Path]) -> ServiceSettings:
    return ServiceSettings(model=str(bundles[0]), detector=str(bundles[1]), threads=1)


def test_overlays_results_and_images_are_written(
    tmp_path: Path, photo: bytes, settings: ServiceSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = [tmp_path / "a.png", tmp_path / "bad.png", tmp_path / "none.png", tmp_path / "b.png"]
    for path in (photos[0], photos[3]):
        path.write_bytes(photo)
    photos[1].write_bytes(photo[:200])
    out = tmp_path / "out"
    assert predict_files(photos, out, PoseOptions(), settings) == 1
    printed = capsys.readouterr()
    assert "2 people in 2 of 4 images" in printed.out
    assert "bad.png: " in printed.err
    assert "none.png: No such file" in printed.err

    images = json.loads((out / "images.json").read_text())
    assert [(image["id"], image["overlay"], image["width"]) for image in images] == [
        (0, "a.jpg", 320),
        (3, "b.jpg", 320),
    ]
    overlay = cv2.imread(str(out / "a.jpg"))
    assert overlay is not None
    assert overlay.shape == (240, 320, 3)
    results = json.loads((out / "results.json").read_text())
    assert [result["image_id"] for result in results] == [0, 3]
    assert "bbox" not in results[0]
    assert len(load_truth(tmp_path, images).loadRes(results).anns) == 2


def test_all_good_files_exit_with_0(tmp_path: Path, photo: bytes, settings: ServiceSettings) -> None:
    (tmp_path / "a.png").write_bytes(photo)
    assert predict_files([tmp_path / "a.png"], tmp_path / "deep" / "out", PoseOptions(), settings) == 0


def test_a_photograph_is_never_overwritten(tmp_path: Path, settings: ServiceSettings) -> None:
    with pytest.raises(SettingsError, match="over a photograph"):
        predict_files([tmp_path / "a.jpg"], tmp_path, PoseOptions(), settings)


def test_equal_names_are_numbered() -> None:
    photos = [Path("x/a.jpg"), Path("y/a.png"), Path("a-2.png"), Path("z/a.webp")]
    assert list(overlay_names(photos)) == ["a.jpg", "a-2.jpg", "a-2-2.jpg", "a-3.jpg"]
