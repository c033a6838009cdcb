"""A network replaced under load in a real server, again and again: nothing fails. Memory is printed, not judged."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from service.access.key_file import write_keys
from service.access.keys import Limits, make_key
from tests.load.conftest import check_log
from tests.load.raw import Answer, Connection, ask, pose_request
from tests.load.server import MIB, Server

SWAPS = 8
LOAD = 3


async def test_swaps_under_load(tmp_path: Path, photo: bytes, say: Callable[[str], None]) -> None:
    """Both embedded networks are loaded again in turns while three clients post without a pause."""
    text, record = make_key("operator", ("pose", "admin"), Limits())
    write_keys(tmp_path / "keys.json", [record])
    server = Server("--keys-file", str(tmp_path / "keys.json"), log=tmp_path / "log")
    try:
        request = with_key(pose_request(photo), text)
        done, answers = asyncio.Event(), list[Answer]()

        async def keep_posting() -> None:
            connection = await Connection.open(server.address)
            while not done.is_set():
                answers.append(await connection.ask(request))
            connection.hang_up()

        posting = [asyncio.create_task(keep_posting()) for _ in range(LOAD)]
        resident = list[float]()
        seconds = list[float]()
        for number in range(SWAPS):
            name = ("fasterpose-yolo11n", "person-detector")[number % 2]
            head = f"POST /v1/models/{name}/load HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n".encode()
            answer = await ask(server.address, with_key(head, text))
            assert answer.status == 200, answer.body
            assert json.loads(answer.body)["loaded"]["name"] == name
            resident.append(server.resident_bytes / MIB)
            seconds.append(answer.seconds)
        done.set()
        await asyncio.gather(*posting)
        statuses = {answer.status for answer in answers}
        slowest = sorted(answer.seconds for answer in answers)[-1]
        say(
            f"{len(answers)} answers {statuses} during {SWAPS} loads of {max(seconds):.1f} s at most, "
            f"the slowest after {slowest:.2f} s; memory {', '.join(f'{mib:.0f}' for mib in resident)} MiB"
        )
        assert statuses == {200}
    finally:
        server.kill()
    check_log(server.log)


def with_key(request: bytes, key: str) -> bytes:
    """A request with an API key in its head."""
    head, _, body = request.partition(b"\r\n\r\n")
    return head + f"\r\nX-API-Key: {key}\r\n\r\n".encode() + body


async def test_sighup_reads_keys_and_bundles_again(tmp_path: Path, photo: bytes) -> None:
    """A key that was made meanwhile counts, a bundle that did not change stays, and the server goes on."""
    path = tmp_path / "keys.json"
    write_keys(path, [])
    server = Server("--keys-file", str(path), log=tmp_path / "log")
    try:
        text, record = make_key("late", ("pose",), Limits())
        write_keys(path, [record])
        server.reload()
        async with asyncio.timeout(20):
            while server.log.read_text().count("is loaded already") < 2:
                await asyncio.sleep(0.05)
        answer = await ask(server.address, with_key(pose_request(photo), text))
        assert answer.status == 200
    finally:
        server.kill()
    assert "the file of API keys changed: 1 keys" in server.log.read_text()
