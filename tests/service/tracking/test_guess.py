import asyncio

from model.contract.coco import PersonPose
from model.contract.detections import ScoredBox
from service.errors import InternalError
from service.tracking.guess import Guess
from service.tracking.track import Track
from tests.service.tracking.people import moved, person

POSE = person((100, 100, 80, 200))
TRACK = Track(POSE, POSE, 0.0)


async def answer() -> list[PersonPose]:
    return [POSE]


async def fail() -> list[PersonPose]:
    raise InternalError


def box(shift: float) -> list[ScoredBox]:
    return [ScoredBox(moved(POSE, shift).box, 0.9)]


async def test_a_guess_counts_for_the_same_people_about_where_they_were_guessed() -> None:
    guess = Guess([TRACK], box(0), answer())
    assert guess.fits([TRACK], box(5))
    assert not guess.fits([TRACK], box(30))
    assert not guess.fits([Track(POSE, POSE, 0.0)], box(0))
    assert not guess.fits([], [])
    assert await guess.poses == [POSE]


async def test_a_guess_that_nobody_waits_for_fails_quietly() -> None:
    complaints = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    guesses = [Guess([TRACK], box(0), fail()) for _ in range(2)]
    guesses[0].drop()
    await asyncio.wait({guesses[1].poses})
    guesses[1].drop()
    await asyncio.sleep(0)
    assert guesses[0].poses.cancelled()
    guesses.clear()
    assert complaints == []
