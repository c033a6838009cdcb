from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs the train extra")

from model.config import AugmentationRecipe
from model.contract.arrays import DoubleArray
from model.contract.crop import CropTransform, CropWindow
from model.contract.skeleton import COCO_17
from model.data.augment import UPPER_PROBABILITY, Augmentation
from tests.model.drawn import figure_at

POINTS = figure_at(30, 20)
ALL = np.ones(17, dtype=np.bool_)
UPRIGHT = CropWindow.around((30.0, 20.0, 40.0, 80.0), 0.75, 1.25)
STILL = AugmentationRecipe(
    scale=0, rotation=0, rotation_probability=0, flip_probability=0, half_body_probability=0, shift=0
)
SHARES = st.floats(0, 1)


def draw(recipe: AugmentationRecipe, seed: int, labelled: np.ndarray = ALL) -> CropWindow:
    augmentation = Augmentation(recipe, COCO_17)
    return augmentation.window(UPRIGHT, POINTS, labelled, np.random.default_rng(seed))


def draws(count: int, labelled: np.ndarray = ALL, **changes: float) -> list[CropWindow]:
    """Windows of one long stream of random numbers, for statistics."""
    augmentation = Augmentation(STILL.model_copy(update=changes), COCO_17)
    rng = np.random.default_rng(0)
    return [augmentation.window(UPRIGHT, POINTS, labelled, rng) for _ in range(count)]


def half_body_window(points: DoubleArray) -> tuple[float, ...]:
    """FACTS section 2: centre on the joints' mean, their extent grown to the aspect ratio, times 1.5."""
    (width, height), centre = np.ptp(points, axis=0), points.mean(axis=0)
    width = max(width, height * 0.75) * 1.5
    return (*centre, width, width / 0.75)


def numbers(window: CropWindow) -> tuple[float, ...]:
    return (window.center_x, window.center_y, window.width, window.height)


@given(st.integers(0, 2**63), SHARES, st.floats(0, 0.9), SHARES)
def test_the_same_generator_state_gives_the_same_window(seed: int, half: float, scale: float, shift: float) -> None:
    recipe = AugmentationRecipe(half_body_probability=half, scale=scale, shift=shift)
    assert draw(recipe, seed) == draw(recipe, seed)


@given(st.integers(0, 2**63), st.floats(0, 0.9), st.floats(0, 90), st.floats(0, 0.5))
def test_a_window_stays_within_its_bounds(seed: int, scale: float, rotation: float, shift: float) -> None:
    recipe = AugmentationRecipe(scale=scale, rotation=rotation, shift=shift, half_body_probability=0)
    window = draw(recipe, seed)
    factor = window.width / UPRIGHT.width
    assert 1 - scale - 1e-9 <= factor <= 1 + scale + 1e-9
    assert window.width / window.height == pytest.approx(0.75)
    assert abs(window.rotation) <= 2 * rotation + 1e-9
    assert abs(window.center_x - UPRIGHT.center_x) <= 2 * shift * window.width + 1e-9
    assert abs(window.center_y - UPRIGHT.center_y) <= 2 * shift * window.height + 1e-9


def test_a_recipe_that_varies_nothing_gives_the_upright_window() -> None:
    assert set(draws(50)) == {UPRIGHT}


def test_rotation_and_flip_come_as_often_as_the_recipe_says() -> None:
    windows = draws(4000, rotation=45, rotation_probability=0.6, flip_probability=0.25)
    assert np.mean([window.rotation != 0 for window in windows]) == pytest.approx(0.6, abs=0.03)
    assert np.mean([window.mirrored for window in windows]) == pytest.approx(0.25, abs=0.03)
    turns = np.array([window.rotation for window in windows if window.rotation])
    assert turns.std() == pytest.approx(43, abs=2)  # a normal of 45 cut at two deviations, with its cut mass there
    assert np.mean(turns > 0) == pytest.approx(0.5, abs=0.04)


