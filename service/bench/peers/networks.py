"""The networks behind the peers: the same graphs, precisions, crops and codec as behind our server.

A batch of photographs is one call of each network. In the comparison of frameworks the networks only take time.
"""

import os

import numpy as np

from model.contract.arrays import ImageArray
from model.contract.coco import PersonPose, order_by_score, to_result
from model.contract.crop import CropTransform
from model.contract.detections import ScoredBox, read_people
from model.contract.image import decode_image
from model.contract.poses import poses_from_heatmaps, without_repeats
from service.bench.networks import Networks, load_networks
from service.bench.standin import STAND_IN, stand_in_networks
from service.detector import fit_image
from service.estimator import cut_crops
from service.jobs import PoseOptions
from service.settings import load_settings

LARGEST_BATCH = 8
BATCH_WAIT_S = 0.002

Answer = dict[str, object]
"""`results`: a COCO results list."""


class PeerModel:
    """What a peer loads once and calls with batches."""

    def __init__(self, networks: Networks, *, detect: bool) -> None:
        """Both networks; without `detect` the whole photograph is one person."""
        self._networks = networks
        self._detect = detect

    def decode(self, data: bytes) -> ImageArray:
        """A JPEG file -> (H, W, 3) uint8 RGB."""
        return decode_image(data)

    def answer(self, images: list[ImageArray]) -> list[Answer]:
        """People and their keypoints in a batch of photographs."""
        found = self._find_people(images) if self._detect else [_whole(image) for image in images]
        cut = [
            cut_crops(self._networks.pose.spec, image, _boxes(own))
            for image, own in zip(images, found, strict=True)
            if own
        ]
        poses = iter(self._estimate([own for own in found if own], cut))
        return [self._results(next(poses)) if own else {"results": []} for own in found]

    def _find_people(self, images: list[ImageArray]) -> list[list[ScoredBox]]:
        spec, options = self._networks.detector.spec, PoseOptions()
        fitted = [fit_image(self._networks.detector, image) for image in images]  # all of one size: one photograph
        rows = self._networks.detector.runtime.infer(np.stack([pixels for _, pixels in fitted]))
        return [
            read_people(spec, own, fitting, options.person_threshold, options.max_persons)
            for own, (fitting, _) in zip(rows, fitted, strict=True)
        ]

    def _estimate(
        self, found: list[list[ScoredBox]], cut: list[tuple[list[CropTransform], ImageArray]]
    ) -> list[list[PersonPose]]:
        if not cut:
            return []
        heatmaps = self._networks.pose.runtime.infer(np.concatenate([crops for _, crops in cut]))
        ends = np.cumsum([len(people) for people in found])[:-1]
        codec = self._networks.pose.spec.codec
        return [
            poses_from_heatmaps(codec, own, transforms, _boxes(people), [person.score for person in people])
            for own, people, (transforms, _) in zip(np.split(heatmaps, ends), found, cut, strict=True)
        ]

    def _results(self, poses: list[PersonPose]) -> Answer:
        kept = without_repeats(poses, self._networks.pose.spec) if self._detect else poses
        return {"results": [to_result(pose, 0) for pose in order_by_score(kept)]}


def open_model() -> PeerModel:
    """The networks that the environment asks for: stand-ins, or those of the settings FASTERPOSE_<NAME>."""
    if os.environ.get(STAND_IN):
        return PeerModel(stand_in_networks(), detect=False)
    return PeerModel(load_networks(load_settings({}, None, os.environ)), detect=True)


def _whole(image: ImageArray) -> list[ScoredBox]:
    height, width = image.shape[:2]
    return [ScoredBox((0.0, 0.0, float(width), float(height)), 1.0)]


def _boxes(people: list[ScoredBox]) -> list[tuple[float, float, float, float]]:
    return [person.box for person in people]
