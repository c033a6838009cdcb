"""A port of its own for operators, also under TLS."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from service.app import create_app
from service.serve import PoseServer, open_admin_port, open_port
from service.settings import ServiceSettings, SettingsError
from service.tls import Tls
from tests.service.certificates import make_identity
from tests.service.fakes import make_pipeline
from tests.service.test_tls import http_client

PUBLIC = ("/", "/v1/models", "/openapi.json", "/docs")
HEALTH = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready")


@asynccontextmanager
async def running(tls: Tls | None = None) -> AsyncGenerator[tuple[str, str]]:
    """A server with both ports; their addresses, without a scheme."""
    settings = ServiceSettings(http_port=0, grpc_port=0, admin_port=0, drain_s=5)
    app = create_app(settings, make_pipeline)
    server = PoseServer(app, settings, 0.0, tls)
    with open_port("127.0.0.1", 0, "--http-port") as public, open_admin_port(settings, server.service) as (admin,):
        serving = asyncio.create_task(server.serve([public, admin]))
        while not server.started:
            await asyncio.sleep(0)
        await app.state.loading
        yield tuple(f"127.0.0.1:{listener.getsockname()[1]}" for listener in (public, admin))  # type: ignore[misc]
        server.handle_exit(signal.SIGTERM, None)
        await serving


async def test_each_port_has_its_own_routes_and_both_have_health() -> None:
    async with running() as (public, admin), httpx.AsyncClient(trust_env=False) as client:

        async def status(port: str, path: str, method: str = "GET") -> int:
            return (await client.request(method, f"http://{port}{path}")).status_code

        assert [await status(public, path) for path in PUBLIC + HEALTH] == [200] * 8
        assert [await status(admin, path) for path in HEALTH] == [200] * 4
        assert [await status(admin, path) for path in PUBLIC] == [404] * 4
        assert (await status(public, "/metrics"), await status(admin, "/metrics")) == (404, 200)
        loads = [await status(port, "/v1/models/fasterpose-r18/load", "POST") for port in (public, admin)]
        assert loads == [404, 403]  # 403: no keys are configured
        assert (await client.post(f"http://{admin}/v1/pose", content=b"")).status_code == 404


async def test_tls_and_client_certificates_cover_the_second_port(tmp_path: Path) -> None:
    authority = make_identity(tmp_path, "authority")
    own, known = (make_identity(tmp_path, name, authority) for name in ("server", "known"))
    async with running(Tls(own.cert, own.key, authority.cert)) as (_, admin):
        async with http_client(authority, known) as client:
            assert (await client.get(f"https://{admin}/metrics")).status_code == 200
        async with http_client(authority, None) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"https://{admin}/metrics")
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://{admin}/metrics")


def test_one_port_for_both_is_refused() -> None:
    settings = ServiceSettings(http_port=8000, admin_port=8000)
    service = create_app(settings, make_pipeline).state.service
    with pytest.raises(SettingsError, match="are both 8000"), open_admin_port(settings, service):
        pass


def test_a_taken_port_names_its_flag() -> None:
    with open_port("127.0.0.1", 0, "--http-port") as taken:
        settings = ServiceSettings(admin_port=taken.getsockname()[1])
        service = create_app(settings, make_pipeline).state.service
        with pytest.raises(SettingsError, match="choose another --admin-port"), open_admin_port(settings, service):
            pass
