import io
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from service import logs
from service.logs import GatheringHandler, TextFormatter


class Paper(io.StringIO):
    """A stream that tells when it was written on, and how often."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()
        self.writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)

    def flush(self) -> None:
        self.written.set()


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def logger(paper: Paper) -> Iterator[logging.Logger]:
    logger = logging.Logger("test")
    handler = GatheringHandler(paper)
    handler.setFormatter(TextFormatter())
    logger.addHandler(handler)
    yield logger
    handler.close()


def test_lines_are_written_together_and_in_order(logger: logging.Logger, paper: Paper) -> None:
    for i in range(100):
        logger.info("line %d", i)
    assert paper.written.wait(20)
    logger.handlers[0].flush()
    assert [line.split()[-1] for line in paper.getvalue().splitlines()] == [str(i) for i in range(100)]
    assert paper.writes < 50
    paper.written.clear()
    logger.info("later")
    assert paper.written.wait(20)


def test_an_error_is_written_at_once_behind_what_came_before(logger: logging.Logger, paper: Paper) -> None:
    logger.info("before")
    logger.error("broken", exc_info=ValueError("why"))
    before, broken, *trace = paper.getvalue().splitlines()
    assert before.endswith("before")
    assert broken.endswith("broken")
    assert trace[-1] == "ValueError: why"


def test_no_line_is_lost_at_the_end(paper: Paper) -> None:
    handler = GatheringHandler(paper)
    handler.handle(logging.makeLogRecord({"msg": "the last", "levelno": logging.INFO}))
    handler.close()
    assert paper.getvalue() == "the last\n"


def test_who_logs_more_than_can_wait_writes_itself(
    logger: logging.Logger, paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "GATHERED_S", 20)
    monkeypatch.setattr(logs, "MOST_LINES", 10)
    for i in range(11):
        logger.info("line %d", i)
    assert len(paper.getvalue().splitlines()) == 11


def test_a_closed_stream_fails_nobody(logger: logging.Logger, paper: Paper) -> None:
    paper.close()
    logger.error("nobody reads this")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    with suppress(OSError), Path("/dev/full").open("w") as full:  # closing it fails too
        handler = GatheringHandler(full)
        handler.setFormatter(TextFormatter())
        for i in range(2000):
            handler.handle(logging.makeLogRecord({"msg": f"line {i}", "levelno": logging.ERROR}))
        handler.flush()
        assert handler._lines.empty()  # pyright: ignore[reportPrivateUsage] - lines that cannot be written do not pile up
        handler.close()
