import numpy as np
import pytest

from model.contract.arrays import ImageArray
from service.bench.moving_crop import HEIGHT, WIDTH, Shot, camera_path, film
from service.bench.video import Answers, ids_over_cuts
from service.jobs import ImageResult
from tests.service.tracking.people import person

BOXES = ((200.0, 100.0, 80.0, 200.0), (400.0, 120.0, 80.0, 200.0))
PHOTOGRAPH: ImageArray = np.full((480, 640, 3), 128, np.uint8)
SIZE = float(np.sqrt(80 * 200))


def shot(frames: int = 6) -> Shot:
    return Shot("a.jpg", PHOTOGRAPH, [person(box) for box in BOXES], camera_path(PHOTOGRAPH, frames))


def answer(film_: Shot, place: int, numbers: tuple[int, ...], shift: float = 0.0) -> ImageResult:
    """Both people where they are in the photograph, but for a shift of the keypoints by some of its pixels."""
    view, poses = film_.views[place], list[object]()
    for box in BOXES:
        there = person(view.box_to_frame(box))
        points = (person(box).keypoints + np.array([shift, 0]) - view.corner) * view.zoom
        poses.append(type(there)(there.box, 0.9, 0.8, points, there.keypoint_scores))
    return ImageResult(place, WIDTH, HEIGHT, poses, {"detect": 0.0}, None, numbers)  # pyright: ignore[reportArgumentType]


def answers(numbers: list[tuple[int, ...]], shifts: list[float] | None = None) -> tuple[Shot, Answers]:
    film_ = shot(len(numbers))
    counted = Answers(2)
    for place, ids in enumerate(numbers):
        counted.add(film_, place, answer(film_, place, ids, shifts[place] if shifts else 0.0))
    return film_, counted


def test_the_camera_shows_what_is_in_the_photograph_and_moves() -> None:
    views = camera_path(PHOTOGRAPH, 60)
    for view in views:
        corners = view.points_to_photograph(np.array([[0.0, 0.0], [WIDTH, HEIGHT]]))
        assert (corners >= -0.01).all()
        assert (corners <= np.array([640.01, 480.01])).all()
    assert np.linalg.norm(views[0].corner - views[30].corner) > 5


def test_no_two_frames_are_alike() -> None:
    first, second = list(film(shot(2), 1))
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert 2 < np.abs(first.astype(int) - second).mean() < 6


def test_stable_ids_are_neither_swaps_nor_breaks() -> None:
    _, counted = answers([(1, 2)] * 6)
    assert (counted.swaps, counted.breaks, counted.frames) == (0, 0, 6)


def test_ids_that_are_exchanged_are_swaps() -> None:
    _, counted = answers([(1, 2), (1, 2), (2, 1), (2, 1)])
    assert (counted.swaps, counted.breaks) == (2, 2)


def test_a_new_id_for_the_same_person_is_a_break() -> None:
    _, counted = answers([(1, 2), (3, 2), (3, 2)])
    assert (counted.swaps, counted.breaks) == (0, 1)


def test_keypoints_that_stand_still_in_the_photograph_have_no_jitter() -> None:
    film_, still = answers([(1, 2)] * 6)
    assert still.jitter(film_) == pytest.approx(0, abs=1e-6)
    _, shaken = answers([(1, 2)] * 6, [0, 4, 0, 4, 0, 4])
    assert shaken.jitter(film_) == pytest.approx(100 * 4 / SIZE)
    assert shaken.error(film_, still) == pytest.approx(100 * 2 / SIZE)


def test_an_id_that_lives_on_over_a_cut_is_counted() -> None:
    (_, first), (_, second), (_, third) = answers([(1, 2)]), answers([(2, 3)]), answers([(4, 5)])
    assert ids_over_cuts([first, second, third]) == 1
    assert ids_over_cuts([first, third]) == 0
