"""A tiny set of drawn kites, whose four keypoints COCO does not have. Needs no torch."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.model import drawn

KEYPOINTS = ("tip", "left_wing", "right_wing", "tail")
KITE = np.array([(30, 4), (56, 30), (4, 30), (30, 76)], dtype=np.float64)
CATEGORY = {"id": 7, "name": "kite", "keypoints": KEYPOINTS, "skeleton": [[1, 2], [1, 3], [2, 4], [3, 4]]}


def draw_kites(folder: Path) -> Path:
    """`train.json` and `val.json` of one kite a photograph, and `images/`."""
    (folder / "images").mkdir(parents=True)
    for split, places in (("train", [(10, 8), (50, 12), (30, 16)]), ("val", [(20, 10), (44, 6)])):
        images: list[dict[str, Any]] = []
        kites: list[dict[str, Any]] = []
        for number, place in enumerate(places, start=1):
            points, name = KITE + np.array(place), f"{split}-{number}.png"
            images.append({"id": number, "file_name": name, "width": drawn.SIZE[0], "height": drawn.SIZE[1]})
            kites.append(drawn.annotation(number, number, points) | {"category_id": 7})
            picture = np.full((drawn.SIZE[1], drawn.SIZE[0], 3), 120, np.uint8)
            cv2.fillPoly(picture, [points[[0, 1, 3, 2]].astype(np.int32)], (40, 40, 220))
            cv2.imwrite(str(folder / "images" / name), picture)
        content = {"images": images, "annotations": kites, "categories": [CATEGORY]}
        (folder / f"{split}.json").write_text(json.dumps(content))
    return folder
