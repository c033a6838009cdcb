"""Keys over HTTP and WebSockets: who gets in, what is told to who does not, and what is written down."""

import asyncio
import logging
from collections.abc import Mapping

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from starlette.testclient import TestClient, WebSocketDenialResponse

from service.access.callers import caller_of
from service.access.http_access import KEY_SUBPROTOCOL, SUBPROTOCOL
from service.access.keys import Limits
from service.app import create_app
from service.settings import ServiceSettings
from tests.service.conftest import connect, limited
from tests.service.fakes import GatedPoseRuntime, make_pipeline
from tests.service.http_client import PNG, check_problem, serving
from tests.service.key_files import Keys


def bearer(key: str) -> dict[str, str]:
    return {**PNG, "Authorization": f"Bearer {key}"}


def asking(keys: Keys, **others: object) -> ServiceSettings:
    return ServiceSettings.model_validate({"keys_file": keys.path, "grpc_port": 0, **others})


@pytest.mark.parametrize("header", ["Authorization", "authorization", "X-API-Key"])
async def test_a_key_lets_in(keys: Keys, photo: bytes, header: str) -> None:
    key = keys.new("lab")
    async with serving(limited, asking(keys)) as client:
        value = key if header == "X-API-Key" else f"Bearer {key}"
        response = await client.post("/v1/pose", content=photo, headers={**PNG, header: value})
        assert len(response.json()["results"]) == 2


@pytest.mark.parametrize(
    ("sent", "challenge"),
    [
        ({}, 'Bearer realm="fasterpose"'),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, 'Bearer realm="fasterpose"'),
        ({"Authorization": "Bearer fp_00000000_" + "a" * 43}, 'Bearer realm="fasterpose", error="invalid_token"'),
        ({"X-API-Key": "nonsense"}, 'Bearer realm="fasterpose", error="invalid_token"'),
    ],
)
async def test_nobody_else_gets_in(keys: Keys, photo: bytes, sent: Mapping[str, str], challenge: str) -> None:
    keys.new("lab")
    async with serving(limited, asking(keys)) as client:
        response = await client.post("/v1/pose", content=photo, headers={**PNG, **sent})
        check_problem(response, 401, "API key")
        assert response.headers["www-authenticate"] == challenge
        assert (await client.get("/v1/models", headers=sent)).status_code == 401
        assert (await client.get("/nowhere", headers=sent)).status_code == 401
        metrics = (await client.get("/metrics")).text
        assert 'fasterpose_rejected_total{reason="unauthenticated"} 3.0' in metrics


