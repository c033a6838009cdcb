import cv2
import numpy as np
import pytest

from model.contract.arrays import ImageArray
from service.tracking.scene import Scene, glance


def world(seed: int) -> ImageArray:
    """A textured picture, larger than a frame."""
    coarse = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (800, 600), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def view(picture: ImageArray, x: int, y: int = 60) -> ImageArray:
    return picture[y : y + 360, x : x + 480]


@pytest.fixture
def scene() -> Scene:
    """A scene that was looked at."""
    scene, first = Scene(), glance(view(world(1), 80))
    assert scene.is_new(first)
    scene.look(first)
    return scene


def test_a_cut_is_a_new_scene_and_a_pan_is_not(scene: Scene) -> None:
    for x in range(84, 120, 4):
        assert not scene.is_new(glance(view(world(1), x)))
    assert scene.is_new(glance(view(world(2), 120)))


def test_a_frame_of_another_size_is_a_new_scene(scene: Scene) -> None:
    assert scene.is_new(glance(world(1)))


def test_a_pan_reveals_a_strip(scene: Scene) -> None:
    revealed = list[bool]()
    for x in range(88, 152, 8):
        scene.is_new(glance(view(world(1), x)))
        revealed.append(scene.is_revealed())
    assert (revealed[2], revealed[-1]) == (False, True)
    scene.look(glance(view(world(1), 144)))
    assert not scene.is_revealed()


def test_somebody_at_the_border_is_noticed(scene: Scene) -> None:
    frame = view(world(1), 80).copy()
    frame[100:300, :25] = (20, 20, 20)
    now = glance(frame)
    scene.is_new(now)
    assert scene.changed_at_border(now, [])
    assert not scene.changed_at_border(now, [(0.0, 90.0, 40.0, 220.0)])  # it is somebody known


def test_a_change_in_the_middle_is_none_at_the_border(scene: Scene) -> None:
    frame = view(world(1), 80).copy()
    frame[150:250, 200:300] = (20, 20, 20)
    now = glance(frame)
    scene.is_new(now)
    assert not scene.changed_at_border(now, [])


def test_a_glance_leaves_earlier_ones_as_they_are(scene: Scene) -> None:
    now = glance(view(world(1), 84))
    before = now.small.copy()
    scene.is_new(now)
    scene.is_new(glance(view(world(1), 88)))
    assert np.array_equal(now.small, before)
