"""The application: routes, errors, page and docs around one service."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib import metadata, resources
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from service import http, operations
from service.docs import add_docs
from service.engine import load_pipeline
from service.middleware import RequestMiddleware
from service.pipeline import Pipeline
from service.problems import add_problem_handlers
from service.settings import ServiceSettings
from service.state import Service


def create_app(settings: ServiceSettings, load: Callable[[], Pipeline] | None = None) -> FastAPI:
    """Make the application.

    Args:
        settings: of the service.
        load: makes the pipeline, in a thread, once the application starts; the bundles of the settings by default.

    Returns:
        The application; its `state.service` is the `Service`.
    """
    service = Service(settings, load or (lambda: load_pipeline(settings)))
    app = FastAPI(
        title="FasterPose",
        version=metadata.version("fasterpose"),
        summary="A photograph in, people with COCO keypoints out.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.include_router(http.router)
    app.include_router(operations.router)
    add_problem_handlers(app)
    add_docs(app)
    _add_page(app)
    app.add_middleware(http.PoseRoute, service=service)
    app.add_middleware(RequestMiddleware, service=service)  # added last, it surrounds the others
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Load in the background, so that the port answers 503 meanwhile."""
    service: Service = app.state.service
    app.state.loading = asyncio.create_task(service.load())
    yield
    await app.state.loading
    service.close()


def _add_page(app: FastAPI) -> None:
    folder = Path(str(resources.files("service"))) / "static"
    app.mount("/static", StaticFiles(directory=folder), name="static")

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> Response:
        return FileResponse(folder / "index.html")
