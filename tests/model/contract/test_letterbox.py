"""The letterbox: centred, one scale, and boxes that come back."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.contract.letterbox import FILL, Letterbox

sides = st.integers(1, 3000)


def test_golden_landscape() -> None:
    letterbox = Letterbox((1280, 720), (640, 640))
    assert letterbox.scale == 0.5
    assert letterbox.fitted_size == (640, 360)
    assert (letterbox.left, letterbox.top) == (0, 140)
    image = np.full((720, 1280, 3), (200, 100, 50), dtype=np.uint8)
    fitted = letterbox.fit_image(image)
    assert fitted.shape == (640, 640, 3)
    assert (fitted[:140] == FILL).all()
    assert (fitted[500:] == FILL).all()
    assert (fitted[140:500] == (200, 100, 50)).all()


def test_odd_borders_put_the_extra_pixel_right_and_below() -> None:
    letterbox = Letterbox((10, 100), (20, 25))
    assert letterbox.fitted_size == (3, 25)  # 2.5, halves up
    assert letterbox.left == 8
    assert 20 - letterbox.left - letterbox.fitted_size[0] == 9


def test_an_image_of_the_inputs_size_is_untouched() -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Letterbox((64, 48), (64, 48)).fit_image(image), image)


def test_small_images_grow_to_the_fit_and_no_further() -> None:
    letterbox = Letterbox((4, 2), (64, 64))
    assert letterbox.fitted_size == (64, 32)
    assert letterbox.fit_image(np.zeros((2, 4, 3), dtype=np.uint8)).shape == (64, 64, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_tiny_and_extreme_images_fit(size: tuple[int, int]) -> None:
    letterbox = Letterbox(size, (64, 64))
    fitted = letterbox.fit_image(np.zeros((size[1], size[0], 3), dtype=np.uint8))
    assert fitted.shape == (64, 64, 3)
    assert (fitted == 0).any()
    whole = letterbox.boxes_to_image(np.array([[0.0, 0.0, 64.0, 64.0]]))
    np.testing.assert_allclose(whole, [[0, 0, *size]])


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2), (97, 41), (41, 97), (64, 48), (128, 96)])
def test_the_picture_is_resized_into_its_place(size: tuple[int, int]) -> None:
    letterbox = Letterbox(size, (64, 48))
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    expected = np.full((48, 64, 3), FILL, dtype=np.uint8)
    width, height = letterbox.fitted_size
    place = np.s_[letterbox.top : letterbox.top + height, letterbox.left : letterbox.left + width]
    expected[place] = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(letterbox.fit_image(image), expected)


@given(sides, sides, st.data())
def test_boxes_come_back(width: int, height: int, data: st.DataObject) -> None:
    letterbox = Letterbox((width, height), (640, 416))
    x1, x2 = sorted(data.draw(st.tuples(st.floats(0, width), st.floats(0, width))))
    y1, y2 = sorted(data.draw(st.tuples(st.floats(0, height), st.floats(0, height))))
    factor = np.array(letterbox.fitted_size) / (width, height)
    corners = np.array([[x1, y1], [x2, y2]]) * factor + (letterbox.left, letterbox.top)
    box = letterbox.boxes_to_image(corners.reshape(1, 4))
    np.testing.assert_allclose(box, [[x1, y1, x2 - x1, y2 - y1]], atol=1e-6)


@given(sides, sides)
def test_the_fit_touches_two_borders_and_stays_inside(width: int, height: int) -> None:
    letterbox = Letterbox((width, height), (640, 416))
    fitted = letterbox.fitted_size
    assert fitted[0] == 640 or fitted[1] == 416
    assert 1 <= fitted[0] <= 640
    assert 1 <= fitted[1] <= 416
    assert 0 <= letterbox.left <= 640 - fitted[0]


def test_boxes_are_clipped_and_border_boxes_have_no_area() -> None:
    letterbox = Letterbox((1280, 720), (640, 640))
    boxes = np.array([[-50.0, 100.0, 700.0, 640.0], [10.0, 10.0, 60.0, 130.0]], dtype=np.float32)
    result = letterbox.boxes_to_image(boxes)
    np.testing.assert_allclose(result[0], [0, 0, 1280, 720])
    assert result[1, 3] == 0
    assert letterbox.boxes_to_image(np.zeros((0, 4))).shape == (0, 4)


def test_a_dot_comes_back_to_its_place() -> None:
    image = np.zeros((600, 900, 3), dtype=np.uint8)
    image[300:312, 660:672] = 255
    letterbox = Letterbox((900, 600), (320, 320))
    rows, columns = np.nonzero(letterbox.fit_image(image)[..., 0] > 127)
    inside = (rows >= letterbox.top) & (rows < letterbox.top + letterbox.fitted_size[1])
    rows, columns = rows[inside], columns[inside]
    found = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], dtype=np.float64)
    np.testing.assert_allclose(letterbox.boxes_to_image(found), [[660, 300, 12, 12]], atol=3)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Letterbox((0, 10), (64, 64))
    with pytest.raises(ValueError, match="shape"):
        Letterbox((10, 10), (64, 64)).fit_image(np.zeros((10, 11, 3), dtype=np.uint8))
