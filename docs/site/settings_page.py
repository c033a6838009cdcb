"""`docs/settings.md`, from `service/settings.py`."""

from pathlib import Path
from types import NoneType, UnionType
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from docs.site.markdown import page, table
from service.settings import ENV_PREFIX, ServiceSettings

INTRODUCTION = f"""
Every setting is a flag of `fasterpose serve`, a variable and a key of a TOML file: `max_queue_ms` is
`--max-queue-ms 200`, `{ENV_PREFIX}MAX_QUEUE_MS=200` or `max_queue_ms = 200` in the file that `--config` or
`{ENV_PREFIX}CONFIG` names. A flag wins over a variable, that over the file, that over the default. A name that is
none of these ends the server with a sentence that says which is meant. [tuning.md](tuning.md) says which to change
for what.

Preprocessing is not among them: a bundle's spec decides it.
"""
KIB, MIB = 2**10, 2**20
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def settings_page() -> str:
    """The page, Markdown."""
    rows = [_row(name, field) for name, field in ServiceSettings.model_fields.items()]
    return page("Settings", INTRODUCTION, table(["setting", "default", "values", "what"], rows))


def _row(name: str, field: FieldInfo) -> list[str]:
    return [f'<a id="{name}"></a>`{name}`', _default(name, field.default), _values(field), field.description or ""]


def _default(name: str, value: object) -> str:
    match value:
        case None | "":
            return "none"
        case bool():
            return str(value).lower()
        case int() if "bytes" in name:
            return f"{value // MIB} MiB" if value % MIB == 0 else f"{value // KIB} KiB"
        case _:
            return str(value)


def _values(field: FieldInfo) -> str:
    """The choices, or the kind and the bounds of a number."""
    kind = field.annotation
    if get_origin(kind) is UnionType:
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if kind is bool:
        return "`true`, `false`"
    return _bounds(field) if kind is int else "a path" if kind is Path else "text"


def _bounds(field: FieldInfo) -> str:
    found = {name: getattr(part, name) for part in field.metadata for name in BOUNDS if hasattr(part, name)}
    if found.get("ge") is not None and found.get("le") is not None:
        return f"{found['ge']} to {found['le']}"
    return ", ".join(f"{BOUNDS[name]} {value}" for name, value in found.items())
