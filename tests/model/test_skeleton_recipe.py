"""The `[skeleton]` table: named, of one's own, and written for an annotation file."""

import tomllib

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from pydantic import ValidationError

from model.contract.skeleton import COCO_17, MPII_16
from model.skeleton_recipe import SkeletonRecipe, as_toml, skeleton_of_file

HAND = SkeletonRecipe(
    name="kite",
    keypoints=("tip", "left_wing", "right_wing", "tail"),
    edges=(("tip", "left_wing"), ("tip", "right_wing")),
    flip_pairs=(("left_wing", "right_wing"),),
    sigmas=(0.04, 0.05, 0.05, 0.06),
    upper_body=("tip",),
)


def test_a_name_is_enough_for_a_known_one() -> None:
    assert SkeletonRecipe().build() == COCO_17
    assert SkeletonRecipe(name="mpii-16").build() == MPII_16


def test_ones_own_is_built_of_names() -> None:
    skeleton = HAND.build()
    assert skeleton.edges == ((0, 1), (0, 2))
    assert skeleton.mirror_order == (0, 2, 1, 3)
    assert (skeleton.sigmas, skeleton.upper_body) == ((0.04, 0.05, 0.05, 0.06), (0,))


def test_sigmas_default_to_cocos() -> None:
    assert SkeletonRecipe(name="two", keypoints=("left_hip", "tail")).build().sigmas == (0.107, 0.05)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "dog"}, "dog is none of coco-17, mpii-16, so its keypoints must be listed"),
        ({"name": "coco-17", "sigmas": (0.1,)}, "coco-17 is known by its name"),
        ({"name": "a", "keypoints": ("x",), "edges": (("x", "y"),)}, "'y' is not among the keypoints of a"),
        ({"name": "a", "keypoints": ("x",), "sigmas": (0.1, 0.1)}, "2 sigmas for 1 keypoints"),
        ({"name": "a", "keypoints": ("x", "x")}, "a keypoint name occurs twice"),
    ],
)
def test_tables_that_do_not_fit_are_named(table: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SkeletonRecipe.model_validate(table)


def test_the_table_of_a_file_names_pairs_edges_and_cocos_sigmas() -> None:
    table = skeleton_of_file("pets", ("nose", "left_paw", "R_ear", "L_ear", "right_paw"), ((0, 1), (0, 4)))
    assert table.edges == (("nose", "left_paw"), ("nose", "right_paw"))
    assert table.flip_pairs == (("left_paw", "right_paw"), ("L_ear", "R_ear"))
    assert table.sigmas == (0.026, 0.05, 0.05, 0.05, 0.05)
    assert table.upper_body == ("nose",)


def test_the_files_of_coco_and_mpii_have_a_name() -> None:
    assert skeleton_of_file("mine", COCO_17.keypoint_names, ()) == SkeletonRecipe(name="coco-17")
    assert skeleton_of_file("mine", MPII_16.keypoint_names, ()) == SkeletonRecipe(name="mpii-16")


@pytest.mark.parametrize("table", [HAND, SkeletonRecipe(), SkeletonRecipe(name="mpii-16")])
def test_written_as_toml_it_reads_back(table: SkeletonRecipe) -> None:
    assert SkeletonRecipe.model_validate(tomllib.loads(as_toml(table))["skeleton"]) == table
