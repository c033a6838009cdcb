"""Lets blocking clients reach an application that runs on the test's event loop."""

import asyncio

import httpx
from fastapi import FastAPI


class Bridge(httpx.BaseTransport):
    """A blocking transport to an application; used from another thread than the loop's."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app)
        self._loop = asyncio.get_running_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Hand the request over and wait."""
        return asyncio.run_coroutine_threadsafe(self._answer(request), self._loop).result(30)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        handed = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        response = await self._transport.handle_async_request(handed)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())
