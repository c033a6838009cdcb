"""How long a reproduction still takes."""

from datetime import timedelta
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.reproduce.jobs import Job
from model.reproduce.progress import time_left
from model.reproduce.results import Result
from tests.model.reproduce.conftest import jobs_of


def result(job: Job, seconds: float, failure: str | None = None) -> Result:
    return Result(
        recipe=job.recipe,
        figures={},
        curve=[],
        failure=failure,
        steps=1,
        seconds=seconds,
        initial_weights=None,
        device="cpu",
        bf16=False,
    )


@pytest.fixture
def jobs(place: Path, tmp_path: Path) -> list[Job]:
    """MSE and RCE with seed 0, then both with seed 1."""
    return jobs_of(place, tmp_path, seeds=2)


def finished(jobs: list[Job], **seconds: float) -> dict[Path, Result | None]:
    """Results of jobs by their place."""
    taken = {int(place.removeprefix("job")): value for place, value in seconds.items()}
    return {job.folder: result(job, taken[i]) if i in taken else None for i, job in enumerate(jobs)}


def test_nothing_is_known_before_the_first(jobs: list[Job]) -> None:
    assert time_left(jobs, finished(jobs)) is None


def test_rows_that_never_ran_take_as_long_as_the_others(jobs: list[Job]) -> None:
    assert time_left(jobs, finished(jobs, job0=100)) == timedelta(seconds=300)


def test_a_row_takes_as_long_as_with_another_seed(jobs: list[Job]) -> None:
    assert time_left(jobs, finished(jobs, job0=100, job1=300)) == timedelta(seconds=400)
    assert time_left(jobs, finished(jobs, job0=100, job1=300, job2=110)) == timedelta(seconds=300)


def test_a_training_that_failed_says_nothing(jobs: list[Job]) -> None:
    results = finished(jobs, job0=100)
    results[jobs[1].folder] = result(jobs[1], 1, "the loss is nan")
    assert time_left(jobs, results) == timedelta(seconds=200)
