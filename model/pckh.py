"""PCKh, MPII's measure: the share of joints within half a head's length of their label (SimpleBaseline's evaluation).

Its published quirks are kept, since figures are compared: the head's length is 0.6 of the head box's diagonal; joints
that are missing in the ground truth count nowhere; a part is the plain mean of its left and right side, while `Mean`
weighs each joint by how often it is labelled, pelvis and thorax left out; `Mean@0.1` is measured at 0.11.
"""

import numpy as np

from model.contract.arrays import BoolArray, DoubleArray
from model.contract.skeleton import MPII_16
from model.data.dataset import DataError
from model.data.mpii import PckhTruth

SC_BIAS = 0.6
SHARE = 0.5
FINE_SHARE = 0.11
"""`Mean@0.1` reads the twelfth step of a grid 0, 0.01, 0.02 ... that starts at 0."""

UNCOUNTED = ("pelvis", "thorax")
PARTS = {
    "Head": ("head_top",),
    "Shoulder": ("left_shoulder", "right_shoulder"),
    "Elbow": ("left_elbow", "right_elbow"),
    "Wrist": ("left_wrist", "right_wrist"),
    "Hip": ("left_hip", "right_hip"),
    "Knee": ("left_knee", "right_knee"),
    "Ankle": ("left_ankle", "right_ankle"),
}
NAMES = MPII_16.keypoint_names


def pckh(points: DoubleArray, truth: PckhTruth) -> dict[str, float]:
    """PCKh of each part, their mean and the mean at 0.1 (that is, 0.11), each 0..1.

    Args:
        points: (N, 16, 2) estimated joints, image pixels counted from 0, in the order of the truth.
        truth: the ground truth, counted from 1.

    Returns:
        `Head` ... `Ankle`, `Mean`, `Mean@0.1`; -1 for a part that nobody has.

    Raises:
        DataError: the truth is that of another number of people.
    """
    if len(points) != len(truth.points):
        raise DataError(f"the ground truth of PCKh holds {len(truth.points)} people; {len(points)} were estimated")
    distances = np.linalg.norm(points + 1.0 - truth.points, axis=2)  # (N, 16)
    errors = distances / (truth.head_diagonals * SC_BIAS)[:, None]
    shares = _joint_shares(errors, truth.present, SHARE)
    parts = {part: float(np.mean([shares[NAMES.index(name)] for name in names])) for part, names in PARTS.items()}
    fine = _joint_shares(errors, truth.present, FINE_SHARE)
    figures = parts | {"Mean": _mean(shares, truth.present), "Mean@0.1": _mean(fine, truth.present)}
    return {name: -1.0 if np.isnan(value) else value for name, value in figures.items()}


def _joint_shares(errors: DoubleArray, present: BoolArray, share: float) -> DoubleArray:
    """(16,) share of the labelled joints whose error is at most `share`; NaN where none is labelled."""
    correct = ((errors <= share) & present).sum(axis=0)
    counts = present.sum(axis=0)
    return np.divide(correct, counts, out=np.full(len(counts), np.nan), where=counts > 0)


def _mean(shares: DoubleArray, present: BoolArray) -> float:
    """The shares' mean, weighted by how many people have the joint; uncounted and unlabelled joints left out."""
    counts = present.sum(axis=0) * ~np.isin(NAMES, UNCOUNTED)
    return float((np.nan_to_num(shares) * counts).sum() / counts.sum()) if counts.any() else float("nan")
