"""What tests need to ask the application over HTTP: a client of one that loaded some pipeline, and problems checked."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx

from service.app import create_app
from service.pipeline import Pipeline
from service.settings import ServiceSettings
from tests.service.conftest import connect

PNG = {"Content-Type": "image/png"}


@asynccontextmanager
async def serving(
    load: Callable[[], Pipeline], settings: ServiceSettings | None = None
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of an application that loaded this pipeline."""
    app = create_app(settings or ServiceSettings(), load)
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        yield client


def check_problem(response: httpx.Response, status: int, detail: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    if response.request.url.path.startswith("/v2"):
        assert problem.pop("error") == problem["detail"]
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    assert detail in problem["detail"]
    assert "Traceback" not in response.text
    assert "/" not in problem["detail"].replace("image/", "").replace("application/", "").replace(
        "multipart/", ""
    ).replace("text/", "").replace("GET /", "")
