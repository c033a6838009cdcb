"""Pages of other origins."""

import httpx
import pytest
from fastapi import WebSocket
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from service.access.cross_origin import parse_origins
from service.app import create_app
from service.settings import ServiceSettings, SettingsError
from tests.service.conftest import limited
from tests.service.http_client import serving

FOREIGN = {"Origin": "https://elsewhere.example"}


async def test_no_origin_is_allowed_by_default(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/models", headers=FOREIGN)
    preflight = await client.options("/v1/pose", headers={**FOREIGN, "Access-Control-Request-Method": "POST"})
    for response in (answer, preflight):
        assert not [name for name in response.headers if name.startswith("access-control")]
    assert preflight.status_code == 405


async def test_named_origins_are_allowed_and_others_are_not() -> None:
    settings = ServiceSettings(cors_origins="https://a.example, http://localhost:3000", grpc_port=0)
    async with serving(limited, settings) as client:
        for origin in ("https://a.example", "http://localhost:3000"):
            headers = (await client.get("/v1/models", headers={"Origin": origin})).headers
            assert headers["access-control-allow-origin"] == origin
            assert "access-control-allow-credentials" not in headers
        assert "access-control-allow-origin" not in (await client.get("/v1/models", headers=FOREIGN)).headers


@pytest.mark.parametrize("text", ["*", "a.example", "https://a.example/", "https://a.example/path", "ftp://a.example"])
def test_what_is_no_origin_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"cors_origins: .* is not an origin"):
        parse_origins(f"https://good.example,{text}")


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        (None, True),
        ("http://testserver", True),
        ("https://a.example", True),
        ("https://elsewhere.example", False),
        ("null", False),
    ],
)
def test_websockets_of_other_pages_are_refused(origin: str | None, let_in: bool) -> None:
    app = create_app(ServiceSettings(cors_origins="https://a.example"), limited)

    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    app.add_api_websocket_route("/v1/greeting", greet)
    headers = {"Origin": origin} if origin else {}
    with TestClient(app) as client:
        if let_in:
            with client.websocket_connect("/v1/greeting", headers=headers) as socket:
                assert socket.receive_text() == "hello"
        else:
            with pytest.raises(WebSocketDisconnect), client.websocket_connect("/v1/greeting", headers=headers):
                pass
