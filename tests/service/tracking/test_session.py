import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from model.contract.arrays import ImageArray
from model.contract.image import ImageLimits
from service.jobs import ImageResult, PoseOptions
from service.pipeline import Pipeline
from service.threads import StageClock
from service.tracking.guess import Guess
from service.tracking.options import TrackingOptions
from service.tracking.session import Frame, TrackingSession
from service.tracking.turns import Turns
from tests.service.fakes import GatedPoseRuntime, make_detector, make_estimator
from tests.service.video.films import RATE, picture

CARRIED = 4
"""The detector looks at frames 0, 1, 3 and 7 of a quiet film."""


class Stream:
    """A session whose frames up to the first of three carried ones are answered."""

    def __init__(self) -> None:
        self.runtime = GatedPoseRuntime()
        self.runtime.gate.go.set()
        self.pipeline = Pipeline(make_detector(), make_estimator(self.runtime, batch=2), ImageLimits())
        self._session, self._turns = TrackingSession(), Turns()

    async def answer(self, index: int, image: ImageArray | None = None) -> ImageResult:
        turn = self._turns.stand()
        try:
            pixels = picture(index) if image is None else image
            frame = Frame(pixels, index / RATE, index, PoseOptions(), TrackingOptions())
            return await self._session.run(self.pipeline, frame, StageClock(), turn)
        finally:
            turn.leave()


@pytest.fixture
async def stream() -> AsyncIterator[Stream]:
    stream = Stream()
    looks = [(await stream.answer(index)).seconds["detect"] > 0 for index in range(CARRIED)]
    assert looks == [True, True, False, True]
    stream.runtime.batches.clear()
    yield stream
    stream.runtime.gate.go.set()
    stream.pipeline.close()


async def test_the_next_frames_are_computed_while_one_is_followed(stream: Stream) -> None:
    stream.runtime.gate.go.clear()
    stream.runtime.gate.begun.clear()
    frames = [asyncio.create_task(stream.answer(CARRIED + index)) for index in range(3)]
    await stream.runtime.gate.reached()
    async with asyncio.timeout(20):
        while stream.pipeline.estimator.batcher.depth < 4:  # two people in each of the two frames behind
            await asyncio.sleep(0)
    stream.runtime.gate.go.set()
    results = await asyncio.gather(*frames)
    assert [result.image_id for result in results] == [CARRIED, CARRIED + 1, CARRIED + 2]
    assert [set(result.track_ids or ()) for result in results] == [{1, 2}] * 3
    assert sum(stream.runtime.batches) == 6
    walker = [dict(zip(r.track_ids or (), r.people, strict=True))[1].keypoints[0, 0] for r in results]
    assert walker == pytest.approx([50 + 2 * (CARRIED + index) for index in range(3)], abs=6)


async def test_a_guess_about_a_frame_of_another_scene_is_not_taken(stream: Stream) -> None:
    other = picture(60)[:, ::-1] // 2
    before, after = await asyncio.gather(
        stream.answer(CARRIED), stream.answer(CARRIED + 1, np.ascontiguousarray(other))
    )
    assert before.seconds["detect"] == 0
    assert after.seconds["detect"] > 0
    assert set(after.track_ids or ()).isdisjoint(before.track_ids or ())


async def test_a_frame_that_is_given_up_takes_its_guess_along(stream: Stream) -> None:
    stream.runtime.gate.go.clear()
    stream.runtime.gate.begun.clear()
    first, second = (asyncio.create_task(stream.answer(CARRIED + index)) for index in range(2))
    await stream.runtime.gate.reached()
    async with asyncio.timeout(20):
        while stream.pipeline.estimator.batcher.depth < 2:
            await asyncio.sleep(0)
        second.cancel()
        while stream.pipeline.estimator.batcher.depth:
            await asyncio.sleep(0)
    stream.runtime.gate.go.set()
    assert set((await first).track_ids or ()) == {1, 2}
    assert second.cancelled() or second.cancelling()


async def test_after_a_guess_of_no_use_nothing_is_guessed_for_a_while(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> bool:
        return False

    monkeypatch.setattr(Guess, "fits", never)
    await asyncio.gather(*(stream.answer(CARRIED + index) for index in range(3)))
    wasted = sum(stream.runtime.batches) - 6
    assert wasted > 0
    look = await stream.answer(CARRIED + 3)
    assert look.seconds["detect"] > 0
    stream.runtime.batches.clear()
    results = await asyncio.gather(*(stream.answer(CARRIED + index) for index in range(4, 7)))
    assert [result.seconds["detect"] for result in results] == [0, 0, 0]
    assert sum(stream.runtime.batches) == 6
