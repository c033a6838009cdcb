import numpy as np

from model.contract.coco import PersonPose
from model.contract.skeleton import COCO_17
from service.formats import cvat
from service.jobs import ImageResult


def test_a_point_that_is_unsure_or_beside_the_picture_is_outside_in_cvats_form() -> None:
    points, scores = np.full((17, 2), 50.0), np.full(17, 0.9, np.float32)
    points[1], points[2], points[3] = (-1, 50), (50, 101), (201, 50)
    scores[4] = 0.1
    result = ImageResult(0, 200, 100, [PersonPose((0, 0, 90, 90), 0.9, 0.8, points, scores)], {}, None)
    (shape,) = cvat(result, COCO_17, 0.2)
    assert [element["outside"] for element in shape["elements"]] == [0, 1, 1, 1, 1] + [0] * 12
    assert shape["elements"][2]["points"] == [50.0, 101.0]
