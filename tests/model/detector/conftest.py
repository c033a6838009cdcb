"""Drawn photographs and networks for the detector's tests."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def box_folder(tmp_path: Path) -> Path:
    """A data folder of two drawn photographs: one with two persons and a crowd, one without anybody."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    for name, (width, height) in (("a.png", (64, 48)), ("b.png", (40, 80))):
        cv2.imwrite(str(folder / "images" / name), np.full((height, width, 3), 90, dtype=np.uint8))
    boxes = [(10.0, 12.0, 20.0, 24.0, 1, 0), (50.0, -4.0, 30.0, 20.0, 1, 0), (0.0, 0.0, 60.0, 40.0, 1, 1)]
    boxes.append((5.0, 5.0, 9.0, 9.0, 17, 0))
    content = {
        "images": [
            {"id": 7, "file_name": "a.png", "width": 64, "height": 48},
            {"id": 9, "file_name": "b.png", "width": 40, "height": 80},
        ],
        "annotations": [
            {"id": n, "image_id": 7, "bbox": list(box[:4]), "category_id": box[4], "iscrowd": box[5]}
            for n, box in enumerate(boxes, start=1)
        ],
        "categories": [{"id": 1, "name": "person"}, {"id": 17, "name": "cat"}],
    }
    for split in ("train", "val"):
        (folder / f"person_boxes_{split}.json").write_text(json.dumps(content))
    return folder
