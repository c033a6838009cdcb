"""Photographs kept on disk: the same crops byte for byte, nothing decoded twice, nothing stale."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.contract.arrays import ImageArray
from model.contract.crop import CropTransform, CropWindow
from model.data import dataset
from model.data.dataset import DataError, ImageStore, read_image
from model.data.disk_cache import DiskCache


@pytest.fixture
def photograph(data: Path) -> Path:
    return data / "images/train-1.png"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The photographs that were decoded, in order."""
    paths: list[Path] = []

    def read(path: Path) -> ImageArray:
        paths.append(path)
        return read_image(path)

    monkeypatch.setattr(dataset, "read_image", read)
    return paths


def test_crops_are_the_same_byte_for_byte(photograph: Path, tmp_path: Path) -> None:
    plain = ImageStore([photograph], 0)
    kept = ImageStore([photograph], 0, DiskCache(tmp_path / "cache"))
    window = CropWindow(55.3, 44.1, 70.7, 90.2, rotation=23.0, mirrored=True)
    for _ in range(2):  # decoded, then from disk
        crops = [CropTransform(window, (48, 64)).crop_image(store[photograph]) for store in (plain, kept)]
        np.testing.assert_array_equal(crops[0], crops[1])


def test_a_second_store_decodes_nothing(photograph: Path, tmp_path: Path, decoded: list[Path]) -> None:
    for budget in (0, 0, 10**7):
        image = ImageStore([photograph], budget, DiskCache(tmp_path / "cache"))[photograph]
        np.testing.assert_array_equal(image, read_image(photograph))
    assert decoded == [photograph]


def test_a_photograph_that_changed_is_decoded_again(photograph: Path, tmp_path: Path) -> None:
    store = ImageStore([photograph], 0, DiskCache(tmp_path / "cache"))
    assert store[photograph].shape == (100, 120, 3)
    cv2.imwrite(str(photograph), np.zeros((30, 40, 3), np.uint8))
    os.utime(photograph, ns=(1, 1))
    assert store[photograph].shape == (30, 40, 3)


def test_a_full_disk_keeps_nothing_and_goes_on(photograph: Path, tmp_path: Path) -> None:
    store = ImageStore([photograph], 0, DiskCache(tmp_path / "cache", reserve_bytes=2**62))
    assert store[photograph].shape == (100, 120, 3)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_missing_photograph_is_named(photograph: Path, tmp_path: Path) -> None:
    store = ImageStore([photograph], 0, DiskCache(tmp_path / "cache"))
    photograph.unlink()
    with pytest.raises(DataError, match=r"train-1\.png cannot be read"):
        _ = store[photograph]


def test_a_damaged_entry_is_decoded_again(photograph: Path, tmp_path: Path) -> None:
    store = ImageStore([photograph], 0, DiskCache(tmp_path / "cache"))
    image = store[photograph].copy()
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(entry.read_bytes()[:200])
    np.testing.assert_array_equal(store[photograph], image)
