"""The commands `fasterpose keys new|list|revoke`."""

from pathlib import Path
from typing import Annotated, cast

import typer
from pydantic import ValidationError

from service.access.key_file import read_keys, write_keys
from service.access.keys import SCOPES, KeyRecord, Limits, Scope, make_key
from service.settings import SettingsError

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Make, list and revoke API keys.")

File = Annotated[
    Path,
    typer.Option("--file", envvar="FASTERPOSE_KEYS_FILE", help="The file of keys; `serve` takes it as --keys-file."),
]


@app.command()
def new(
    *,
    name: Annotated[str, typer.Argument(help="Whose key it is; stands in logs and metrics.")],
    file: File,
    scope: Annotated[list[str] | None, typer.Option(help="pose, metrics or admin; can be given again.")] = None,
    requests_per_second: Annotated[float | None, typer.Option(help="Most requests a second; none: no limit.")] = None,
    burst: Annotated[int | None, typer.Option(help="Requests that may come at once after a pause.")] = None,
    max_in_flight: Annotated[int | None, typer.Option(help="Most requests at one time; none: no limit.")] = None,
) -> None:
    """Make a key and print it, this once: the file holds its hash only. A running server takes it within a second.

    The scopes: `pose` (the default) estimates and lists models, `metrics` reads /metrics where it asks for a key,
    `admin` loads models.
    """
    keys = read_keys(file) if file.exists() else ()
    if any(key.name == name for key in keys):
        raise SettingsError(f"{file} has a key {name!r} already; choose another name, or revoke that one first")
    if burst is not None and requests_per_second is None:
        raise SettingsError("--burst goes with --requests-per-second")
    try:
        limits = Limits(requests_per_second=requests_per_second, burst=burst, max_in_flight=max_in_flight)
        text, record = make_key(name, _scopes(scope or ["pose"]), limits)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SettingsError(f"{first['loc'][0]} is {first['input']!r}: {first['msg']}") from error
    write_keys(file, (*keys, record))
    typer.echo(text)
    typer.echo(f"Keep it: it is not shown again. {describe_key(record)}", err=True)


@app.command("list")
def list_keys(*, file: File) -> None:
    """Name every key, its id, scopes and limits."""
    for key in read_keys(file):
        typer.echo(describe_key(key))


@app.command()
def revoke(*, name: Annotated[str, typer.Argument(help="Name or id of the key.")], file: File) -> None:
    """Take a key out of the file. A running server refuses it within a second, on open streams too."""
    keys = read_keys(file)
    left = [key for key in keys if name not in {key.name, key.id}]
    if len(left) == len(keys):
        known = ", ".join(key.name for key in keys) or "none"
        raise SettingsError(f"{file} has no key {name!r}; it has: {known}")
    write_keys(file, left)
    typer.echo(f"{name} is revoked")


def describe_key(key: KeyRecord) -> str:
    """One line about a key, nothing in it is secret."""
    rate, burst, most = key.limits.requests_per_second, key.limits.burst, key.limits.max_in_flight
    limits = [
        f"{rate:g} requests/s" if rate else "",
        f"bursts of {burst}" if burst else "",
        f"{most} in flight" if most else "",
    ]
    shown = ", ".join(limit for limit in limits if limit) or "no limits"
    return f"{key.name}  id {key.id}  {'+'.join(key.scopes)}  {shown}  made {key.created or 'at an unknown time'}"


def _scopes(names: list[str]) -> tuple[Scope, ...]:
    unknown = [name for name in names if name not in SCOPES]
    if unknown:
        raise SettingsError(f"--scope has no {unknown[0]!r}; choose from {', '.join(SCOPES)}")
    return tuple(cast("list[Scope]", list(dict.fromkeys(names))))