def test_scale_varies_around_one() -> None:
    factors = np.array([window.width / UPRIGHT.width for window in draws(4000, scale=0.35)])
    assert factors.mean() == pytest.approx(1, abs=0.02)
    assert np.mean(np.isclose(factors, 0.65) | np.isclose(factors, 1.35)) == pytest.approx(0.317, abs=0.03)


def test_half_bodies_are_upper_ones_in_69_percent() -> None:
    windows = draws(4000, half_body_probability=0.3)
    upper, lower = half_body_window(POINTS[:11]), half_body_window(POINTS[11:])
    is_upper = [numbers(window) == pytest.approx(upper) for window in windows]
    is_lower = [numbers(window) == pytest.approx(lower) for window in windows]
    assert np.mean([a or b for a, b in zip(is_upper, is_lower, strict=True)]) == pytest.approx(0.3, abs=0.03)
    assert sum(is_upper) / (sum(is_upper) + sum(is_lower)) == pytest.approx(UPPER_PROBABILITY, abs=0.04)
    assert UPPER_PROBABILITY == 0.691
    assert all(a or b or w == UPRIGHT for a, b, w in zip(is_upper, is_lower, windows, strict=True))


def test_few_labelled_joints_never_make_a_half_body() -> None:
    labelled = np.arange(17) < 8
    assert set(draws(300, labelled, half_body_probability=1.0)) == {UPRIGHT}


@pytest.mark.parametrize(
    ("hidden", "kept"),
    [([11, 12, 13, 14], slice(0, 11)), ([*range(9)], None)],
    ids=["two joints below: always the upper body", "eight joints: the whole"],
)
def test_the_better_labelled_half_is_taken(hidden: list[int], kept: slice | None) -> None:
    labelled = ~np.isin(np.arange(17), hidden)
    expected = numbers(UPRIGHT) if kept is None else half_body_window(POINTS[kept])
    for window in draws(100, labelled, half_body_probability=1.0):
        assert numbers(window) == pytest.approx(expected)


@settings(max_examples=30)
@given(st.integers(0, 2**63), st.floats(0.01, 0.5))
def test_grey_levels_stay_near_and_keep_their_order(seed: int, bound: float) -> None:
    augmentation = Augmentation(STILL.model_copy(update={"brightness": bound}), COCO_17)
    changed = augmentation.levels(np.random.default_rng(seed))
    assert changed is not None
    assert (changed.dtype, changed.shape) == (np.uint8, (256,))
    levels = changed.astype(int)
    assert (np.diff(levels) >= 0).all()
    assert np.abs(levels - np.arange(256)).max() <= 255 * bound * 1.5 + 1
    again = augmentation.levels(np.random.default_rng(seed))
    assert again is not None
    assert np.array_equal(changed, again)


def test_without_brightness_levels_stay_and_no_random_number_is_taken() -> None:
    rng = np.random.default_rng(3)
    assert Augmentation(STILL, COCO_17).levels(rng) is None
    assert rng.random() == np.random.default_rng(3).random()


@settings(max_examples=60)
@given(st.integers(0, 2**31), st.floats(0, 0.5), st.floats(0, 90), st.floats(0, 0.3), st.floats(0, 1))
def test_no_window_leaves_the_reach(seed: int, scale: float, rotation: float, shift: float, half: float) -> None:
    recipe = AugmentationRecipe(scale=scale, rotation=rotation, shift=shift, half_body_probability=half)
    augmentation = Augmentation(recipe, COCO_17)
    left, top, right, bottom = augmentation.reach(UPRIGHT, POINTS, ALL)
    window = augmentation.window(UPRIGHT, POINTS, ALL, np.random.default_rng(seed))
    corners = np.array([(0.0, 0.0), (96, 0), (0, 128), (96, 128)])
    seen = CropTransform(replace(window, mirrored=False), (96, 128)).points_to_image(corners)
    assert (seen >= np.array([left, top]) - 1e-6).all()
    assert (seen <= np.array([right, bottom]) + 1e-6).all()
