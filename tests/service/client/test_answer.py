from typing import Any

import numpy as np
import pytest

from model.contract.arrays import ImageArray
from service.client.answer import PoseAnswer
from service.client.failure import PoseError

PROBLEM = {"type": "urn:fasterpose:problem:invalid-image", "title": "t", "status": 400, "detail": "It is empty."}


def result(image_id: int | str, x: float) -> dict[str, Any]:
    return {
        "image_id": image_id,
        "category_id": 1,
        "bbox": [x, 20.0, 60.0, 100.0],
        "bbox_score": 0.9,
        "score": 0.8,
        "keypoints": [value for k in range(17) for value in (x + k, 30.0 + 4 * k, 0.5)],
    }


@pytest.fixture
def answer() -> PoseAnswer:
    images = [{"id": 0, "width": 320, "height": 240}, {"id": 1, "error": PROBLEM}, {"id": "c", "width": 8, "height": 8}]
    content = {"model": {}, "images": images, "results": [result(0, 5), result(0, 90), result("c", 1)]}
    return PoseAnswer(content | {"timings_ms": {"total": 1.5}})


def test_people_belong_to_their_images(answer: PoseAnswer) -> None:
    assert [len(image.people) for image in answer.images] == [2, 0, 1]
    assert [person.image_id for person in answer.people] == [0, 0, "c"]
    assert [image.width for image in answer.images] == [320, 0, 8]


def test_an_image_that_failed_says_why(answer: PoseAnswer) -> None:
    assert [image.error is None for image in answer.images] == [True, False, True]
    with pytest.raises(PoseError, match=r"400 invalid-image: It is empty\."):
        answer.raise_for_errors()


def test_arrays_are_views_of_the_triples(answer: PoseAnswer) -> None:
    person = answer.people[1]
    assert (person.points.shape, person.point_scores.shape) == ((17, 2), (17,))
    assert np.array_equal(person.points[3], (93, 42))
    assert person.keypoint("right_ankle") == (106, 94, 0.5)
    assert person.box == (90, 20, 60, 100)
    with pytest.raises(ValueError, match="coco-17 has no keypoint 'tail'; it has nose, left_eye"):
        person.keypoint("tail")


def test_coco_results_are_those_of_the_server(answer: PoseAnswer) -> None:
    assert answer.to_coco() == answer.content["results"]


def test_drawing_marks_the_people_and_leaves_the_image(answer: PoseAnswer, scene: ImageArray) -> None:
    before = scene.copy()
    drawn = answer.images[0].draw(scene)
    assert np.array_equal(scene, before)
    assert (drawn[:, :80] != scene[:, :80]).any()
    assert (drawn[:, 90:160] != scene[:, 90:160]).any()
    assert np.array_equal(drawn[:, 200:], scene[:, 200:])


def test_drawing_on_an_image_of_another_size_is_refused(answer: PoseAnswer, scene: ImageArray) -> None:
    with pytest.raises(ValueError, match=r"shape \(320, 240, 3\), the answer is about \(240, 320, 3\)"):
        answer.images[0].draw(np.ascontiguousarray(scene.transpose(1, 0, 2)))
