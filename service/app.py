"""The application: routes, errors, page and docs around one service."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib import metadata

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from service import admin, http, operations
from service.access.cross_origin import ALLOWED_HEADERS, EXPOSED_HEADERS, OriginMiddleware, parse_origins
from service.access.http_access import AccessMiddleware
from service.access.page_headers import CommonHeaders
from service.access.ports import PortMiddleware
from service.docs import add_docs
from service.engine import load_pipeline
from service.inference import routes as inference
from service.middleware import RequestMiddleware
from service.page import add_page
from service.pipeline import Pipeline
from service.problems import add_problem_handlers
from service.settings import ServiceSettings
from service.state import Service
from service.stream import STREAM_PATH, StreamRoute
from service.swap import Swap


def create_app(settings: ServiceSettings, load: Callable[[], Pipeline] | None = None) -> FastAPI:
    """Make the application.

    Args:
        settings: of the service.
        load: makes the pipeline, in a thread, once the application starts; the bundles of the settings by default.

    Returns:
        The application; its `state.service` is the `Service`, its `state.swap` replaces networks.

    Raises:
        SettingsError: the file of API keys or an origin cannot be used.
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
    app.state.service, app.state.swap = service, Swap(service)
    app.include_router(http.router)
    app.include_router(operations.router)
    app.include_router(admin.router)
    app.include_router(inference.router)
    add_problem_handlers(app)
    add_docs(app)
    add_page(app, settings)
    app.add_api_websocket_route(STREAM_PATH, StreamRoute(service).connect)
    app.add_middleware(http.PoseRoute, service=service)  # each is surrounded by those below it
    _add_access(app, service)
    app.add_middleware(RequestMiddleware, service=service)
    app.add_middleware(CommonHeaders)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Load in the background, so that the port answers 503 meanwhile."""
    service: Service = app.state.service
    app.state.loading = asyncio.create_task(service.load())
    yield
    await app.state.loading
    await app.state.swap.finish()
    service.close()


def _add_access(app: FastAPI, service: Service) -> None:
    """What the settings ask for beyond letting everybody in, and nothing where they do not."""
    origins = parse_origins(service.settings.cors_origins)
    if service.keyring is not None:
        app.add_middleware(AccessMiddleware, service=service, keyring=service.keyring)
    app.add_middleware(OriginMiddleware, origins=origins)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=ALLOWED_HEADERS,
            expose_headers=EXPOSED_HEADERS,
        )
    if service.admin_port is not None:
        app.add_middleware(PortMiddleware, service=service)
