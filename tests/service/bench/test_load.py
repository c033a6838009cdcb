"""The load generator against a server whose every answer is known."""

import asyncio

import pytest

from service.bench import load
from service.bench.job import LoadJob
from service.bench.load import Answer, run_load, summarize
from tests.service.bench.loads import REQUEST, TWO_PEOPLE, http_job, response, serving


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "WARM_UP_S", 0.02)
    monkeypatch.setattr(load, "PAUSE_S", 0.001)


async def test_so_many_requests_are_under_way_and_people_are_counted() -> None:
    under_way, most = 0, 0

    async def answer(_: int) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.002)
        under_way -= 1
        return response(TWO_PEOPLE)

    async with serving(answer) as port:
        result = await run_load(http_job(port, concurrency=3))
    assert most == 3
    assert under_way == 0, "the last requests were hung up"
    assert result.images >= 3
    assert result.people == 2 * result.images
    assert len(result.latencies_ms) == result.images
    assert min(result.latencies_ms) >= 2
    assert result.answers > result.images
    assert result.client_cpu_seconds > 0
    assert result.errors == {}


async def test_errors_are_counted_by_name_and_are_no_answers() -> None:
    async def answer(number: int) -> bytes:
        kinds = (response(TWO_PEOPLE), response(b"", "429 Too Many Requests"), b"")
        return kinds[number % 3]

    async with serving(answer) as port:
        result = await run_load(http_job(port, concurrency=1, seconds=0.1))
    assert set(result.errors) == {"429", "ConnectionResetError"}
    assert result.images == len(result.latencies_ms) > 0
    assert abs(result.errors["429"] - result.images) <= 1


async def test_a_server_that_is_not_there_is_an_error_and_not_an_end() -> None:
    async with serving(lambda _: asyncio.sleep(0, b"")) as port:
        pass
    result = await run_load(http_job(port, concurrency=2))
    assert result.images == 0
    assert result.errors.keys() == {"ConnectionRefusedError"}


async def test_a_connection_that_the_server_closes_is_opened_again() -> None:
    async def answer(_: int) -> bytes:
        return response(TWO_PEOPLE, "200 OK", "Connection: close")

    async with serving(answer) as port:
        result = await run_load(http_job(port, concurrency=1))
    assert result.images > 1
    assert result.errors == {}


async def test_a_chunked_answer_is_read_to_its_end() -> None:
    body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = (TWO_PEOPLE[:9], TWO_PEOPLE[9:])
    body += b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts) + b"0\r\n\r\n"

    async with serving(lambda _: asyncio.sleep(0, body)) as port:
        result = await run_load(http_job(port, concurrency=1))
    assert result.people == 2 * result.images > 0


async def test_a_slow_server_is_waited_for() -> None:
    """The measured time is over long before the second answer, which is counted all the same."""

    async def answer(_: int) -> bytes:
        await asyncio.sleep(0.1)
        return response(TWO_PEOPLE)

    async with serving(answer) as port:
        result = await run_load(http_job(port, concurrency=1, seconds=0.001))
    assert result.images >= 1
    assert result.images / result.seconds == pytest.approx(10, rel=0.5)


def test_whole_bursts_are_counted_in_the_time_between_their_ends() -> None:
    """Four answers every second, whenever the clock is read: 4 images a second."""
    answers = [Answer(second + i / 1000, 0.5, 1, None) for second in range(1, 8) for i in range(4)]
    for opened, closed in ((1.5, 4.1), (2.2, 6.9), (1.9, 3.01)):
        result = summarize(answers, opened, closed)
        assert result.images / result.seconds == pytest.approx(4)
    assert summarize(answers, 20.0, 21.0).images == 0


def test_a_job_and_a_result_cross_the_pipe() -> None:
    job = LoadJob("grpc", "127.0.0.1", 7, REQUEST + b"\xff\x00", 8, 0.5)
    assert LoadJob.from_json(job.to_json()) == job
    measured = summarize([Answer(1.0, 0.5, 3, None), Answer(2.0, 0.25, 0, "503")], 0.0, 3.0)
    assert type(measured).from_json(measured.to_json()) == measured
    assert measured.errors == {"503": 1}
