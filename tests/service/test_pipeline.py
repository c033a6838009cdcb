import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from model.contract.image import ImageLimits
from service.deadline import Deadline
from service.errors import (
    DeadlineExceededError,
    InvalidImageError,
    InvalidOptionError,
    TooLargeError,
    UnsupportedMediaError,
)
from service.jobs import STAGES, ImageJob, PoseOptions
from service.pipeline import Pipeline
from tests.service.conftest import encode
from tests.service.fakes import FIGURE, FakePoseRuntime, GatedPoseRuntime, make_pipeline


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    pipeline = make_pipeline()
    yield pipeline
    pipeline.close()


async def test_people_are_found_where_they_are_best_first(pipeline: Pipeline, photo: bytes) -> None:
    result = await pipeline.run(ImageJob(photo, "a"), PoseOptions())
    assert (result.image_id, result.width, result.height) == ("a", 320, 240)
    first, second = result.people
    assert first.score > second.score
    np.testing.assert_allclose(first.box, (40, 60, 60, 140), atol=1)
    np.testing.assert_allclose(second.box, (220, 80, 40, 120), atol=1)
    np.testing.assert_allclose(first.keypoints, [[64.5, 104.5]] * 17, atol=0.6)
    np.testing.assert_allclose(second.keypoints, [[243.5, 153.5]] * 17, atol=0.6)


async def test_every_stage_is_timed(pipeline: Pipeline, photo: bytes) -> None:
    result = await pipeline.run(ImageJob(photo), PoseOptions())
    assert tuple(result.seconds) == STAGES
    assert all(result.seconds[stage] > 0 for stage in STAGES)


async def test_given_boxes_are_all_answered_without_the_detector(pipeline: Pipeline, photo: bytes) -> None:
    boxes = ((40.0, 60.0, 60.0, 140.0), (40.0, 60.0, 60.0, 140.0), (0.0, 0.0, 9.0, 9.0))
    result = await pipeline.run(ImageJob(photo, boxes=boxes), PoseOptions(person_threshold=1.0, max_persons=3))
    assert sorted(person.box for person in result.people) == sorted(boxes)
    assert all(person.box_score == 1.0 for person in result.people)
    assert result.people[-1].score == 0.0  # no keypoint is above the threshold: still answered
    assert result.seconds["detect"] == 0


async def test_no_boxes_means_nobody_not_the_whole_image(pipeline: Pipeline, photo: bytes) -> None:
    assert (await pipeline.run(ImageJob(photo, boxes=()), PoseOptions())).people == []


async def test_without_detection_the_whole_image_is_one_person(pipeline: Pipeline, photo: bytes) -> None:
    (person,) = (await pipeline.run(ImageJob(photo), PoseOptions(detect=False))).people
    assert (person.box, person.box_score) == ((0.0, 0.0, 320.0, 240.0), 1.0)


async def test_an_empty_scene_has_nobody(pipeline: Pipeline) -> None:
    empty = encode(np.full((50, 70, 3), 128, np.uint8))
    assert (await pipeline.run(ImageJob(empty), PoseOptions())).people == []


async def test_two_detections_of_one_pose_are_one_person(pipeline: Pipeline) -> None:
    wide = np.full((240, 320, 3), 230, np.uint8)
    wide[100:140, 120:200] = FIGURE  # across the middle: the stand-in detector sees two halves
    wide[118:122, 158:162] = (40, 250, 40)
    result = await pipeline.run(ImageJob(encode(wide)), PoseOptions())
    assert len(result.people) == 1
    assert result.people[0].box_score == pytest.approx(0.9)


@pytest.mark.parametrize(("threshold", "most", "expected"), [(0.7, 100, 1), (0.95, 100, 0), (0.3, 1, 1), (0.3, 2, 2)])
async def test_threshold_and_number_limit_detected_people(
    pipeline: Pipeline, photo: bytes, threshold: float, most: int, expected: int
) -> None:
    options = PoseOptions(person_threshold=threshold, max_persons=most)
    assert len((await pipeline.run(ImageJob(photo), options)).people) == expected


@pytest.mark.parametrize("box", [(320.0, 0.0, 10.0, 10.0), (-10.0, 0.0, 10.0, 10.0), (0.0, 240.0, 5.0, 5.0)])
async def test_a_box_outside_the_image_is_named(
    pipeline: Pipeline, photo: bytes, box: tuple[float, float, float, float]
) -> None:
    job = ImageJob(photo, boxes=((0.0, 0.0, 5.0, 5.0), box), boxes_location="images[3].boxes")
    with pytest.raises(InvalidOptionError, match=r"images\[3\]\.boxes\[1\] lies outside the image.*320 x 240"):
        await pipeline.run(job, PoseOptions())


async def test_bad_images_have_the_status_of_their_fault(photo: bytes) -> None:
    pipeline = make_pipeline(ImageLimits(max_bytes=len(photo), max_pixels=320 * 240 - 1))
    for data, error in (
        (b"", InvalidImageError),
        (photo, TooLargeError),  # pixels
        (b"hello world, not an image", UnsupportedMediaError),
        (photo + b"x", TooLargeError),  # bytes
    ):
        with pytest.raises(error):
            await pipeline.run(ImageJob(data), PoseOptions())
    pipeline.close()


async def test_the_mirrored_crop_counts_in_the_flip_test(pipeline: Pipeline, photo: bytes) -> None:
    plain = await pipeline.run(ImageJob(photo), PoseOptions())
    flipped = await pipeline.run(ImageJob(photo), PoseOptions(flip_test=True))
    # The codec of the stand-in is aligned on strides: the mirrored map lags, the shift leaves a quarter pixel.
    shift = flipped.people[0].keypoints - plain.people[0].keypoints
    assert np.abs(shift).max() < 3
    runtime = pipeline.estimator.model.runtime
    assert isinstance(runtime, FakePoseRuntime)
    assert runtime.batches == [2, 4]


async def test_work_that_has_not_begun_at_its_deadline_is_dropped(photo: bytes) -> None:
    runtime = GatedPoseRuntime()
    pipeline = make_pipeline(pose_runtime=runtime)
    options = PoseOptions(detect=False)
    running = asyncio.create_task(pipeline.run(ImageJob(photo), options))
    await runtime.gate.reached()
    with pytest.raises(DeadlineExceededError):
        async with Deadline(asyncio.get_running_loop().time(), timeout_ms=100):
            await pipeline.run(ImageJob(photo), options)
    runtime.gate.go.set()
    assert len((await running).people) == 1
    await pipeline.run(ImageJob(photo), options)
    assert len(runtime.batches) == 2  # not three: the expired one was never computed
    pipeline.close()


async def test_people_of_several_images_share_a_batch(photo: bytes) -> None:
    runtime = GatedPoseRuntime()
    pipeline = make_pipeline(pose_runtime=runtime)
    options = PoseOptions(detect=False)
    first = asyncio.create_task(pipeline.run(ImageJob(photo), options))
    await runtime.gate.reached()
    others = [asyncio.create_task(pipeline.run(ImageJob(photo), options)) for _ in range(3)]
    while pipeline.estimator.batcher.depth < 3:
        await asyncio.sleep(0)
    runtime.gate.go.set()
    results = await asyncio.gather(first, *others)
    assert runtime.batches == [1, 3]
    for result in results[1:]:
        np.testing.assert_array_equal(result.people[0].keypoints, results[0].people[0].keypoints)
    pipeline.close()
