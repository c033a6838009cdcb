"""`fasterpose benchmark video`: tracked and smoothed beside frame by frame, on a film whose people stand still."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from model.contract.arrays import DoubleArray
from model.contract.boxes import box_overlaps
from model.contract.image import ImageError, decode_image
from service.bench.moving_crop import Shot, camera_path
from service.jobs import ImageJob, ImageResult, PoseOptions
from service.pipeline import Pipeline
from service.tracking.assignment import match
from service.tracking.carrying import SEEN
from service.tracking.options import TrackingOptions
from service.video.estimate import VideoOptions, estimate_video

LEAST_SCORE = 0.5
"""Box score from which somebody in the photograph counts."""
LEAST_VISIBLE = 0.5
"""Part of a box: who is less visible has left the picture and may come back as somebody new."""
LEAST_OVERLAP = 0.5
"""Of an answer's box with the person's, to be an answer about that person."""

Sightings = list[tuple[int, DoubleArray, DoubleArray]]
"""Of one person, frame by frame: the frame's place in the shot, (K, 2) keypoints in the photograph, (K,) scores."""


@dataclass
class Answers:
    """What one way of answering made of one shot.

    Attributes:
        people: of the photograph.
        frames: that were answered.
        seconds: for its frames.
        cpu_seconds: of all threads of the process for its frames, which other programs hardly change.
        looks: frames that the detector saw.
        breaks: times that somebody got another track id without having left the picture.
        sightings: of each person of the photograph.
        numbers: track ids that each person had.
    """

    people: int
    frames: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    looks: int = 0
    breaks: int = 0
    sightings: list[Sightings] = field(default_factory=list[Sightings])
    numbers: list[set[int]] = field(default_factory=list[set[int]])
    _last: list[int | None] = field(default_factory=list[int | None])

    def __post_init__(self) -> None:
        """Nobody is seen yet."""
        self.sightings = [[] for _ in range(self.people)]
        self.numbers = [set() for _ in range(self.people)]
        self._last = [None] * self.people

    def add(self, shot: Shot, place: int, result: ImageResult) -> None:
        """Count the answer to a frame of the shot."""
        self.frames += 1
        self.looks += result.seconds["detect"] > 0
        view = shot.views[place]
        there = [view.box_to_frame(person.box) for person in shot.people]
        for person, box in enumerate(there):
            if box[2] * box[3] < LEAST_VISIBLE * view.zoom**2 * _size(shot, person) ** 2:
                self._last[person] = None
        for person, found in match(box_overlaps(there, [pose.box for pose in result.people]), LEAST_OVERLAP).pairs:
            pose = result.people[found]
            points = view.points_to_photograph(pose.keypoints)
            self.sightings[person].append((place, points, pose.keypoint_scores.astype(np.float64)))
            if result.track_ids is not None:
                self._count_number(person, result.track_ids[found])

    def _count_number(self, person: int, number: int) -> None:
        self.breaks += self._last[person] not in {None, number}
        self._last[person] = number
        self.numbers[person].add(number)

    @property
    def swaps(self) -> int:
        """Track ids that went from one person to another."""
        return shared_ids(self.numbers)

    def jitter(self, shot: Shot) -> float:
        """Mean way of a seen keypoint in the photograph from one frame to the next, in percent of the person's size."""
        ways = [
            _ways(before, after) / _size(shot, person)
            for person, sightings in enumerate(self.sightings)
            for before, after in pairwise(sightings)
            if after[0] == before[0] + 1
        ]
        return 100 * float(np.mean(np.concatenate(ways))) if ways else 0.0

    def error(self, shot: Shot, truth: "Answers") -> float:
        """Mean distance of a seen keypoint from its median place in `truth`, in percent of the person's size.

        A lag of the smoothing shows here: while the camera moves, a point that lags is beside its place.
        """
        distances = [
            np.linalg.norm(points - middle, axis=1)[scores >= SEEN] / _size(shot, person)
            for person, sightings in enumerate(self.sightings)
            if truth.sightings[person]
            for middle in [np.median([points for _, points, _ in truth.sightings[person]], axis=0)]
            for _, points, scores in sightings
        ]
        return 100 * float(np.mean(np.concatenate(distances))) if distances else 0.0


WAYS: dict[str, VideoOptions] = {
    "frame by frame": VideoOptions(tracking=None),
    "tracked": VideoOptions(tracking=TrackingOptions()),
    "smoothed": VideoOptions(tracking=TrackingOptions(smooth=True)),
}
"""How the film is answered; all of them from the same file."""


async def plan_shots(pipeline: Pipeline, photographs: Sequence[Path], frames: int, most: int) -> list[Shot]:
    """A shot over each photograph with several people, 2 to `most`; what is no image or shows fewer is left out."""
    shots: list[Shot] = []
    for path in photographs:
        try:
            image = decode_image(path.read_bytes())
        except ImageError:
            continue
        found = await pipeline.run(ImageJob(path.read_bytes()), PoseOptions(person_threshold=LEAST_SCORE))
        if 2 <= len(found.people) <= most:
            shots.append(Shot(path.name, image, found.people, camera_path(image, frames)))
    return shots


async def answer_film(pipeline: Pipeline, film: Path, shots: Sequence[Shot], options: VideoOptions) -> list[Answers]:
    """Answer the film once; an entry a shot."""
    answers = [Answers(len(shot.people)) for shot in shots]
    places = [(shot, place) for shot in range(len(shots)) for place in range(len(shots[shot].views))]
    began, cpu_began = time.perf_counter(), time.process_time()
    async for frame in estimate_video(str(film), pipeline, options):
        shot, place = places[frame.index]
        answers[shot].seconds += time.perf_counter() - began
        answers[shot].cpu_seconds += time.process_time() - cpu_began
        answers[shot].add(shots[shot], place, frame.result)
        began, cpu_began = time.perf_counter(), time.process_time()
    return answers


def shared_ids(owners: Sequence[set[int]]) -> int:
    """Track ids that several had, each counted once for each pair."""
    return sum(len(first & second) for i, first in enumerate(owners) for second in owners[i + 1 :])


def ids_over_cuts(answers: Sequence[Answers]) -> int:
    """Track ids that somebody of one shot and somebody of another had."""
    return shared_ids([set[int]().union(*each.numbers) for each in answers])


def _ways(before: tuple[int, DoubleArray, DoubleArray], after: tuple[int, DoubleArray, DoubleArray]) -> DoubleArray:
    seen = np.minimum(before[2], after[2]) >= SEEN
    return np.asarray(np.linalg.norm(after[1] - before[1], axis=1)[seen], dtype=np.float64)


def _size(shot: Shot, person: int) -> float:
    return float(np.sqrt(shot.people[person].box[2] * shot.people[person].box[3]))
