"""Frames over a WebSocket: answered in order, by the rules of REST, and no more read than there is room for."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.settings import ServiceSettings
from tests.service.conftest import limited
from tests.service.fakes import make_pipeline
from tests.service.rpc_client import Blocked
from tests.service.websocket_client import websocket


def frames(status: int) -> str:
    return f'fasterpose_requests_total{{method="/v1/stream",status="{status}",transport="websocket"}}'


async def sample(client: httpx.AsyncClient, line: str) -> float:
    found = [text for text in (await client.get("/metrics")).text.splitlines() if text.startswith(line)]
    return float(found[0].split()[-1]) if found else 0.0


async def test_frames_are_answered_as_rest_answers_them_and_in_order(
    app: FastAPI, client: httpx.AsyncClient, photo: bytes
) -> None:
    rest = (await client.post("/v1/pose", content=photo, headers={"Content-Type": "image/png"})).json()
    async with websocket(app) as stream:
        for _ in range(6):
            stream.send(photo)
        answers = [await stream.answer() for _ in range(6)]
    assert [answer["images"][0]["id"] for answer in answers] == list(range(6))
    for number, answer in enumerate(answers):
        assert answer["results"] == [person | {"image_id": number} for person in rest["results"]]
        assert answer["model"] == rest["model"]
        assert set(answer["timings_ms"]) == set(rest["timings_ms"])
    assert await sample(client, frames(200)) == 6


async def test_the_subprotocol_that_browsers_need_is_chosen(app: FastAPI) -> None:
    async with websocket(app, subprotocols=("fasterpose.v1",)):
        pass


async def test_options_stand_in_the_address_and_in_text_messages(app: FastAPI, photo: bytes) -> None:
    async with websocket(app, "person_threshold=0.8") as stream:
        stream.send(photo)
        stream.send({"max_persons": 2})
        stream.send(photo)
        stream.send({"format": "coco-results", "boxes": [[40, 60, 60, 140]]})
        stream.send(photo)
        assert len((await stream.answer())["results"]) == 1
        assert len((await stream.answer())["results"]) == 2
        (person,) = await stream.answer()
        assert (person["bbox"], person["bbox_score"], person["image_id"]) == ([40, 60, 60, 140], 1, 2)


async def test_cvat_shapes_are_answered_too(app: FastAPI, photo: bytes) -> None:
    async with websocket(app, "format=cvat") as stream:
        stream.send(photo)
        assert [shape["type"] for shape in await stream.answer()] == ["skeleton", "skeleton"]


@pytest.mark.parametrize(
    ("query", "message", "status", "detail"),
    [
        ("threshold=1", None, 422, "threshold: unknown; known are"),
        ("image_id=3", None, 422, "image_id: the frames of a stream are numbered"),
        ("boxes=[[0,0,9,9],[0,0,9,9],[0,0,9,9],[0,0,9,9],[0,0,9,9]]", None, 413, "5 boxes; at most 4"),
        ("", {"person_threshold": 2}, 422, "person_threshold: input should be less than or equal to 1"),
        ("", "[1]", 400, "A text message must be a JSON object of options"),
        ("", "{", 400, "A text message must be a JSON object of options"),
    ],
)
async def test_a_wrong_option_ends_the_stream_and_is_named(
    app: FastAPI, query: str, message: object, status: int, detail: str
) -> None:
    async with websocket(app, query) as stream:
        if message is not None:
            stream.send(message)  # pyright: ignore[reportArgumentType]
        problem = await stream.answer()
        assert (problem["status"], problem["request_id"]) == (status, "abc")
        assert detail in problem["detail"]
        assert "image_id" not in problem
        closed = await stream.event()
        assert (closed["type"], closed["code"]) == ("websocket.close", 1008)


async def test_a_frame_that_fails_is_answered_with_its_error_and_the_stream_goes_on(app: FastAPI, photo: bytes) -> None:
    async with websocket(app) as stream:
        for frame in (b"", photo[:200], b"\0" * 300_001, photo):
            stream.send(frame)
        problems = [await stream.answer() for _ in range(3)]
        assert [(problem["status"], problem["image_id"]) for problem in problems] == [(400, 0), (400, 1), (413, 2)]
        assert len((await stream.answer())["results"]) == 2


@pytest.mark.usefixtures("blocked")
async def test_a_frame_has_the_deadline_of_its_options(app: FastAPI, photo: bytes) -> None:
    async with websocket(app, "timeout_ms=20") as stream:
        stream.send(photo)
        problem = await stream.answer()
        assert (problem["status"], problem["image_id"]) == (504, 0)


async def test_no_more_is_read_than_there_is_room_for(app: FastAPI, blocked: Blocked, photo: bytes) -> None:
    async with websocket(app) as stream:
        for _ in range(20):
            stream.send(photo)
        await blocked.entered.wait()
        for _ in range(200):
            await asyncio.sleep(0)
        in_work, ahead = 4, 3  # one waits for room, one in the queue, one to be put there
        assert stream.unread >= 20 - in_work - ahead
        blocked.release()
        assert [(await stream.answer())["images"][0]["id"] for _ in range(20)] == list(range(20))


async def test_a_hang_up_drops_the_frames_in_work(
    app: FastAPI, client: httpx.AsyncClient, blocked: Blocked, photo: bytes
) -> None:
    async with websocket(app) as stream:
        for _ in range(4):
            stream.send(photo)
        await blocked.entered.wait()
        stream.hang_up(1001)
        await stream.ended()
    assert await sample(client, "fasterpose_in_flight_requests") == 1  # the request for the metrics itself
    assert await sample(client, frames(499)) >= 1


async def test_a_fault_of_ours_is_told_without_its_cause(
    app: FastAPI, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    async with websocket(app) as stream:
        monkeypatch.setattr(app.state.service.pipeline, "run", fail)
        stream.send(photo)
        problem = await stream.answer()
        assert (problem["status"], problem["image_id"]) == (500, 0)
        assert "secret" not in str(problem)


async def test_draining_ends_the_stream_and_says_that_it_is_worth_coming_again(app: FastAPI, photo: bytes) -> None:
    async with websocket(app) as stream:
        stream.send(photo)
        await stream.answer()
        app.state.service.drain()
        stream.send(photo)
        problem = await stream.answer()
        assert (problem["status"], problem["retry_after"]) == (503, 1)
        assert (await stream.event())["code"] == 1013


async def test_more_streams_than_allowed_are_turned_away(photo: bytes) -> None:
    app = create_app(ServiceSettings(max_streams=1), limited)
    async with app.router.lifespan_context(app):
        await app.state.loading
        async with websocket(app) as first, websocket(app) as second:
            assert (await second.answer())["status"] == 429
            assert (await second.event())["code"] == 1013
            first.send(photo)
            assert len((await first.answer())["results"]) == 2
        async with websocket(app) as third:
            third.send(photo)
            assert len((await third.answer())["results"]) == 2


async def test_a_server_that_loads_says_so() -> None:
    app = create_app(ServiceSettings(), make_pipeline)
    async with websocket(app) as stream:
        problem = await stream.answer()
        assert problem["status"] == 503
        assert "loading" in problem["detail"]
        assert (await stream.event())["code"] == 1013
