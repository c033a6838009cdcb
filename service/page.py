"""The demo page and its files, with headers that let it run its own scripts and nothing else."""

from importlib import resources
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

from service.access.page_headers import POLICY, page_headers
from service.settings import ServiceSettings

ASK_AGAIN = {"Cache-Control": "no-cache"}
"""Files are kept, but asked for again, so that the scripts of two versions never meet in one page."""


class PageFiles(StaticFiles):
    """Files that browsers keep only as long as they have not changed."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """As starlette makes it, with the header."""
        response = super().file_response(*args, **kwargs)  # pyright: ignore[reportArgumentType]
        response.headers.update(ASK_AGAIN)
        return response


def add_page(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve the page at `/`, its files below `/static`, and what it must know of the server."""
    folder = Path(str(resources.files("service"))) / "static"

    @app.get("/static/server.json", include_in_schema=False)
    async def server() -> JSONResponse:
        """What the page cannot find out by itself; `grpc_port` is null where any free one was taken."""
        return JSONResponse({"version": app.version, "grpc_port": settings.grpc_port or None}, headers=ASK_AGAIN)

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page() -> Response:
        return FileResponse(folder / "index.html", headers=page_headers(POLICY) | ASK_AGAIN)

    app.mount("/static", PageFiles(directory=folder), name="static")
