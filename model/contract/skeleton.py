"""Skeletons: keypoint names, edges, flip pairs and OKS sigmas of a keypoint convention."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    """A keypoint convention.

    Attributes:
        name: what the convention is called, for example `coco-17`.
        keypoint_names: K names, in the order of the network's heatmaps.
        edges: 0-based keypoint pairs that are drawn as limbs.
        flip_pairs: 0-based (left, right) keypoint pairs that swap when an image is mirrored.
        sigmas: K OKS constants, the per-keypoint standard deviation relative to the person's scale.
        upper_body: 0-based keypoints of the upper body, for half-body augmentation.
    """

    name: str
    keypoint_names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    flip_pairs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]
    upper_body: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse tables that do not belong together.

        Raises:
            ValueError: a table has the wrong length or names a keypoint that does not exist.
        """
        count = len(self.keypoint_names)
        if len(set(self.keypoint_names)) != count:
            raise ValueError(f"skeleton {self.name}: a keypoint name occurs twice")
        if len(self.sigmas) != count:
            raise ValueError(f"skeleton {self.name}: {len(self.sigmas)} sigmas for {count} keypoints")
        indices = [i for pair in (*self.edges, *self.flip_pairs) for i in pair] + list(self.upper_body)
        if any(not 0 <= i < count for i in indices):
            raise ValueError(f"skeleton {self.name}: a table names a keypoint outside 0..{count - 1}")

    @property
    def num_keypoints(self) -> int:
        """K, the number of keypoints."""
        return len(self.keypoint_names)

    @property
    def mirror_order(self) -> tuple[int, ...]:
        """For each keypoint of a mirrored image, the index it has in the original one."""
        order = list(range(self.num_keypoints))
        for left, right in self.flip_pairs:
            order[left], order[right] = right, left
        return tuple(order)


COCO_17 = Skeleton(
    name="coco-17",
    keypoint_names=(
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    edges=(
        (15, 13),
        (13, 11),
        (16, 14),
        (14, 12),
        (11, 12),
        (5, 11),
        (6, 12),
        (5, 6),
        (5, 7),
        (6, 8),
        (7, 9),
        (8, 10),
        (1, 2),
        (0, 1),
        (0, 2),
        (1, 3),
        (2, 4),
        (3, 5),
        (4, 6),
    ),
    flip_pairs=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    sigmas=(
        *(0.026, 0.025, 0.025, 0.035, 0.035),
        *(0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
        *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
    ),
    upper_body=tuple(range(11)),
)
"""The 17 keypoints of COCO; sigmas and order as in cocoapi."""

MPII_16 = Skeleton(
    name="mpii-16",
    keypoint_names=(
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "thorax",
        "upper_neck",
        "head_top",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
    ),
    edges=(
        (0, 1),
        (1, 2),
        (2, 6),
        (6, 3),
        (3, 4),
        (4, 5),
        (6, 7),
        (7, 8),
        (8, 9),
        (8, 12),
        (12, 11),
        (11, 10),
        (8, 13),
        (13, 14),
        (14, 15),
    ),
    flip_pairs=((0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13)),
    sigmas=(
        *(0.089, 0.087, 0.107, 0.107, 0.087, 0.089),
        *(0.026, 0.026, 0.026, 0.026),
        *(0.062, 0.072, 0.079, 0.079, 0.072, 0.062),
    ),
    upper_body=tuple(range(7, 16)),
)
"""The 16 joints of MPII. MPII is scored by PCKh, not OKS; the sigmas are COCO's for the joints that both
have and the nose's for the four head and torso points, so that OKS-NMS can run on MPII poses too."""
