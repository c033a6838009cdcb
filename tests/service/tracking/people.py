"""People for tests of tracking: a stick figure that is moved and scaled as a whole."""

from dataclasses import replace

import numpy as np

from model.contract.arrays import DoubleArray
from model.contract.coco import PersonPose
from model.contract.crop import Box
from model.contract.skeleton import COCO_17

SIGMAS = COCO_17.sigmas
FIGURE: DoubleArray = np.random.default_rng(3).uniform(0.1, 0.9, (17, 2))
"""Keypoints in parts of the box."""


def person(box: Box, score: float = 0.9, noise: float = 0.0, keypoint_score: float = 0.8) -> PersonPose:
    """A person whose keypoints fill the box in the same way each time, but for some pixels of noise."""
    shaken = np.random.default_rng(7).normal(0, noise, (17, 2)) if noise else np.zeros((17, 2))
    points = np.array(box[:2]) + FIGURE * np.array(box[2:]) + shaken
    return PersonPose(box, score, score * keypoint_score, points, np.full(17, keypoint_score, np.float32))


def moved(pose: PersonPose, x: float, y: float = 0.0) -> PersonPose:
    """The same person elsewhere."""
    left, top, width, height = pose.box
    return replace(pose, box=(left + x, top + y, width, height), keypoints=pose.keypoints + np.array([x, y]))
