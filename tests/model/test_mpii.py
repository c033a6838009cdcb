"""MPII's JSON and gt_valid.mat: positions as the published loader makes them, errors that name the entry."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

from scipy.io import savemat

from model.contract.coco_entry import AnnotationError
from model.contract.crop import CropWindow
from model.contract.skeleton import COCO_17, MPII_16
from model.data.dataset import DataError
from model.data.mpii import read_mpii, read_pckh_truth
from model.data.sources import read_mpii_samples
from tests.model import mpii_set

ENTRY: dict[str, Any] = {
    "image": "015601864.jpg",
    "scale": 3.021046,
    "center": [594.0, 257.0],
    "joints": [[620.0 + joint, 394.0 - joint] for joint in range(16)],
    "joints_vis": [1] * 15 + [0],
}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def published_window(entry: dict[str, Any]) -> tuple[float, float, float]:
    """Centre and side of the crop, as SimpleBaseline's lib/dataset/mpii.py makes them."""
    center, scale = np.array(entry["center"], dtype=np.float64), float(entry["scale"])
    if center[0] != -1:
        center[1] = center[1] + 15 * scale
        scale *= 1.25
    center -= 1
    return float(center[0]), float(center[1]), scale * 200


@pytest.mark.parametrize("center", [[594.0, 257.0], [-1.0, -1.0]])
def test_the_window_is_the_published_one(tmp_path: Path, center: list[float]) -> None:
    entry = ENTRY | {"center": center}
    (sample,) = read_mpii(write(tmp_path / "valid.json", [entry]), tmp_path)
    window = CropWindow.around(sample.person.box, 1.0, 1.25)
    x, y, side = published_window(entry)
    assert (window.center_x, window.center_y) == pytest.approx((x, y))
    assert (window.width, window.height) == pytest.approx((side, side))


def test_joints_count_from_zero_and_invisible_ones_carry_no_label(tmp_path: Path) -> None:
    (sample,) = read_mpii(write(tmp_path / "valid.json", [ENTRY]), tmp_path)
    assert sample.image_path == tmp_path / "015601864.jpg"
    assert sample.person.keypoints[3].tolist() == [622.0, 390.0]
    assert sample.person.labelled.tolist() == [True] * 15 + [False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": [[1, 2]] * 15}, "entry 0: its joints has 15 rows; it must have 16"),
        ({"joints": [[1, 2, 3]] * 16}, "entry 0: its joints has 3 numbers; it must have 2"),
        ({"joints_vis": [1] * 17}, "entry 0: its joints_vis has 17 numbers"),
        ({"scale": 0}, "entry 0: its scale is 0.0; it must be positive"),
        ({"image": 7}, "entry 0: its image holds 7, which is not a text"),
    ],
)
def test_a_broken_entry_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        read_mpii(write(tmp_path / "valid.json", [ENTRY | change]), tmp_path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_mpii(tmp_path / "absent.json", tmp_path)
    with pytest.raises(AnnotationError, match="is a JSON list, not dict"):
        read_mpii(write(tmp_path / "coco.json", {}), tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_pckh_truth(tmp_path / "absent.mat")
    (tmp_path / "text.mat").write_text("no MATLAB file, but long enough to hold a header of one" * 9)
    with pytest.raises(DataError, match="not a MATLAB file"):
        read_pckh_truth(tmp_path / "text.mat")
    savemat(str(tmp_path / "other.mat"), {"jnt_missing": np.zeros((16, 2))})
    with pytest.raises(DataError, match="holds no 'pos_gt_src'"):
        read_pckh_truth(tmp_path / "other.mat")


def test_a_network_of_other_keypoints_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "valid.json", [ENTRY])
    assert len(read_mpii_samples(path, tmp_path, MPII_16)) == 1
    with pytest.raises(DataError, match=r"MPII's \(mpii-16\); the skeleton here is coco-17"):
        read_mpii_samples(path, tmp_path, COCO_17)


def test_the_ground_truth_comes_person_by_person(tmp_path: Path) -> None:
    truth = read_pckh_truth(mpii_set.write_set(tmp_path / "set") / "gt_valid.mat")
    assert truth.points[1, 9].tolist() == [76.0, 17.0]
    assert np.argwhere(~truth.present).tolist() == [list(mpii_set.MISSING)]
    assert truth.head_diagonals == pytest.approx([12.0, 12.0])
