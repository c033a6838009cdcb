"""docker/healthcheck.py as a container runs it: a process of its own beside a server."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from service.app import create_app
from service.serve import PoseServer, open_port
from service.settings import ServiceSettings
from service.tls import load_tls
from tests.conftest import REPOSITORY
from tests.service.certificates import make_identity
from tests.service.fakes import make_pipeline


@asynccontextmanager
async def running(**settings: object) -> AsyncGenerator[tuple[int, FastAPI]]:
    """A server on a free port, and its application."""
    chosen = ServiceSettings(http_port=0, grpc_port=0, **settings)  # pyright: ignore[reportArgumentType] - any of them
    app = create_app(chosen, make_pipeline)
    server = PoseServer(app, chosen, 0.0, load_tls(chosen))
    with open_port("127.0.0.1", 0, "--http-port") as listener:
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0)
        await app.state.loading
        yield listener.getsockname()[1], app
        server.should_exit = True
        await serving


async def check(port: int, **environment: str) -> tuple[int | None, str]:
    """The exit code and what is printed."""
    script = REPOSITORY / "docker/healthcheck.py"
    variables = {"PATH": os.environ["PATH"], "FASTERPOSE_HTTP_PORT": str(port), **environment}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env=variables
    )
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def test_a_ready_server_is_healthy_and_a_draining_one_is_not() -> None:
    async with running() as (port, app):
        assert await check(port) == (0, '{"status":"ready"}\n')
        app.state.service.retire()
        code, said = await check(port)
        assert code == 1
        assert "The server is draining." in said


async def test_tls_and_client_certificates(tmp_path: Path) -> None:
    authority = make_identity(tmp_path, "authority")
    server = make_identity(tmp_path, "server", authority)
    files = {"tls_cert": server.cert, "tls_key": server.key}
    async with running(**files) as (port, _):
        assert await check(port, FASTERPOSE_TLS_CERT=str(server.cert)) == (0, '{"status":"ready"}\n')
        assert (await check(port))[0] == 1  # it speaks TLS only
    async with running(**files, tls_client_ca=authority.cert) as (port, _):
        variables = {"FASTERPOSE_TLS_CERT": str(server.cert), "FASTERPOSE_TLS_CLIENT_CA": str(authority.cert)}
        assert await check(port, **variables) == (0, "the port is open\n")


async def test_nobody_there_is_not_healthy() -> None:
    with open_port("127.0.0.1", 0, "--http-port") as listener:
        port = listener.getsockname()[1]
    code, said = await check(port)
    assert code == 1
    assert "refused" in said
