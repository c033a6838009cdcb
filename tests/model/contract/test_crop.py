"""The crop: points and pixels agree, both ways, and the geometry is SimpleBaseline's."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.contract.arrays import DoubleArray, ImageArray
from model.contract.crop import Box, CropTransform, CropWindow

SIZE = (192, 256)

windows = st.builds(
    CropWindow,
    center_x=st.floats(-500, 2000),
    center_y=st.floats(-500, 2000),
    width=st.floats(1, 3000),
    height=st.floats(1, 3000),
    rotation=st.floats(-180, 180),
    mirrored=st.booleans(),
)
boxes = st.tuples(st.floats(-500, 2000), st.floats(-500, 2000), st.floats(0.5, 3000), st.floats(0.5, 3000))


@given(windows, st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_points_map_both_ways(window: CropWindow, x: float, y: float) -> None:
    transform, point = CropTransform(window, SIZE), np.array([[x, y]])
    np.testing.assert_allclose(transform.points_to_image(transform.points_to_crop(point)), point, atol=1e-6)


@given(boxes)
def test_the_boxs_centre_is_the_crops_centre_and_the_box_is_inside(box: Box) -> None:
    transform = CropTransform.from_box(box, SIZE, 1.25)
    x, y, width, height = box
    centre = transform.points_to_crop(np.array([x + width / 2, y + height / 2]))
    np.testing.assert_allclose(centre, [96, 128], atol=1e-6)
    left, top, inner_width, inner_height = transform.box_to_crop(box)
    fill = max(inner_width / 192, inner_height / 256)
    assert fill == pytest.approx(1 / 1.25)
    assert left >= 0
    assert top >= 0
    np.testing.assert_allclose(transform.box_to_image((left, top, inner_width, inner_height)), box, atol=1e-6)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((100.0, 50.0, 100.0, 300.0), (150.0, 200.0, 281.25, 375.0)),  # narrow: the width grows
        ((0.0, 0.0, 300.0, 100.0), (150.0, 50.0, 375.0, 500.0)),  # wide: the height grows
        ((10.0, 20.0, 30.0, 40.0), (25.0, 40.0, 37.5, 50.0)),  # of the input's shape
    ],
)
def test_window_golden(box: Box, expected: tuple[float, float, float, float]) -> None:
    window = CropWindow.around(box, 0.75, 1.25)
    assert (window.center_x, window.center_y, window.width, window.height) == pytest.approx(expected)
    assert (window.rotation, window.mirrored) == (0.0, False)
    assert CropWindow.around(box, 0.75, 1.0).scaled(1.25) == window


@pytest.mark.parametrize("box", [(0.0, 0.0, 0.0, 5.0), (0.0, 0.0, 5.0, 0.0), (1.0, 1.0, -3.0, 5.0)])
def test_boxes_without_area_are_refused(box: Box) -> None:
    with pytest.raises(ValueError, match="no area"):
        CropWindow.around(box, 0.75, 1.25)


def simple_baseline_matrix(window: CropWindow) -> DoubleArray:
    """The reference's construction from three points (SimpleBaseline, transforms.py: get_affine_transform)."""
    angle = np.deg2rad(window.rotation)
    up = np.array([0.0, window.width * -0.5])
    direction = np.array([up[0] * np.cos(angle) - up[1] * np.sin(angle), up[0] * np.sin(angle) + up[1] * np.cos(angle)])
    centre = np.array([window.center_x, window.center_y])
    source = [centre, centre + direction]
    target = [np.array([96.0, 128.0]), np.array([96.0, 128.0 - 96.0])]
    for points in (source, target):
        first, second = points
        difference = first - second
        points.append(second + np.array([-difference[1], difference[0]]))
    matrix = cv2.getAffineTransform(np.array(source, dtype=np.float32), np.array(target, dtype=np.float32))
    return np.asarray(matrix, dtype=np.float64)


@pytest.mark.parametrize("rotation", [0.0, 30.0, -45.0, 90.0, 170.0])
def test_the_matrix_is_simple_baselines(rotation: float) -> None:
    window = CropWindow(320.5, 211.25, 281.25, 375.0, rotation)
    np.testing.assert_allclose(CropTransform(window, SIZE).matrix, simple_baseline_matrix(window), atol=1e-3)


def test_rotation_is_clockwise_for_the_window() -> None:
    transform = CropTransform(CropWindow(100.0, 100.0, 192.0, 256.0, rotation=90.0), SIZE)
    right_of_centre = transform.points_to_crop(np.array([150.0, 100.0]))
    np.testing.assert_allclose(right_of_centre, [96, 128 - 50], atol=1e-9)  # the window's top points to the right


def dot_image(x: int, y: int) -> ImageArray:
    image = np.zeros((400, 500, 3), dtype=np.float32)
    cv2.circle(image, (x, y), 6, (255, 255, 255), -1)
    return np.asarray(cv2.GaussianBlur(image, (9, 9), 0), dtype=np.uint8)


@pytest.mark.parametrize("rotation", [0.0, 37.0, -120.0])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("width", [90.0, 300.0])
def test_pixels_land_where_points_do(rotation: float, mirrored: bool, width: float) -> None:
    window = CropWindow(240.3, 190.7, width, width / 0.75, rotation, mirrored)
    transform = CropTransform(window, SIZE)
    crop = transform.crop_image(dot_image(260, 205))
    assert crop.shape == (256, 192, 3)
    assert crop.dtype == np.uint8
    weight = crop[..., 0].astype(np.float64)
    rows, columns = np.mgrid[:256, :192]
    centroid = [(columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()]
    np.testing.assert_allclose(centroid, transform.points_to_crop(np.array([260.0, 205.0])), atol=0.15)


@given(windows, st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_a_mirrored_window_sends_x_to_the_other_side(window: CropWindow, x: float, y: float) -> None:
    sides = [
        CropTransform(
            CropWindow(window.center_x, window.center_y, window.width, window.height, window.rotation, mirrored), SIZE
        ).points_to_crop(np.array([x, y]))
        for mirrored in (False, True)
    ]
    np.testing.assert_allclose(sides[1], [191 - sides[0][0], sides[0][1]], atol=1e-6)


def test_a_mirrored_crop_is_the_crop_mirrored() -> None:
    smooth = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (400, 500, 3)).astype(np.float32), (0, 0), 5)
    image = np.asarray(smooth, dtype=np.uint8)
    plain = CropTransform(CropWindow(250.0, 200.0, 150.0, 200.0), SIZE).crop_image(image)
    mirrored = CropTransform(CropWindow(250.0, 200.0, 150.0, 200.0, mirrored=True), SIZE).crop_image(image)
    assert np.abs(mirrored[:, ::-1].astype(int) - plain).max() <= 1


def test_outside_the_image_is_black() -> None:
    image = np.full((100, 100, 3), 255, dtype=np.uint8)
    crop = CropTransform.from_box((-50.0, 0.0, 100.0, 100.0), SIZE, 1.0).crop_image(image)
    assert (crop[:, :90] == 0).all()
    assert (crop[60:190, 100:] == 255).all()


def test_very_wide_images_are_sampled_at_the_right_place() -> None:
    image = np.zeros((60, 40_000, 3), dtype=np.uint8)
    image[27:34, 39_947:39_954] = 255
    transform = CropTransform.from_box((39_900.0, 0.0, 100.0, 60.0), SIZE, 1.25)
    rows, columns = np.nonzero(transform.crop_image(image)[..., 0] > 127)
    expected = transform.points_to_crop(np.array([39_950.0, 30.0]))
    np.testing.assert_allclose([columns.mean(), rows.mean()], expected, atol=0.6)