async def test_health_page_and_description_need_no_key(keys: Keys) -> None:
    async with serving(limited, asking(keys)) as client:
        for path in ("/", "/static/page.js", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"):
            assert (await client.get(path)).status_code == 200, path


async def test_metrics_ask_for_a_key_by_setting(keys: Keys) -> None:
    scraper, lab = keys.new("prometheus", "metrics"), keys.new("lab")
    async with serving(limited, asking(keys, metrics_key=True)) as client:
        assert (await client.get("/metrics")).status_code == 401
        check_problem(await client.get("/metrics", headers=bearer(lab)), 403, "no scope 'metrics'")
        assert (await client.get("/metrics", headers=bearer(scraper))).status_code == 200
        check_problem(await client.get("/v1/models", headers=bearer(scraper)), 403, "no scope 'pose'; it has: metrics")


async def test_the_rate_of_one_key_is_not_that_of_another(keys: Keys, photo: bytes) -> None:
    slow, free = keys.new("slow", limits=Limits(requests_per_second=0.01, burst=2)), keys.new("free")
    async with serving(limited, asking(keys)) as client:

        async def post(key: str) -> httpx.Response:
            return await client.post("/v1/pose", content=photo, headers=bearer(key))

        assert [(await post(slow)).status_code for _ in range(2)] == [200, 200]
        refused = await post(slow)
        check_problem(refused, 429, "This key may send 0.01 requests a second")
        assert 90 <= int(refused.headers["retry-after"]) <= 100
        assert (await post(free)).status_code == 200
        assert (await client.get("/v1/models", headers=bearer(slow))).status_code == 200
        text = (await client.get("/metrics")).text
        assert 'fasterpose_rejected_total{reason="rate-limited"} 1.0' in text
        assert 'fasterpose_key_requests_total{key="slow",status="429"} 1.0' in text


async def test_a_key_has_so_many_requests_in_flight(keys: Keys, photo: bytes) -> None:
    runtime, key = GatedPoseRuntime(), keys.new("narrow", limits=Limits(max_in_flight=1))
    async with serving(lambda: make_pipeline(pose_runtime=runtime), asking(keys)) as client:
        first = asyncio.create_task(client.post("/v1/pose", content=photo, headers=bearer(key)))
        await runtime.gate.reached()
        second = await client.post("/v1/pose", content=photo, headers=bearer(key))
        check_problem(second, 429, "1 requests in flight")
        runtime.gate.go.set()
        assert (await first).status_code == 200
        assert (await client.post("/v1/pose", content=photo, headers=bearer(key))).status_code == 200


async def test_logs_and_metrics_name_the_key_and_never_show_it(
    keys: Keys, photo: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    key = keys.new("lab-camera")
    caplog.set_level(logging.DEBUG)
    async with serving(limited, asking(keys)) as client:
        await client.post("/v1/pose", content=photo, headers=bearer(key))
        await client.post("/v1/pose", content=photo, headers=bearer(key[:-1]))
        text = (await client.get("/metrics")).text
    fields = [vars(record)["fields"] for record in caplog.records if "fields" in vars(record)]
    assert {"key": "lab-camera", "status": 200}.items() <= fields[0].items()
    assert "key" not in fields[1]
    assert 'fasterpose_key_requests_total{key="lab-camera",status="200"} 1.0' in text
    secret = key.split("_", 2)[2][:20]
    assert secret not in text
    assert not [record for record in caplog.records if secret in record.getMessage() + str(vars(record))]


async def test_without_keys_nothing_is_asked_or_counted(client: httpx.AsyncClient, photo: bytes) -> None:
    response = await client.post("/v1/pose", content=photo, headers=bearer("anything"))
    assert response.status_code == 200
    assert "fasterpose_key_requests" not in (await client.get("/metrics")).text


@pytest.fixture
def page_key(keys: Keys) -> str:
    return keys.new("page")


@pytest.fixture
def listening(keys: Keys, page_key: str) -> FastAPI:
    """An application with a WebSocket that says who asks."""
    assert page_key
    app = create_app(asking(keys), limited)

    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(caller_of(websocket.scope).name)

    app.add_api_websocket_route("/v1/greeting", greet)
    return app


def test_a_websocket_takes_its_key_from_a_header_or_a_subprotocol(listening: FastAPI, page_key: str) -> None:
    offered = [SUBPROTOCOL, KEY_SUBPROTOCOL + page_key]
    with TestClient(listening) as client:
        with client.websocket_connect("/v1/greeting", subprotocols=offered) as socket:
            assert socket.accepted_subprotocol == SUBPROTOCOL
            assert socket.receive_text() == "page"
        with client.websocket_connect("/v1/greeting", headers=bearer(page_key)) as socket:
            assert socket.accepted_subprotocol is None
            assert socket.receive_text() == "page"


def test_a_websocket_without_a_key_is_refused_at_the_handshake(listening: FastAPI) -> None:
    offered = [SUBPROTOCOL, KEY_SUBPROTOCOL + "wrong"]
    with (
        TestClient(listening) as client,
        pytest.raises(WebSocketDenialResponse) as error,
        client.websocket_connect("/v1/greeting", subprotocols=offered),
    ):
        pass
    assert error.value.status_code == 401


async def test_preflights_of_named_origins_need_no_key(keys: Keys) -> None:
    app = create_app(asking(keys, cors_origins="https://a.example"), limited)
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        preflight = await client.options("/v1/pose", headers=asked)
        assert preflight.headers["access-control-allow-origin"] == "https://a.example"
        refused = await client.post("/v1/pose", headers={"Origin": "https://a.example"})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://a.example"  # so that the page can read it
