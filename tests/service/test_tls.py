"""TLS and mutual TLS of both transports, and the settings for them."""

import asyncio
import signal
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from grpc import StatusCode, aio

from service.app import create_app
from service.pb import pose_pb2
from service.pb.pose_pb2_grpc import PoseServiceStub
from service.serve import PoseServer, open_port
from service.settings import ServiceSettings, SettingsError
from service.tls import Tls, load_tls
from tests.service.certificates import Identity, key_bytes, make_identity
from tests.service.fakes import make_pipeline
from tests.service.rpc_client import failure, request_of

PNG = {"Content-Type": "image/png"}


@pytest.fixture
def authority(tmp_path: Path) -> Identity:
    return make_identity(tmp_path, "authority")


@pytest.fixture
def server(tmp_path: Path, authority: Identity) -> Identity:
    return make_identity(tmp_path, "server", authority)


@pytest.fixture
def known(tmp_path: Path, authority: Identity) -> Identity:
    """A client of the authority."""
    return make_identity(tmp_path, "known", authority)


@pytest.fixture
def stranger(tmp_path: Path) -> Identity:
    """A client of another authority."""
    return make_identity(tmp_path, "stranger", make_identity(tmp_path, "elsewhere"))


@asynccontextmanager
async def running(tls: Tls | None) -> AsyncGenerator[tuple[str, str]]:
    """Both transports on loopback ports; the addresses of HTTP and of gRPC, without a scheme."""
    settings = ServiceSettings(http_port=0, grpc_port=0, drain_s=5)
    app = create_app(settings, make_pipeline)
    server = PoseServer(app, settings, 0.0, tls)
    with open_port("127.0.0.1", 0, "--http-port") as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0)
        await app.state.loading
        assert server.rpc is not None
        yield address, f"127.0.0.1:{server.rpc.port}"
        server.handle_exit(signal.SIGTERM, None)
        await serving


def http_client(authority: Identity, client: Identity | None) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=str(authority.cert))
    if client:
        context.load_cert_chain(client.cert, client.key)
    return httpx.AsyncClient(verify=context, trust_env=False)


def rpc_channel(address: str, authority: Identity, client: Identity | None) -> aio.Channel:
    key, cert = (client.key.read_bytes(), client.cert.read_bytes()) if client else (None, None)
    return aio.secure_channel(address, grpc.ssl_channel_credentials(authority.cert.read_bytes(), key, cert))


async def test_both_transports_speak_tls(authority: Identity, server: Identity, photo: bytes) -> None:
    async with running(Tls(server.cert, server.key, None)) as (http, rpc):
        async with http_client(authority, None) as client:
            response = await client.post(f"https://{http}/v1/pose", content=photo, headers=PNG)
            assert len(response.json()["results"]) == 2
        async with rpc_channel(rpc, authority, None) as channel:
            assert len((await PoseServiceStub(channel).Estimate(request_of(photo))).results) == 2
        async with aio.insecure_channel(rpc) as plain:
            error = await failure(PoseServiceStub(plain).ListModels(pose_pb2.ListModelsRequest()))
            assert error.code() is StatusCode.UNAVAILABLE
        async with httpx.AsyncClient(trust_env=False) as plain_client:
            with pytest.raises(httpx.TransportError):
                await plain_client.get(f"http://{http}/healthz")


async def test_mutual_tls_lets_in_the_clients_of_its_authority_only(
    authority: Identity, server: Identity, known: Identity, stranger: Identity, photo: bytes
) -> None:
    async with running(Tls(server.cert, server.key, authority.cert)) as (http, rpc):
        async with http_client(authority, known) as client:
            response = await client.post(f"https://{http}/v1/pose", content=photo, headers=PNG)
            assert len(response.json()["results"]) == 2
        async with rpc_channel(rpc, authority, known) as channel:
            assert len((await PoseServiceStub(channel).Estimate(request_of(photo))).results) == 2
        for refused in (None, stranger):
            async with http_client(authority, refused) as client:
                with pytest.raises(httpx.TransportError):
                    await client.get(f"https://{http}/healthz")
            async with rpc_channel(rpc, authority, refused) as channel:
                error = await failure(PoseServiceStub(channel).ListModels(pose_pb2.ListModelsRequest()))
                assert error.code() is StatusCode.UNAVAILABLE


def test_without_files_there_is_no_tls() -> None:
    assert load_tls(ServiceSettings()) is None


def test_files_that_fit_are_taken(authority: Identity, server: Identity) -> None:
    settings = ServiceSettings(tls_cert=server.cert, tls_key=server.key, tls_client_ca=authority.cert)
    assert load_tls(settings) == Tls(server.cert, server.key, authority.cert)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tls_cert": "server.pem"}, "TLS needs a certificate and its key; tls_key is not set"),
        ({"tls_key": "server.key"}, "TLS needs a certificate and its key; tls_cert is not set"),
        ({"tls_client_ca": "authority.pem"}, "TLS needs a certificate and its key; tls_cert is not set"),
        ({"tls_cert": "none.pem", "tls_key": "server.key"}, "tls_cert: .*none.pem cannot be read: No such file"),
        ({"tls_cert": "server.pem", "tls_key": "none.key"}, "tls_key: .*none.key cannot be read: No such file"),
        (
            {"tls_cert": "server.pem", "tls_key": "server.key", "tls_client_ca": "none.pem"},
            "tls_client_ca: .*none.pem cannot be read",
        ),
        ({"tls_cert": "server.pem", "tls_key": "authority.key"}, "are not a PEM certificate and its key"),
        ({"tls_cert": "server.key", "tls_key": "server.key"}, "are not a PEM certificate and its key"),
        ({"tls_cert": "server.pem", "tls_key": "locked.key"}, "are not a PEM certificate and its key"),
        (
            {"tls_cert": "server.pem", "tls_key": "server.key", "tls_client_ca": "server.key"},
            "tls_client_ca .* holds no PEM certificates",
        ),
    ],
)
def test_files_that_cannot_be_used_are_named(
    tmp_path: Path, authority: Identity, server: Identity, given: dict[str, str], message: str
) -> None:
    assert authority.cert.parent == tmp_path
    locked = serialization.BestAvailableEncryption(b"secret")
    (tmp_path / "locked.key").write_bytes(key_bytes(server.private_key, locked))
    paths = {name: tmp_path / file for name, file in given.items()}
    with pytest.raises(SettingsError, match=message):
        load_tls(ServiceSettings.model_validate(paths))
