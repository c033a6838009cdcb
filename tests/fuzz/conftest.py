"""A server on stand-in networks in a thread of its own, and how hard it is tried: `make test-fuzz` takes `deep`."""

import asyncio
import threading
from collections.abc import Iterator

import grpc
import httpx
import pytest
from hypothesis import HealthCheck, settings

from model.contract.image import ImageLimits
from service.app import create_app
from service.serve import PoseServer, open_port
from service.settings import ServiceSettings
from tests.service.fakes import make_pipeline

CHECKS_OFF = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much)
settings.register_profile("quick", max_examples=10, deadline=None, derandomize=True, suppress_health_check=CHECKS_OFF)
settings.register_profile("deep", max_examples=3000, deadline=None, suppress_health_check=CHECKS_OFF)
MOST_BYTES, MOST_PIXELS = 300_000, 200_000


def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """The quick profile, unless another one is asked for."""
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("quick")


@pytest.fixture(scope="session")
def server() -> Iterator[PoseServer]:
    """A running server; at the end it must still be ready."""
    chosen = ServiceSettings(
        http_port=0, grpc_port=0, drain_s=1, max_body_bytes=MOST_BYTES, max_pixels=MOST_PIXELS, timeout_ms=10_000
    )
    limits = ImageLimits(max_bytes=MOST_BYTES, max_pixels=MOST_PIXELS)
    server = PoseServer(create_app(chosen, lambda: make_pipeline(limits)), chosen, 0.0)
    with open_port("127.0.0.1", 0, "--http-port") as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        server.config.port = listener.getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{server.config.port}", trust_env=False) as client:
            while not server.started or client.get("/readyz").status_code != 200:
                assert thread.is_alive()
            yield server
            assert client.get("/readyz").status_code == 200
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def address(server: PoseServer) -> str:
    """Where HTTP is served."""
    return f"http://127.0.0.1:{server.config.port}"


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def channel(server: PoseServer) -> Iterator[grpc.Channel]:
    assert server.rpc is not None
    with grpc.insecure_channel(f"127.0.0.1:{server.rpc.port}") as channel:
        yield channel
