"""The forms of other tools, written out by hand from their documentation."""

from typing import Any

import pytest

from service.adapters import to_label_studio, to_mediapipe, to_openpose
from service.adapters.label_studio import label_studio_config
from service.adapters.mediapipe import MEDIAPIPE_INDEX
from service.client.answer import ImagePoses, PoseAnswer


def answer(people: int) -> ImagePoses:
    """An image of 200 x 100; keypoint k of a person lies at (k, 2 k) with score k / 100."""
    result: dict[str, Any] = {
        "image_id": 0,
        "category_id": 1,
        "bbox": [20.0, 10.0, 40.0, 50.0],
        "bbox_score": 0.9,
        "score": 0.8,
        "keypoints": [value for k in range(17) for value in (k, 2 * k, k / 100)],
    }
    images = [{"id": 0, "width": 200, "height": 100}]
    return PoseAnswer({"model": {}, "images": images, "results": [result] * people, "timings_ms": {}}).images[0]


def test_openpose_has_its_own_order_and_a_neck() -> None:
    content = to_openpose(answer(2))
    assert (content["version"], [person["person_id"] for person in content["people"]]) == (1.3, [[0], [1]])
    triples = content["people"][0]["pose_keypoints_2d"]
    assert len(triples) == 18 * 3
    assert triples[:3] == [0, 0, 0]  # nose
    assert triples[3:6] == [5.5, 11, 0.05]  # neck, between shoulders 5 and 6
    assert triples[6:9] == [6, 12, 0.06]  # right shoulder
    assert triples[-6:] == [4, 8, 0.04, 3, 6, 0.03]  # right ear, left ear
    assert content["people"][0]["face_keypoints_2d"] == []


def test_mediapipe_fills_what_coco_has() -> None:
    [landmarks] = to_mediapipe(answer(1))
    assert len(landmarks) == 33
    assert landmarks[28] == {"x": 16 / 200, "y": 32 / 100, "z": 0.0, "visibility": 0.16, "presence": 0.16}
    missing = set(range(33)) - set(MEDIAPIPE_INDEX.values())
    assert len(missing) == 16
    assert all(landmarks[index]["visibility"] == 0 for index in missing)


def test_label_studio_regions_hang_below_their_person() -> None:
    prediction = to_label_studio(answer(1), "fast 1")
    assert (prediction["model_version"], prediction["score"]) == ("fast 1", 0.8)
    box, *points = prediction["result"]
    assert box["value"] == {
        "x": 10.0,
        "y": 10.0,
        "width": 20.0,
        "height": 50.0,
        "rotation": 0,
        "rectanglelabels": ["person"],
    }
    assert len(points) == 17
    assert points[16]["value"] == {"x": 8.0, "y": 32.0, "width": 0.75, "keypointlabels": ["right_ankle"]}
    assert {point["parentID"] for point in points} == {box["id"]}
    assert len({region["id"] for region in prediction["result"]}) == 18


def test_the_labelling_configuration_has_the_predictions_tags() -> None:
    config = label_studio_config()
    for region in to_label_studio(answer(1), "v")["result"]:
        assert f'name="{region["from_name"]}"' in config
        assert f'toName="{region["to_name"]}"' in config
        assert f'value="{region["value"][region["type"]][0]}"' in config


def to_versioned_label_studio(image: ImagePoses) -> dict[str, Any]:
    return to_label_studio(image, "v")


@pytest.mark.parametrize("convert", [to_openpose, to_mediapipe, to_versioned_label_studio])
def test_nobody_is_nobody(convert: Any) -> None:
    content = convert(answer(0))
    assert content == [] or content.get("people", content.get("result")) == []
