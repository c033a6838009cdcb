"""The `[skeleton]` table of a recipe: a named skeleton, or one of its own."""

import json

from pydantic import model_validator

from model.contract.skeleton import COCO_17, MPII_16, Skeleton
from model.section import Positive, Section

NAMED = (COCO_17, MPII_16)
OTHER_SIGMA = 0.05
"""OKS constant of a keypoint that COCO does not have; near the middle of COCO's 0.025 to 0.107."""

NamePair = tuple[str, str]


class SkeletonRecipe(Section):
    """Which keypoints the network finds. `name` alone means a skeleton that is known: `coco-17` or `mpii-16`.

    `fasterpose data skeleton` writes this table for an annotation file.

    Attributes:
        name: what the skeleton is called.
        keypoints: names, in the order of the annotation file's category.
        edges: pairs of names that are drawn as limbs.
        flip_pairs: pairs (left, right) of names that swap when an image is mirrored.
        sigmas: OKS constants, one for each keypoint; by default COCO's for names that COCO has, else 0.05.
        upper_body: names of the upper body, for half-body augmentation.
    """

    name: str = COCO_17.name
    keypoints: tuple[str, ...] = ()
    edges: tuple[NamePair, ...] = ()
    flip_pairs: tuple[NamePair, ...] = ()
    sigmas: tuple[Positive, ...] = ()
    upper_body: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_a_skeleton(self) -> "SkeletonRecipe":
        self.build()
        return self

    def build(self) -> Skeleton:
        """The skeleton.

        Raises:
            ValueError: the name is unknown and no keypoints are listed, or the tables do not belong together.
        """
        known = next((skeleton for skeleton in NAMED if skeleton.name == self.name), None)
        if known is None:
            return self._own()
        if self.keypoints or self.edges or self.flip_pairs or self.sigmas or self.upper_body:
            raise ValueError(f"{self.name} is known by its name; give keypoints of your own another name")
        return known

    def _own(self) -> Skeleton:
        if not self.keypoints:
            names = ", ".join(skeleton.name for skeleton in NAMED)
            raise ValueError(f"{self.name} is none of {names}, so its keypoints must be listed")
        return Skeleton(
            name=self.name,
            keypoint_names=self.keypoints,
            edges=tuple((self._index(a), self._index(b)) for a, b in self.edges),
            flip_pairs=tuple((self._index(left), self._index(right)) for left, right in self.flip_pairs),
            sigmas=self.sigmas or tuple(usual_sigma(name) for name in self.keypoints),
            upper_body=tuple(self._index(name) for name in self.upper_body),
        )

    def _index(self, name: str) -> int:
        if name not in self.keypoints:
            raise ValueError(f"{name!r} is not among the keypoints of {self.name}")
        return self.keypoints.index(name)


def usual_sigma(name: str) -> float:
    """COCO's OKS constant of a keypoint, or `OTHER_SIGMA` where COCO has none of that name."""
    names = COCO_17.keypoint_names
    return COCO_17.sigmas[names.index(name)] if name in names else OTHER_SIGMA


def skeleton_of_file(name: str, keypoints: tuple[str, ...], edges: tuple[tuple[int, int], ...]) -> SkeletonRecipe:
    """The table for an annotation file: keypoints and edges of its category, flip pairs and upper body by name.

    A pair is `left_x` and `right_x`, `x_left` and `x_right`, `l_x` and `r_x` or `x_l` and `x_r`. The file
    of COCO or MPII needs none: its skeleton is known.

    Args:
        name: what to call it.
        keypoints: names in the file's order.
        edges: 0-based pairs.
    """
    known = next((skeleton for skeleton in NAMED if skeleton.keypoint_names == keypoints), None)
    if known is not None:
        return SkeletonRecipe(name=known.name)
    partners = [(left, _partner(left)) for left in keypoints]
    coco_upper = {COCO_17.keypoint_names[index] for index in COCO_17.upper_body}
    return SkeletonRecipe(
        name=name,
        keypoints=keypoints,
        edges=tuple((keypoints[a], keypoints[b]) for a, b in edges),
        flip_pairs=tuple((left, right) for left, right in partners if right in keypoints),
        sigmas=tuple(usual_sigma(keypoint) for keypoint in keypoints),
        upper_body=tuple(keypoint for keypoint in keypoints if keypoint in coco_upper),
    )


def as_toml(skeleton: SkeletonRecipe) -> str:
    """The table as it stands in a recipe."""
    lines = ["[skeleton]"]
    for key, value in skeleton.model_dump().items():
        if value:
            lines.append(f"{key} = {_toml_value(value)}")
    return "\n".join(lines)


def _partner(left: str) -> str | None:
    """The name of the right-hand keypoint of a left-hand one; None for any other."""
    for mark, other in (("left", "right"), ("l", "r")):
        if left.lower().startswith(f"{mark}_"):
            return _as_written(left[: len(mark)], other) + left[len(mark) :]
        if left.lower().endswith(f"_{mark}"):
            return left[: -len(mark)] + _as_written(left[-len(mark) :], other)
    return None


def _as_written(mark: str, other: str) -> str:
    """`other` in the capitals of `mark`."""
    if mark.isupper():
        return other.upper()
    return other.capitalize() if mark[0].isupper() else other


def _toml_value(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml_value(item) for item in value)}]"  # pyright: ignore[reportUnknownVariableType]
    return json.dumps(value, ensure_ascii=False)  # a JSON string or number is TOML's too
