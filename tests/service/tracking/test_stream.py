"""Tracking over the WebSocket and over gRPC: frames that are worked on together, followed in order."""

import asyncio
import re
from typing import Any

import pytest
from fastapi import FastAPI

from service.calls import PoseCall
from service.errors import ServiceError
from service.jobs import ImageJob
from service.pb.pose_pb2 import EstimateResponse
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.schemas import StreamOptions
from service.tracking.stream import FrameStream
from tests.service.conftest import encode
from tests.service.fakes import GatedPoseRuntime, make_pipeline
from tests.service.rpc_client import request_of
from tests.service.video.films import picture
from tests.service.websocket_client import websocket

COUNT = 12


@pytest.fixture
def film() -> list[bytes]:
    """PNG files: a figure on the left walks, one on the right stands."""
    return [encode(picture(index)) for index in range(COUNT)]


def ids_from_left(results: list[dict[str, Any]]) -> list[int]:
    return [result["track_id"] for result in sorted(results, key=lambda result: result["bbox"][0])]


async def ask(app: FastAPI, query: str, frames: list[bytes]) -> list[Any]:
    async with websocket(app, query) as stream:
        for frame in frames:
            stream.send(frame)
        return [await stream.answer() for _ in frames]


async def test_people_have_one_id_over_a_websocket_and_the_detector_looks_rarely(
    app: FastAPI, film: list[bytes]
) -> None:
    answers = await ask(app, "track=true&frame_rate=20", film)
    assert [answer["images"][0]["id"] for answer in answers] == list(range(COUNT))
    assert [ids_from_left(answer["results"]) for answer in answers] == [[1, 2]] * COUNT
    looks = [answer["timings_ms"]["detect"] > 0 for answer in answers]
    assert looks[0]
    assert sum(looks) < COUNT / 2
    walker = [min(answer["results"], key=lambda result: result["bbox"][0])["keypoints"][0] for answer in answers]
    assert walker == pytest.approx([49.5 + 2 * index for index in range(COUNT)], abs=5)


async def test_an_untracked_stream_has_no_ids(app: FastAPI, film: list[bytes]) -> None:
    (answer,) = await ask(app, "", film[:1])
    assert "track_id" not in answer["results"][0]


async def test_the_detector_looks_at_every_frame_if_asked(app: FastAPI, film: list[bytes]) -> None:
    answers = await ask(app, "track=true&detect_every=1", film[:5])
    assert all(answer["timings_ms"]["detect"] > 0 for answer in answers)


async def test_smoothing_changes_places_and_not_people(app: FastAPI, film: list[bytes]) -> None:
    raw = await ask(app, "track=true&frame_rate=20", film)
    smooth = await ask(app, "track=true&frame_rate=20&smooth=true", film)
    assert raw[0]["results"][0]["keypoints"] == smooth[0]["results"][0]["keypoints"]
    last_raw, last_smooth = (min(a[-1]["results"], key=lambda result: result["bbox"][0]) for a in (raw, smooth))
    assert last_smooth["track_id"] == last_raw["track_id"]
    assert 0.5 < last_raw["keypoints"][0] - last_smooth["keypoints"][0] < 10  # it lags behind


async def test_tracking_begins_and_ends_in_the_middle_of_a_stream(app: FastAPI, film: list[bytes]) -> None:
    async with websocket(app) as stream:
        for message in (film[0], {"track": True}, film[1], film[2], {"track": False}, film[3]):
            stream.send(message)
        answers = [await stream.answer() for _ in range(4)]
    assert ["track_id" in answer["results"][0] for answer in answers] == [False, True, True, False]


async def test_a_frame_that_fails_does_not_hold_up_the_tracked_ones(app: FastAPI, film: list[bytes]) -> None:
    answers = await ask(app, "track=true", [film[0], b"broken", film[1], film[2]])
    assert answers[1]["status"] == 415
    assert [ids_from_left(answers[i]["results"]) for i in (0, 2, 3)] == [[1, 2]] * 3


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("smooth=true", "smooth: only for tracked people"),
        ("detect_every=5", "detect_every: only for tracked people"),
        ("frame_rate=25&track=false", "frame_rate: only for tracked people"),
        ("track=true&detect_every=0", "detect_every: input should be greater than or equal to 1"),
        ("track=true&frame_rate=0", "frame_rate: input should be greater than 0"),
        ("track=true&format=cvat", "track: CVAT's shapes have no place"),
        ("tracks=true", "tracks: unknown; known are boxes, .*track, smooth, detect_every, frame_rate"),
    ],
)
async def test_wrong_options_are_named(app: FastAPI, query: str, detail: str) -> None:
    async with websocket(app, query) as stream:
        problem = await stream.answer()
    assert problem["status"] == 422
    assert re.search(detail, problem["detail"])


async def test_boxes_that_are_given_are_tracked_too(app: FastAPI, film: list[bytes]) -> None:
    answers = await ask(app, "track=true&boxes=[[20,60,60,140],[220,80,40,120]]", film[:3])
    assert [ids_from_left(answer["results"]) for answer in answers] == [[1, 2]] * 3
    assert {answer["timings_ms"]["detect"] for answer in answers} == {0}


async def ask_rpc(stub: PoseServiceStub, requests: list[Any]) -> list[EstimateResponse]:
    return [response async for response in stub.EstimateStream(iter(requests))]


async def test_people_have_one_id_over_grpc(stub: PoseServiceStub, film: list[bytes]) -> None:
    requests = [request_of(frame, image_id=i, track=True, frame_rate=20) for i, frame in enumerate(film)]
    responses = await ask_rpc(stub, requests)
    ids = [[r.track_id for r in sorted(response.results, key=lambda r: r.bbox[0])] for response in responses]
    assert ids == [[1, 2]] * COUNT
    assert sum(response.timings_ms.detect > 0 for response in responses) < COUNT / 2


async def test_two_streams_do_not_share_their_people(stub: PoseServiceStub, film: list[bytes]) -> None:
    requests = [request_of(frame, track=True) for frame in film[:3]]
    for responses in await asyncio.gather(ask_rpc(stub, requests), ask_rpc(stub, requests)):
        assert {result.track_id for response in responses for result in response.results} == {1, 2}


async def test_a_tracked_request_of_several_images_is_refused(stub: PoseServiceStub, film: list[bytes]) -> None:
    (response,) = await ask_rpc(stub, [request_of(film[0], film[1], track=True)])
    assert {image.error.status for image in response.images} == {422}
    assert "holds one image" in response.images[0].error.detail


async def test_an_untracked_answer_has_no_id_over_grpc(stub: PoseServiceStub, film: list[bytes]) -> None:
    (response,) = await ask_rpc(stub, [request_of(film[0])])
    assert not response.results[0].HasField("track_id")


async def test_a_frame_that_is_given_up_lets_the_next_one_go_on(film: list[bytes]) -> None:
    runtime = GatedPoseRuntime()
    pipeline, stream = make_pipeline(pose_runtime=runtime), FrameStream()

    async def answer(data: bytes) -> list[Any]:
        with stream.place() as place:
            call = PoseCall([ImageJob(data)], StreamOptions(track=True))
            return await place.answer(pipeline, call, 0.0)

    first, second, third = (asyncio.create_task(answer(frame)) for frame in (film[0], b"broken", film[1]))
    await runtime.gate.reached()
    with pytest.raises(ServiceError):
        await second
    assert not third.done()
    first.cancel()
    runtime.gate.go.set()
    (result,) = await third
    assert result.track_ids == (1, 2)
    pipeline.close()
