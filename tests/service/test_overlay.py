import cv2
import numpy as np
import pytest

from model.contract.coco import PersonPose
from model.contract.skeleton import COCO_17
from service.overlay import LEFT, RIGHT, draw_people, encode_image


def make_person(score: float) -> PersonPose:
    points = np.stack([np.linspace(60, 140, 17), np.linspace(20, 180, 17)], axis=1)
    return PersonPose((50.0, 10.0, 100.0, 180.0), 0.9, 0.8, points, np.full(17, score, np.float32))


def test_what_is_sure_is_drawn_and_the_image_stays_as_it_was() -> None:
    image = np.full((200, 200, 3), 127, np.uint8)
    drawn = draw_people(image, [make_person(0.9)], COCO_17, 0.2)
    assert (image == 127).all()
    assert drawn.shape == image.shape
    for index, colour in ((15, LEFT), (16, RIGHT)):
        x, y = make_person(0.9).keypoints[index].round().astype(int)
        np.testing.assert_allclose(drawn[y, x], colour, atol=40)


def test_keypoints_below_the_threshold_are_not_drawn() -> None:
    image = np.full((200, 200, 3), 127, np.uint8)
    inside = np.s_[40:180, 60:140]
    assert (draw_people(image, [make_person(0.1)], COCO_17, 0.2)[inside] == 127).all()
    assert (draw_people(image, [make_person(0.1)], COCO_17, 0.05)[inside] != 127).any()


def test_points_far_outside_the_image_do_no_harm() -> None:
    person = make_person(0.9)
    far = PersonPose((-1e6, -1e6, 2e6, 2e6), 1.0, 0.5, person.keypoints * 1e5, person.keypoint_scores)
    assert draw_people(np.zeros((5, 5, 3), np.uint8), [far], COCO_17, 0.2).shape == (5, 5, 3)


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
def test_the_colours_survive_encoding(media_type: str) -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[...] = (200, 30, 90)
    decoded = cv2.imdecode(np.frombuffer(encode_image(image, media_type), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    np.testing.assert_allclose(decoded[..., ::-1], image, atol=4)
