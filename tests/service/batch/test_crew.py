import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from service.batch.answers import Answered, Event, Ready
from service.batch.crew import Crew, CrewError
from service.batch.worker import Load
from service.jobs import PoseOptions
from service.settings import SettingsError
from tests.service.batch.pipelines import LETHAL, die, lethal_pipeline, refuse
from tests.service.conftest import encode
from tests.service.fakes import make_pipeline


@pytest.fixture
def images(tmp_path: Path, photo: bytes) -> list[str]:
    """Thirty photographs."""
    paths = [tmp_path / f"{i:02}.png" for i in range(30)]
    for path in paths:
        path.write_bytes(photo)
    return [str(path) for path in paths]


def run(loads: list[Load], images: list[str]) -> list[Event]:
    return list(Crew(loads, PoseOptions()).answers(images))


def test_every_worker_says_that_it_is_ready_and_all_images_are_answered_once(images: list[str]) -> None:
    events = run([make_pipeline, make_pipeline], images)
    ready = {event.worker for event in events if isinstance(event, Ready)}
    answered = [event for event in events if isinstance(event, Answered)]
    assert sorted(event.answer.image for event in answered) == images
    assert {event.worker for event in answered} <= ready <= {"worker 0", "worker 1"}
    assert {event.answer.people for event in answered} == {2}


def test_an_image_that_kills_its_worker_is_blamed_and_no_other(images: list[str]) -> None:
    lethal = encode(np.full((64, 64, 3), LETHAL, np.uint8))
    for i in (3, 17):
        Path(images[i]).write_bytes(lethal)
    answers = [event.answer for event in run([lethal_pipeline], images) if isinstance(event, Answered)]
    assert Counter(answer.image for answer in answers) == Counter(images)
    failed = {answer.image: json.loads(answer.line)["image"]["error"] for answer in answers if answer.failed}
    assert set(failed) == {images[3], images[17]}
    for error in failed.values():
        assert error["type"] == "urn:fasterpose:problem:dead-worker"
        assert "killed by SIGKILL" in error["detail"]


def test_networks_that_cannot_be_loaded_are_told_as_the_loader_tells_it(images: list[str]) -> None:
    with pytest.raises(SettingsError, match="no such bundle"):
        run([refuse], images)


def test_a_worker_that_dies_while_it_loads_is_not_replaced_for_ever(images: list[str]) -> None:
    with pytest.raises(CrewError, match=r"worker 0 ended while it loaded the networks \(exit code 5\)"):
        run([die], images)


def test_no_more_workers_than_images_are_started(images: list[str]) -> None:
    events = run([make_pipeline] * 3, images[:1])
    assert [type(event) for event in events] == [Ready, Answered]


def test_a_stopped_crew_answers_what_is_under_way(images: list[str]) -> None:
    crew = Crew([make_pipeline], PoseOptions())
    answered: list[str] = []
    for event in crew.answers(images):
        if isinstance(event, Answered):
            answered.append(event.answer.image)
            crew.stop()
    assert 1 <= len(answered) < len(images)
    assert len(set(answered)) == len(answered)
