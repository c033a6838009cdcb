"""Closing a connection so that the last answer arrives (RFC 9112, 9.6).

A socket that is closed while the client still sends, or with bytes that nobody read, answers with a reset, and the
reset throws away what the client has not read yet: a refusal that was sent before the body came would not be seen.
"""

import asyncio
import select
from collections.abc import Callable, Iterable
from typing import Any


def has_unread(transport: asyncio.BaseTransport) -> bool:
    """Whether the client sent something, or closed, and the event loop has not come to read it yet."""
    socket = transport.get_extra_info("socket")
    if socket is None or socket.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class LingeringTransport(asyncio.Transport):
    """A transport that, closed in the middle of a request, says goodbye and throws away what still comes.

    The other side sees the end of the answers at once. The connection ends when the client ends it, and at the latest
    after `most_s` seconds or `most_bytes` bytes.
    """

    def __init__(
        self, transport: asyncio.Transport, most_s: float, most_bytes: int, still_coming: Callable[[], bool]
    ) -> None:
        """Surround a transport.

        Args:
            transport: of a connection.
            most_s: time for which the client is listened to after the goodbye, s.
            most_bytes: bytes that are thrown away meanwhile.
            still_coming: whether the client is in the middle of a request.
        """
        super().__init__()
        self._transport = transport
        self._most_s = most_s
        self._bytes_left = most_bytes
        self._still_coming = still_coming
        self._timer: asyncio.TimerHandle | None = None

    @property
    def inner(self) -> asyncio.Transport:
        """The transport itself."""
        return self._transport

    @property
    def lingers(self) -> bool:
        """Whether goodbye was said, and what comes is to be thrown away."""
        return self._timer is not None

    def throw_away(self, num_bytes: int) -> None:
        """Count bytes that came after the goodbye."""
        self._bytes_left -= num_bytes
        if self._bytes_left < 0:
            self.close_now()

    def close(self) -> None:
        """Close, at once if the client is not in the middle of a request."""
        if self._transport.is_closing() or not self._still_coming():
            self.close_now()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._most_s, self._transport.close)
            self._transport.resume_reading()
            if self._transport.can_write_eof():  # not with TLS: there the answer's `connection: close` has to do
                self._transport.write_eof()

    def close_now(self) -> None:
        """Close, whatever still comes."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether nothing more is to be written."""
        return self.lingers or self._transport.is_closing()

    def abort(self) -> None:
        """Close without sending what was written."""
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; nothing is sent after the goodbye."""
        if not self.lingers:
            self._transport.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send several pieces."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Say that nothing more is sent."""
        self._transport.write_eof()

    def can_write_eof(self) -> bool:
        """Whether `write_eof` works."""
        return self._transport.can_write_eof()

    def pause_reading(self) -> None:
        """Let the client wait, unless what it sends is thrown away."""
        if not self.lingers:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as asyncio has it
        """What is known of the connection."""
        return self._transport.get_extra_info(name, default)
