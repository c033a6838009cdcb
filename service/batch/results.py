"""The results file of a job: a line an image, never two, whatever is killed when."""

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from service.batch.answers import Answer
from service.settings import SettingsError

SYNC_S = 2.0
"""How much of the work a power cut may cost; a killed process loses nothing that was written."""


class ResultsFile:
    """Appends lines, and knows for which images there is one.

    Attributes:
        done: images that have a line.
        failed: how many of the lines are errors.
    """

    def __init__(self, path: Path, *, retry_errors: bool = False) -> None:
        """Open a new file, or one to go on with: a line that was half written when the job died is cut off.

        Args:
            path: the JSONL file; `<path>.job.json` beside it says what the answers depend on.
            retry_errors: forget the lines that are errors.

        Raises:
            SettingsError: another job writes it, or it is not a job's file.
        """
        self._path = path
        self._record_path = path.with_name(f"{path.name}.job.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _open_locked(path)
        self.done: set[str] = set()
        self.failed = 0
        if os.fstat(self._file.fileno()).st_size and not self._record_path.exists():
            self._file.close()
            raise SettingsError(f"{path} is there and not the output of a job; choose another --output")
        self._read()
        if retry_errors and self.failed:
            self._forget_errors()
        self._synced = time.monotonic()

    def check_record(self, record: dict[str, Any]) -> None:
        """Note what the answers depend on, before the first of them; later ones must be made in the same way.

        Raises:
            SettingsError: the lines that are there were made in another way.
        """
        if not self.done:
            _replace(self._record_path, orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            return
        before: dict[str, Any] = orjson.loads(self._record_path.read_bytes())
        for part, values in record.items():
            for name, value in values.items():
                was = before[part].get(name)
                if was != value:
                    raise SettingsError(
                        f"{self._path} was begun with {part} {name} {was!r}, and now it is {value!r}; "
                        "go on as before, or choose another --output"
                    )

    def write(self, answer: Answer) -> bool:
        """Append an answer, unless its image has one.

        Returns:
            Whether it was appended.
        """
        if answer.image in self.done:
            return False
        self._file.write(answer.line + b"\n")
        self._file.flush()
        self.done.add(answer.image)
        self.failed += answer.failed
        if time.monotonic() - self._synced > SYNC_S:
            self._sync()
        return True

    def close(self) -> None:
        """Put everything on the disk, and let other jobs in."""
        self._sync()
        self._file.close()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def _read(self) -> None:
        end = 0
        for number, line, whole in self._lines():
            entry = _parse(line) if whole else None
            if entry is None and not whole:
                break  # what the process was writing when it died
            if entry is None or entry["id"] in self.done:
                raise SettingsError(
                    f"{self._path}, line {number}, is not what a job writes there; repair it or choose another --output"
                )
            self.done.add(entry["id"])
            self.failed += "error" in entry
            end += len(line)
        self._file.truncate(end)
        self._file.seek(end)

    def _lines(self) -> Iterator[tuple[int, bytes, bool]]:
        self._file.seek(0)
        for number, line in enumerate(self._file, start=1):
            yield number, line, line.endswith(b"\n")

    def _forget_errors(self) -> None:
        """Write the file anew without its error lines; the new one is locked before it takes the place of the old."""
        new_path = self._path.with_name(f"{self._path.name}.new")
        new_path.unlink(missing_ok=True)
        new = _open_locked(new_path)
        for _, line, _ in self._lines():
            entry = orjson.loads(line)["image"]
            if "error" in entry:
                self.done.discard(entry["id"])
            else:
                new.write(line)
        new.flush()
        os.fsync(new.fileno())
        new_path.replace(self._path)
        self._file.close()
        self._file, self.failed = new, 0


def _open_locked(path: Path) -> BinaryIO:
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
    except OSError as error:
        raise SettingsError(f"--output {path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise SettingsError(f"another job writes {path}; wait for its end, or choose another --output") from error
    return file


def _parse(line: bytes) -> dict[str, Any] | None:
    """The image's entry of a line; None for anything else."""
    try:
        entry = orjson.loads(line)["image"]
        return entry if isinstance(entry["id"], str) else None
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return None


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
