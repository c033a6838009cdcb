"""The messages of a WebSocket -> frames: binary ones are images, text ones are options for the frames after them."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import cast

import orjson
from fastapi import WebSocket
from starlette.types import Message

from service.calls import PoseCall, as_boxes, check_call
from service.errors import InvalidBodyError, InvalidOptionError, TooLargeError
from service.jobs import ImageJob
from service.parse import check_stream_options, parse_query
from service.schemas import StreamOptions
from service.settings import ServiceSettings

AHEAD = 1
"""Messages that are read before there is room for them, so that a hang-up behind the last frame is seen at once."""
NO_CODE = 1005
"""The close code of a connection that was closed without one, RFC 6455."""


@dataclass(frozen=True)
class Frame:
    """One image of a stream.

    Attributes:
        number: its place in the stream, from 0: the id of its image.
        data: the encoded image.
        options: that hold for it.
        arrival: by the event loop's clock, seconds.
    """

    number: int
    data: bytes
    options: StreamOptions
    arrival: float

    def check_size(self, settings: ServiceSettings) -> None:
        """Refuse a frame of more bytes than a body may have.

        Raises:
            TooLargeError: it has.
        """
        if len(self.data) > settings.max_body_bytes:
            raise TooLargeError(
                f"The frame is larger than {settings.max_body_bytes} bytes, the most this server takes."
            )

    def job(self) -> ImageJob:
        """The frame as the pipeline takes it."""
        return ImageJob(self.data, self.number, as_boxes(self.options.boxes))


class FrameSource:
    """Reads a WebSocket.

    Attributes:
        close_code: the code with which it was closed, once it was.
    """

    def __init__(self, websocket: WebSocket, settings: ServiceSettings) -> None:
        """A source of frames.

        Raises:
            InvalidOptionError: an option in the address is unknown or wrong.
            TooLargeError: more boxes than configured.
        """
        self.close_code = NO_CODE
        self._websocket = websocket
        self._settings = settings
        self._options = self._check(parse_query(websocket.query_params.multi_items()))
        self._messages: asyncio.Queue[tuple[float, Message]] = asyncio.Queue(AHEAD)

    async def receive(self) -> Message:
        """Take the next message from the connection and keep it for `frames`; for `cancelled_by_hang_up`."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            self.close_code = message.get("code") or NO_CODE
            return {"type": "http.disconnect"}
        await self._messages.put((asyncio.get_running_loop().time(), message))
        return message

    async def frames(self) -> AsyncGenerator[Frame]:
        """The frames, as they come.

        Raises:
            InvalidBodyError: a text message is not a JSON object.
            InvalidOptionError: it has an unknown or wrong option.
            TooLargeError: it has more boxes than configured.
        """
        number = 0
        while True:
            arrival, message = await self._messages.get()
            if message.get("bytes") is None:
                self._options = self._check(_read_object(message["text"]))
                continue
            yield Frame(number, message["bytes"], self._options, arrival)
            number += 1

    def _check(self, values: dict[str, object]) -> StreamOptions:
        options = check_stream_options(values)
        if options.image_id is not None:
            raise InvalidOptionError("image_id: the frames of a stream are numbered from 0; leave it out")
        check_call(PoseCall([ImageJob(b"", 0, as_boxes(options.boxes))], options), self._settings)
        return options


def _read_object(text: str) -> dict[str, object]:
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        raise InvalidBodyError(
            'A text message must be a JSON object of options, for example {"max_persons": 5}; frames are binary ones.'
        )
    return cast(dict[str, object], values)
