"""What the other tools themselves make of our answers; `make test-adapters` installs them and runs this."""

from typing import Any

import numpy as np
import pytest

from service.adapters import to_fiftyone, to_label_studio, to_supervision
from service.adapters.label_studio import label_studio_config
from tests.service.adapters.test_forms import answer


def test_supervision_takes_and_draws_the_keypoints() -> None:
    supervision: Any = pytest.importorskip("supervision", reason="make test-adapters installs it")
    keypoints: Any = to_supervision(answer(2))
    assert isinstance(keypoints, supervision.KeyPoints)
    assert keypoints.xy.shape == (2, 17, 2)
    drawn = supervision.VertexAnnotator().annotate(np.zeros((100, 200, 3), np.uint8), keypoints)
    assert drawn.any()
    nobody: Any = to_supervision(answer(0))
    assert len(nobody) == 0


def test_fiftyone_takes_the_labels() -> None:
    fiftyone: Any = pytest.importorskip("fiftyone", reason="make test-adapters installs it")
    labels: Any = to_fiftyone(answer(2))
    keypoints, detections = labels
    assert len(fiftyone.Keypoints.from_dict(keypoints.to_dict()).keypoints) == 2
    person: Any = keypoints.keypoints[0]
    assert person.points[16] == pytest.approx((16 / 200, 32 / 100))
    assert person.confidence[16] == 0.16
    assert detections.detections[0].bounding_box == pytest.approx([0.1, 0.1, 0.2, 0.5])


def test_label_studio_accepts_the_prediction() -> None:
    interface: Any = pytest.importorskip("label_studio_sdk.label_interface", reason="make test-adapters installs it")
    checked = interface.LabelInterface(label_studio_config())
    prediction = to_label_studio(answer(1), "v1")
    assert checked.validate_prediction(prediction)
    broken = prediction | {"result": [prediction["result"][0] | {"from_name": "other"}]}
    assert not checked.validate_prediction(broken)
