"""The embedded networks on a moving camera over the packaged photograph of several people: `make test-video`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.bench.moving_crop import write_film
from service.bench.photographs import SAMPLES
from service.bench.video import WAYS, Answers, answer_film, plan_shots
from service.engine import load_pipeline
from service.pipeline import Pipeline
from service.settings import ServiceSettings

FRAMES = 75


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    pipeline = load_pipeline(ServiceSettings())
    yield pipeline
    pipeline.close()


async def test_ids_are_stable_jitter_halves_and_the_detector_rests(tmp_path: Path, pipeline: Pipeline) -> None:
    shots = await plan_shots(pipeline, [SAMPLES / "three.jpg"], FRAMES, 6)
    (shot,) = shots
    film = tmp_path / "film.mp4"
    write_film(shots, film)
    each, tracked, smoothed = [(await answer_film(pipeline, film, shots, options))[0] for options in WAYS.values()]
    for way in (tracked, smoothed):
        assert (way.frames, way.swaps, way.breaks) == (FRAMES, 0, 0)
        assert _sightings(way) >= 0.97 * _sightings(each)
    assert tracked.looks < FRAMES / 3
    assert smoothed.jitter(shot) <= 0.5 * tracked.jitter(shot)
    assert smoothed.error(shot, each) < 1.5 * tracked.error(shot, each)
    assert each.cpu_seconds > 1.2 * tracked.cpu_seconds  # threads that wait for each other count, too


def _sightings(answers: Answers) -> int:
    return sum(len(each) for each in answers.sightings)
