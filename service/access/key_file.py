"""The file of API keys: JSON, written whole or not at all, readable by its owner only."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from service.access.keys import KeyRecord
from service.settings import SettingsError


class KeyFile(BaseModel):
    """Its content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    keys: tuple[KeyRecord, ...] = ()


def read_keys(path: Path) -> tuple[KeyRecord, ...]:
    """The keys in a file.

    Raises:
        SettingsError: it cannot be read, is not a file of keys, or two keys have one name or id.
    """
    try:
        keys = KeyFile.model_validate_json(path.read_bytes()).keys
    except OSError as error:
        raise SettingsError(f"the file of API keys {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise SettingsError(f"{path} is not a file of API keys: {_describe(error)}") from error
    for what, values in (("name", [key.name for key in keys]), ("id", [key.id for key in keys])):
        twice = _first_repeated(values)
        if twice is not None:
            raise SettingsError(f"{path}: two API keys have the {what} {twice}; revoke one of them")
    return keys


def write_keys(path: Path, keys: Iterable[KeyRecord]) -> None:
    """Replace the file in one step, so that a server never reads half of it.

    Raises:
        SettingsError: it cannot be written.
    """
    content = KeyFile(keys=tuple(keys)).model_dump_json(indent=1)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(content + "\n")
                file.flush()
                os.fsync(handle)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"the file of API keys {path} cannot be written: {error.strerror}") from error


def _describe(error: ValidationError) -> str:
    """The first mistake and its place, without what stands there."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def _first_repeated(values: list[str]) -> str | None:
    return next((value for i, value in enumerate(values) if value in values[:i]), None)
