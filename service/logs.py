"""Log lines on standard error, as text or as JSON. They carry request ids, never an image or a keypoint."""

import logging
import sys
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TextIO

import orjson

from service.settings import LogFormat

GATHERED_S = 0.02
"""Lines that come within this time of one another are written together: under load, a write for each would take a
twentieth of the interpreter's time."""
MOST_LINES = 10_000
"""More do not wait: who logs writes them itself, and is held up where nobody reads."""


class TextFormatter(logging.Formatter):
    """`12:30:59 INFO POST /v1/pose 200 request_id=... duration_ms=...`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback of an exception below it."""
        named = {key: value for key, value in _fields(record).items() if key in {"duration_ms", "request_id", "key"}}
        return super().format(record) + "".join(f" {key}={value}" for key, value in named.items())


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, the request's fields, and the traceback of an exception."""
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


class GatheringHandler(logging.Handler):
    """Writes lines on a thread of its own, some at a time; errors at once, and all that is left at the end."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._some = threading.Event()
        self._closed = False
        self._writing = threading.Lock()
        threading.Thread(target=self._gather, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a line over to the thread."""
        try:
            self._lines.put(f"{self.format(record)}\n")
        except Exception:  # as with logging's own handlers, who logs does not fail with it
            self.handleError(record)
        if record.levelno >= logging.ERROR or self._lines.qsize() > MOST_LINES:
            self.flush()
        elif not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Write what waits; if nobody reads standard error any more, nobody misses it."""
        with self._writing, suppress(OSError, ValueError):
            self._stream.write("".join(self._lines.get() for _ in range(self._lines.qsize())))
            self._stream.flush()

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self.flush()
        self._closed = True
        self._some.set()
        super().close()

    def _gather(self) -> None:
        while self._some.wait() and not self._closed:
            time.sleep(GATHERED_S)
            self._some.clear()
            self.flush()


def set_up_logs(log_format: LogFormat) -> None:
    """Send all log lines of the process to standard error."""
    handler = GatheringHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "fields", {})
