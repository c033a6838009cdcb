from pathlib import Path

import cv2
import numpy as np
import pytest

from model.contract.arrays import ImageArray
from model.contract.image import decode_image
from service.client.asked import encoded


def test_pixels_arrive_as_they_are(scene: ImageArray) -> None:
    assert np.array_equal(decode_image(encoded(scene)), scene)


def test_files_are_sent_as_they_are(tmp_path: Path, photo: bytes) -> None:
    (tmp_path / "photo.png").write_bytes(photo)
    assert encoded(tmp_path / "photo.png") == encoded(str(tmp_path / "photo.png")) == encoded(photo) == photo


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_pixels_of_another_form_are_refused(pixels: ImageArray) -> None:
    with pytest.raises(ValueError, match=r"must be \(H, W, 3\) uint8 RGB, not"):
        encoded(pixels)


def test_gray_files_are_not_the_clients_business(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "gray.png"), np.zeros((4, 4), np.uint8))
    assert encoded(tmp_path / "gray.png").startswith(b"\x89PNG")
