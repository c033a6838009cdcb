"""A server on stand-in networks for the documentation's snippets."""

import threading
import time
from collections.abc import Iterator

import pytest

from service.app import create_app
from service.serve import PoseServer, open_port
from service.settings import ServiceSettings
from tests.service.fakes import make_pipeline


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Documented port -> the port of a running server."""
    settings = ServiceSettings(http_port=0, grpc_port=0)
    app = create_app(settings, make_pipeline)
    server = PoseServer(app, settings, time.perf_counter())
    with open_port("127.0.0.1", 0, "--http-port") as listener:
        thread = threading.Thread(target=lambda: server.run([listener]), daemon=True)
        thread.start()
        while server.rpc is None or app.state.service.status != "ready":
            assert thread.is_alive()
            time.sleep(0.01)
        yield {"8000": listener.getsockname()[1], "8001": server.rpc.port}
        server.should_exit = True
        thread.join(20)
