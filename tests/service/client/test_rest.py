"""The clients over HTTP against the application, and against servers that fail."""

import asyncio
import json
import re
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from service.client import AsyncPoseClient, Patience, PoseClient, PoseError, ServerUnreachableError
from service.client import rest as rest_module
from tests.service.client.bridge import Bridge

ANSWER = {"model": {}, "images": [{"id": 0, "width": 1, "height": 1}], "results": [], "timings_ms": {}}
FULL = {"type": "urn:fasterpose:problem:overloaded", "title": "t", "status": 429, "detail": "Full.", "request_id": "r"}


async def test_three_lines_to_the_first_result(app: FastAPI, photo: bytes) -> None:
    client = PoseClient("http://app", transport=Bridge(app))
    answer = await asyncio.to_thread(client.estimate, photo)
    assert [person.score > 0.3 for person in answer.people] == [True, True]
    assert answer.model["name"] == "fake-pose"


async def test_both_clients_give_what_the_route_gives(app: FastAPI, client: httpx.AsyncClient, photo: bytes) -> None:
    expected = (await client.post("/v1/pose", content=photo, headers={"Content-Type": "image/png"})).json()["results"]
    blocking = await asyncio.to_thread(PoseClient("http://app", transport=Bridge(app)).estimate, photo)
    async with AsyncPoseClient("http://app", transport=httpx.ASGITransport(app)) as waiting:
        assert (await waiting.estimate(photo)).to_coco() == blocking.to_coco() == expected


async def test_choices_reach_the_server(app: FastAPI, photo: bytes) -> None:
    async with AsyncPoseClient("http://app", transport=httpx.ASGITransport(app)) as client:
        answer = await client.estimate(photo, boxes=[(40, 60, 60, 140)], image_id="x", keypoint_threshold=0.5)
        assert [(person.image_id, person.box_score) for person in answer.people] == [("x", 1)]
        with pytest.raises(PoseError, match=r"422 invalid-option: .*person_threshold"):
            await client.estimate(photo, person_threshold=2)


async def test_one_bad_image_of_several_fails_alone(app: FastAPI, photo: bytes) -> None:
    async with AsyncPoseClient("http://app", transport=httpx.ASGITransport(app)) as client:
        answer = await client.estimate_many([photo, b"no image"])
    assert [image.error is None for image in answer.images] == [True, False]


async def test_models_and_readiness(app: FastAPI) -> None:
    async with AsyncPoseClient("http://app", transport=httpx.ASGITransport(app)) as client:
        assert {model["name"] for model in await client.models()} == {"fake-pose", "fake-detector"}
        assert await client.is_ready()
    blocking = PoseClient("http://app", transport=Bridge(app))
    assert len(await asyncio.to_thread(blocking.models)) == 2
    assert await asyncio.to_thread(blocking.is_ready)


Answers = Callable[[httpx.Request], httpx.Response]


def client_of(answer: Answers, **patience: float) -> PoseClient:
    limits = Patience(timeout_s=patience.get("timeout_s", 60), retries=int(patience.get("retries", 4)))
    return PoseClient("http://app", patience=limits, transport=httpx.MockTransport(answer), api_key="secret")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the client slept, without sleeping."""
    slept: list[float] = []
    monkeypatch.setattr(rest_module.time, "sleep", slept.append)
    return slept


def test_a_full_server_is_asked_again_when_it_says_so(pauses: list[float]) -> None:
    answers = iter([httpx.Response(429, json=FULL, headers={"Retry-After": "3"}), httpx.Response(200, json=ANSWER)])
    assert client_of(lambda _: next(answers)).estimate(b"photo").images[0].width == 1
    assert pauses == [3]


def test_a_broken_connection_is_tried_again(pauses: list[float]) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        if len(seen) < 3:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json=ANSWER)

    client_of(answer).estimate(b"photo")
    assert seen == ["Bearer secret"] * 3
    assert len(pauses) == 2


def test_the_last_error_is_raised(pauses: list[float]) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("")

    with pytest.raises(ServerUnreachableError, match="no answer: ReadError"):
        client_of(refuse, retries=1).estimate(b"photo")
    assert len(pauses) == 1


def test_a_retry_that_would_come_too_late_is_not_made(pauses: list[float]) -> None:
    full = httpx.Response(429, json=FULL, headers={"Retry-After": "30"})
    with pytest.raises(PoseError, match=r"429 overloaded: Full\. \(request r\)") as raised:
        client_of(lambda _: full, timeout_s=5).estimate(b"photo")
    assert (raised.value.retry_after, pauses) == (30, [])


def test_a_proxys_own_page_is_named_as_such(pauses: list[float]) -> None:
    page = httpx.Response(502, text="<html>Bad Gateway</html>")
    with pytest.raises(PoseError, match="502 proxy: Bad Gateway; this is not the server's own answer"):
        client_of(lambda _: page).estimate(b"photo")
    assert pauses == []


def test_the_servers_deadline_is_what_is_left(pauses: list[float]) -> None:
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return httpx.Response(200, json=ANSWER)

    client_of(answer, timeout_s=7).estimate(b"photo", detect=False)
    options = json.loads(re.findall(rb'name="options".*?\r\n\r\n(.*?)\r\n', bodies[0], re.DOTALL)[0])
    assert options == {"detect": False, "timeout_ms": pytest.approx(7000, abs=2000)}
    assert pauses == []


def test_nobody_there_is_not_ready() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert not client_of(refuse).is_ready()
    with pytest.raises(ServerUnreachableError):
        client_of(refuse).models()
