"""Little that would become much: the server refuses it by its head, and no more than the bodies themselves is held."""

import asyncio
import io
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from service.memory import LEAST_PAUSE_S
from tests.load.raw import Connection, ask, pose_request
from tests.load.server import MIB, Server

SIDE = 30_000
AT_ONCE = 16
MOST_GROWTH = 64 * MIB
"""Beyond the bodies."""
MOST_KEPT = 32 * MIB
HEAD = b"POST /v1/pose HTTP/1.1\r\nHost: test\r\n"


def png_bomb() -> bytes:
    """30,000 x 30,000 pixels of one colour, 2.7 GB once decoded, as a PNG of some 100 KB."""
    picture = Image.new("1", (SIDE, SIDE))
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


def webp_bomb() -> bytes:
    """The head of an extended WebP of 30,000 x 30,000 pixels, which the format allows only for its canvas."""
    size = (SIDE - 1).to_bytes(3, "little")
    chunk = b"VP8X" + (10).to_bytes(4, "little") + b"\0" * 4 + size + size
    return b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk


def gif_bomb() -> bytes:
    """10,000 frames of 640 x 480 pixels, 12 GB if all were decoded, as a GIF of 6 MB."""
    first, second = (Image.new("P", (640, 480), colour) for colour in (1, 2))
    file = io.BytesIO()
    first.save(file, "gif", save_all=True, append_images=[second], duration=10, loop=0)
    data = file.getvalue()
    at = data.rindex(b"!\xf9")  # the last frame: its control extension and what follows, less the trailer
    return data[:at] + data[at:-1] * 9_999 + b";"


def packed_request() -> bytes:
    """64 MB of zeros in 64 KB of gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = packer.compress(bytes(64 * MIB)) + packer.flush()
    return HEAD + b"Content-Type: image/png\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


BOMBS: dict[str, tuple[Callable[[], bytes], int]] = {
    "a PNG of 30,000 x 30,000": (lambda: pose_request(png_bomb()), 413),
    "a WebP of 30,000 x 30,000": (lambda: pose_request(webp_bomb()), 413),
    "a GIF of 10,000 frames": (lambda: pose_request(gif_bomb(), detect=False), 200),  # the first one counts
    "a packed body": (packed_request, 415),
    "a body that says it has 1 TB": (lambda: HEAD + b"Content-Length: 1000000000000\r\n\r\n", 413),
}


@pytest.mark.parametrize(("make", "status"), BOMBS.values(), ids=BOMBS)
async def test_a_bomb(
    server: Server, photo_of_one: bytes, make: Callable[[], bytes], status: int, say: Callable[[str], None]
) -> None:
    request = make()
    await ask(server.address, request)
    async with server.watched_memory() as memory:
        answers = await asyncio.gather(*(ask(server.address, request) for _ in range(AT_ONCE)))
        after = await ask(server.address, photo_of_one)
    say(
        f"{len(request) / 1024:.0f} KiB, {AT_ONCE} at once: {status} within "
        f"{1000 * max(answer.seconds for answer in answers):.0f} ms, memory {(max(memory) - memory[0]) / MIB:+.0f} MiB"
    )
    assert {answer.status for answer in answers} <= {status, 429}
    assert after.status == 200
    bodies = AT_ONCE * len(request)  # all are under way at once; `max_in_flight_bytes` bounds them
    assert max(memory) - memory[0] < bodies + MOST_GROWTH


async def test_memory_goes_back_once_the_server_is_idle(
    server: Server, photo_of_one: bytes, say: Callable[[str], None]
) -> None:
    request = pose_request(gif_bomb(), detect=False)
    await ask(server.address, photo_of_one)
    before = server.resident_bytes
    await asyncio.gather(*(ask(server.address, request) for _ in range(AT_ONCE)))
    kept = server.resident_bytes - before
    async with asyncio.timeout(2 * LEAST_PAUSE_S):
        while server.resident_bytes - before > MOST_KEPT:
            await asyncio.sleep(0.1)
    say(
        f"{kept / MIB:+.0f} MiB after {AT_ONCE} bodies of {len(request) / MIB:.1f} MiB, "
        f"at most {MOST_KEPT / MIB:+.0f} once idle"
    )


async def test_chunks_without_end(server: Server, photo_of_one: bytes, say: Callable[[str], None]) -> None:
    """The server takes no more than `max_body_bytes` of them, and lets go of the connection."""
    chunk = b"100000\r\n" + bytes(MIB) + b"\r\n"
    connection = await Connection.open(server.address)
    connection.write(HEAD + b"Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n")
    async with server.watched_memory() as memory:
        answer = asyncio.create_task(connection.answer(0.0))
        sent = 0
        while not answer.done():
            connection.write(chunk)
            await connection.flush()
            sent += 1
        after = await ask(server.address, photo_of_one)
    connection.hang_up()
    say(f"{(await answer).status} after {sent} MiB, memory at most {(max(memory) - memory[0]) / MIB:+.0f} MiB")
    assert (await answer).status == 413
    assert after.status == 200
    assert max(memory) - memory[0] < 256 * MIB
