"""One person through time."""

from dataclasses import dataclass, field, replace

import numpy as np

from model.contract.arrays import DoubleArray
from model.contract.coco import PersonPose
from model.contract.crop import Box
from service.tracking.carrying import common_motion
from service.tracking.smoothing import OneEuro, trust_in

VELOCITY_GAIN = 0.3
"""How much of a new velocity is believed."""
FARTHEST_FORECAST = 0.2
"""Of the person's size: frames that arrive unevenly tell a wrong velocity."""
LONGEST_FORECAST_S = 0.3
"""Beyond it a person is expected to stand still."""


@dataclass(eq=False)
class Track:
    """A person who is followed.

    Attributes:
        seen: box and pose at the detector's last look.
        pose: the newest box and pose, not smoothed.
        time_s: of the newest pose.
        number: the track id, from 1; 0: not answered yet.
        misses: looks in a row at which the detector did not find the person.
        lost: the detector did not find the person, and the pose does not tell where it is.
        velocity: (2,) pixels a second.
        filter: smooths what is answered.
    """

    seen: PersonPose
    pose: PersonPose
    time_s: float
    number: int = 0
    misses: int = 0
    lost: bool = False
    velocity: DoubleArray = field(default_factory=lambda: np.zeros(2))
    filter: OneEuro = field(default_factory=OneEuro)

    def expected(self, time_s: float) -> PersonPose:
        """Where the person is at a time, by constant velocity."""
        x, y, width, height = self.pose.box
        most = FARTHEST_FORECAST * float(np.sqrt(width * height))
        shift = np.clip(self.velocity * min(time_s - self.time_s, LONGEST_FORECAST_S), -most, most)
        box = (float(x + shift[0]), float(y + shift[1]), width, height)
        return replace(self.pose, box=box, keypoints=self.pose.keypoints + shift)

    def follow(self, pose: PersonPose, time_s: float) -> None:
        """Take the pose of a new frame."""
        elapsed = time_s - self.time_s
        if elapsed > 0:
            velocity = _movement(self.pose, pose) / elapsed
            self.velocity = self.velocity + VELOCITY_GAIN * (velocity - self.velocity)
        self.pose, self.time_s, self.lost = pose, time_s, False

    def hold(self, pose: PersonPose, time_s: float) -> None:
        """Take a pose that does not tell where the person is: its box stays where it is expected."""
        self.pose, self.time_s = replace(pose, box=self.expected(time_s).box), time_s

    def smoothed(self) -> PersonPose:
        """The newest pose with smoothed keypoints and box; to be called once a frame."""
        x, y, width, height = self.pose.box
        points = np.vstack([self.pose.keypoints, [[x, y], [x + width, y + height]]])
        trust = np.append(trust_in(self.pose.keypoint_scores.astype(np.float64)), [1.0, 1.0])
        smooth = self.filter.smooth(points, float(np.sqrt(width * height)), self.time_s, self.velocity, trust)
        (left, top), (right, bottom) = smooth[-2:].tolist()
        return replace(self.pose, box=(left, top, right - left, bottom - top), keypoints=smooth[:-2])


def _movement(then: PersonPose, now: PersonPose) -> DoubleArray:
    """(2,) pixels by which the middle of a person moved; by the boxes where the poses do not tell."""
    motion = common_motion(then, now)
    box = now.box if motion is None else motion.moved(then.box)
    return _middle(box) - _middle(then.box)


def _middle(box: Box) -> DoubleArray:
    return np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
