"""The skeleton tables against COCO's 1-based ones and pycocotools, and refusals."""

import importlib
from dataclasses import replace
from typing import Any

import pytest

from model.contract.skeleton import COCO_17, MPII_16, Skeleton

COCO_EDGES = "16-14 14-12 17-15 15-13 12-13 6-12 7-13 6-7 6-8 7-9 8-10 9-11 2-3 1-2 1-3 2-4 3-5 4-6 5-7"  # 1-based
COCO_NAMES = (
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist "
    "right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
)
BOTH = pytest.mark.parametrize("skeleton", [COCO_17, MPII_16], ids=lambda skeleton: skeleton.name)


def test_coco_tables() -> None:
    assert " ".join(COCO_17.keypoint_names) == COCO_NAMES
    assert " ".join(f"{a + 1}-{b + 1}" for a, b in COCO_17.edges) == COCO_EDGES
    assert COCO_17.flip_pairs == tuple((i, i + 1) for i in range(1, 17, 2))
    assert COCO_17.upper_body == tuple(range(11))
    assert COCO_17.num_keypoints == 17


def test_coco_sigmas_are_pycocotools() -> None:
    params: Any = importlib.import_module("pycocotools.cocoeval").Params(iouType="keypoints")
    assert COCO_17.sigmas == pytest.approx(params.kpt_oks_sigmas.tolist())


def test_mpii_tables() -> None:
    assert MPII_16.num_keypoints == 16
    assert MPII_16.flip_pairs == ((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13))
    assert MPII_16.upper_body == tuple(range(7, 16))
    assert MPII_16.keypoint_names[6:10] == ("pelvis", "thorax", "upper_neck", "head_top")


@BOTH
def test_flip_pairs_are_left_and_right_of_one_part(skeleton: Skeleton) -> None:
    paired = {i for pair in skeleton.flip_pairs for i in pair}
    for first, second in skeleton.flip_pairs:
        names = sorted(skeleton.keypoint_names[i] for i in (first, second))
        assert names[0].removeprefix("left_") == names[1].removeprefix("right_")
        assert skeleton.sigmas[first] == skeleton.sigmas[second]
    for index, name in enumerate(skeleton.keypoint_names):
        assert (index in paired) == name.startswith(("left_", "right_"))


@BOTH
def test_mirroring_twice_changes_nothing(skeleton: Skeleton) -> None:
    order = skeleton.mirror_order
    assert [order[i] for i in order] == list(range(skeleton.num_keypoints))
    assert {frozenset((order[a], order[b])) for a, b in skeleton.edges} == {frozenset(edge) for edge in skeleton.edges}


@BOTH
def test_the_limbs_hang_together(skeleton: Skeleton) -> None:
    reached, waiting = {0}, [0]
    while waiting:
        here = waiting.pop()
        near = {i for edge in skeleton.edges if here in edge for i in edge} - reached
        reached |= near
        waiting += near
    assert reached == set(range(skeleton.num_keypoints))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigmas": (0.1,) * 16}, "16 sigmas for 17"),
        ({"edges": ((0, 17),)}, "outside 0..16"),
        ({"flip_pairs": ((-1, 2),)}, "outside 0..16"),
        ({"upper_body": (99,)}, "outside 0..16"),
        ({"keypoint_names": ("nose",) * 17}, "occurs twice"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(COCO_17, **changes)
