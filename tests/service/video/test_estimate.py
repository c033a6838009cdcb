import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from service.jobs import PoseOptions
from service.pipeline import Pipeline
from service.tracking.options import TrackingOptions
from service.video.errors import VideoBrokenError, VideoOpenError
from service.video.estimate import FrameResult, VideoOptions, estimate_video
from tests.service.fakes import FakeDetectorRuntime, make_pipeline
from tests.service.video.films import make_film


@pytest.fixture
def detector() -> FakeDetectorRuntime:
    return FakeDetectorRuntime((160, 160))


@pytest.fixture
def pipeline(detector: FakeDetectorRuntime) -> Iterator[Pipeline]:
    pipeline = make_pipeline(detector_runtime=detector)
    yield pipeline
    pipeline.close()


async def answers(film: Path, pipeline: Pipeline, options: VideoOptions) -> list[FrameResult]:
    return [frame async for frame in estimate_video(str(film), pipeline, options)]


def images_seen(detector: FakeDetectorRuntime) -> int:
    return sum(detector.batches)


async def test_ids_are_stable_and_the_detector_looks_rarely(
    tmp_path: Path, pipeline: Pipeline, detector: FakeDetectorRuntime
) -> None:
    frames = await answers(make_film(tmp_path / "a.mp4", 30), pipeline, VideoOptions())
    assert [frame.index for frame in frames] == list(range(30))
    assert {tuple(sorted(frame.result.track_ids or ())) for frame in frames} == {(1, 2)}
    assert images_seen(detector) < 10
    walker = [dict(zip(f.result.track_ids or (), f.result.people, strict=True))[1].keypoints[0, 0] for f in frames]
    assert walker == pytest.approx([50 + 2 * i for i in range(30)], abs=6)


async def test_the_detector_looks_as_often_as_asked(
    tmp_path: Path, pipeline: Pipeline, detector: FakeDetectorRuntime
) -> None:
    options = VideoOptions(tracking=TrackingOptions(detect_every=1))
    await answers(make_film(tmp_path / "a.mp4"), pipeline, options)
    assert images_seen(detector) == 12


async def test_without_tracking_every_frame_is_answered_for_itself(
    tmp_path: Path, pipeline: Pipeline, detector: FakeDetectorRuntime
) -> None:
    frames = await answers(make_film(tmp_path / "a.mp4"), pipeline, VideoOptions(tracking=None))
    assert [(frame.index, frame.result.image_id, len(frame.result.people)) for frame in frames] == [
        (i, i, 2) for i in range(12)
    ]
    assert {frame.result.track_ids for frame in frames} == {None}
    assert images_seen(detector) == 12


@pytest.mark.parametrize("tracking", [TrackingOptions(), None])
async def test_the_whole_frame_is_one_person_without_detection(
    tmp_path: Path, pipeline: Pipeline, detector: FakeDetectorRuntime, tracking: TrackingOptions | None
) -> None:
    options = VideoOptions(PoseOptions(detect=False), tracking)
    frames = await answers(make_film(tmp_path / "a.mp4", 4), pipeline, options)
    assert [[person.box for person in frame.result.people] for frame in frames] == [[(0, 0, 320, 240)]] * 4
    assert images_seen(detector) == 0


@pytest.mark.parametrize("tracking", [TrackingOptions(), None])
async def test_every_frame_before_a_break_is_answered(
    tmp_path: Path, pipeline: Pipeline, tracking: TrackingOptions | None
) -> None:
    film = make_film(tmp_path / "a.mkv", 60)
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 6 // 10])
    frames = list[FrameResult]()
    with pytest.raises(VideoBrokenError) as error:
        await collect(estimate_video(str(film), pipeline, VideoOptions(tracking=tracking)), frames)
    assert len(frames) > 5
    assert f"{len(frames)} frames" in error.value.detail


async def test_a_source_that_is_not_there_is_an_error(tmp_path: Path, pipeline: Pipeline) -> None:
    with pytest.raises(VideoOpenError, match="No such file"):
        await answers(tmp_path / "none.mp4", pipeline, VideoOptions())


async def test_who_stops_early_leaves_no_thread_behind(tmp_path: Path, pipeline: Pipeline) -> None:
    film = make_film(tmp_path / "a.mp4", 60)
    async with aclosing(estimate_video(str(film), pipeline, VideoOptions())) as frames:
        assert (await anext(frames)).index == 0
    assert "video" not in {thread.name for thread in threading.enumerate()}


async def collect(source: AsyncIterator[FrameResult], into: list[FrameResult]) -> None:
    async for frame in source:
        into.append(frame)
