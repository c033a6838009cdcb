"""Log lines on standard error, as text or as JSON. They carry request ids, never an image or a keypoint."""

import logging
import sys
from typing import Any

import orjson

from service.settings import LogFormat


class TextFormatter(logging.Formatter):
    """`12:30:59 INFO POST /v1/pose 200 request_id=... duration_ms=...`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback of an exception below it."""
        named = {key: value for key, value in _fields(record).items() if key in {"duration_ms", "request_id"}}
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


def set_up_logs(log_format: LogFormat) -> None:
    """Send all log lines of the process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return getattr(record, "fields", {})
