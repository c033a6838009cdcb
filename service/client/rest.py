"""The client over HTTP."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, Unpack

import httpx

from service.client.answer import PoseAnswer
from service.client.asked import Choices, ImageIn, encoded
from service.client.failure import PoseError, ServerUnreachableError, from_problem
from service.client.patience import Attempts, Patience

POSE, MODELS, READY = "/v1/pose", "/v1/models", "/readyz"
Parts = list[tuple[str, tuple[str, bytes, str]]]


class PoseClient:
    """Asks a server over HTTP; keeps its connections open, so make one and use it again.

    Attributes:
        patience: how long each request may take, and how often it is sent again.
    """

    def __init__(
        self,
        url: str = "http://localhost:8000",
        *,
        api_key: str | None = None,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: of the server.
            api_key: where the server asks for one.
            patience: limits of a request.
            transport: of httpx, for proxies, certificates and tests.
        """
        self.patience = patience or Patience()
        self._http = httpx.Client(base_url=url, headers=_headers(api_key), transport=transport)

    def estimate(self, image: ImageIn, **choices: Unpack[Choices]) -> PoseAnswer:
        """The people of one image.

        Raises:
            PoseError: the server refused it, or no answer came in time.
            OSError: the image's path cannot be read.
        """
        return self.estimate_many([image], **choices)

    def estimate_many(self, images: Sequence[ImageIn], **choices: Unpack[Choices]) -> PoseAnswer:
        """The people of several images in one request; an image that fails has an `error`, the others are answered.

        Raises:
            PoseError: the server refused the whole request, or no answer came in time.
            OSError: an image's path cannot be read.
        """
        files = _parts(images)
        attempts = Attempts(self.patience)
        for request in _requests(attempts, files, choices):
            try:
                return PoseAnswer(_content(self._http.request("POST", POSE, **request)))
            except (PoseError, httpx.TransportError) as error:
                time.sleep(attempts.pause_after(_as_pose_error(error)))
        raise AssertionError("attempts end with an answer or an error")

    def models(self) -> list[dict[str, Any]]:
        """The loaded networks, as `GET /v1/models` tells them.

        Raises:
            PoseError: the server refused, or is not there.
        """
        return self._get(MODELS)["models"]

    def is_ready(self) -> bool:
        """Whether the server is there and its networks are loaded."""
        try:
            self._get(READY)
        except PoseError:
            return False
        return True

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def _get(self, path: str) -> dict[str, Any]:
        try:
            return _content(self._http.get(path, timeout=self.patience.timeout_s))
        except httpx.TransportError as error:
            raise _as_pose_error(error) from error


class AsyncPoseClient:
    """`PoseClient` for asyncio."""

    def __init__(
        self,
        url: str = "http://localhost:8000",
        *,
        api_key: str | None = None,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Nothing is sent yet; arguments as of `PoseClient`."""
        self.patience = patience or Patience()
        self._http = httpx.AsyncClient(base_url=url, headers=_headers(api_key), transport=transport)

    async def estimate(self, image: ImageIn, **choices: Unpack[Choices]) -> PoseAnswer:
        """See `PoseClient.estimate`."""
        return await self.estimate_many([image], **choices)

    async def estimate_many(self, images: Sequence[ImageIn], **choices: Unpack[Choices]) -> PoseAnswer:
        """See `PoseClient.estimate_many`."""
        files = await asyncio.to_thread(_parts, images)
        attempts = Attempts(self.patience)
        for request in _requests(attempts, files, choices):
            try:
                return PoseAnswer(_content(await self._http.request("POST", POSE, **request)))
            except (PoseError, httpx.TransportError) as error:
                await asyncio.sleep(attempts.pause_after(_as_pose_error(error)))
        raise AssertionError("attempts end with an answer or an error")

    async def models(self) -> list[dict[str, Any]]:
        """See `PoseClient.models`."""
        return (await self._get(MODELS))["models"]

    async def is_ready(self) -> bool:
        """See `PoseClient.is_ready`."""
        try:
            await self._get(READY)
        except PoseError:
            return False
        return True

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()

    async def _get(self, path: str) -> dict[str, Any]:
        try:
            return _content(await self._http.get(path, timeout=self.patience.timeout_s))
        except httpx.TransportError as error:
            raise _as_pose_error(error) from error


def _headers(api_key: str | None) -> dict[str, str]:
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def _parts(images: Sequence[ImageIn]) -> Parts:
    return [("image", (f"{i}", encoded(image), "application/octet-stream")) for i, image in enumerate(images)]


def _requests(attempts: Attempts, files: Parts, choices: Choices) -> Iterator[dict[str, Any]]:
    """The arguments of one attempt after the other; the server's deadline is what is left of ours."""
    while True:
        left = max(attempts.seconds_left, 0.001)
        options = json.dumps({**choices, "timeout_ms": max(1, round(left * 1000))})
        yield {"files": [*files, ("options", (None, options, "application/json"))], "timeout": left}


def _content(response: httpx.Response) -> dict[str, Any]:
    """The body of an answer.

    Raises:
        PoseError: it is a refusal.
    """
    if response.is_success:
        return response.json()
    raise _refusal(response)


def _refusal(response: httpx.Response) -> PoseError:
    retry_after: str | None = response.headers.get("retry-after")
    try:
        return from_problem(response.json(), retry_after)
    except (ValueError, KeyError, TypeError):  # a proxy's own page
        problem: Mapping[str, Any] = {
            "status": response.status_code,
            "type": "proxy",
            "detail": f"{response.reason_phrase}; this is not the server's own answer",
        }
        return from_problem(problem, retry_after)


def _as_pose_error(error: PoseError | httpx.TransportError) -> PoseError:
    if isinstance(error, PoseError):
        return error
    return ServerUnreachableError(f"no answer: {str(error) or type(error).__name__}")
