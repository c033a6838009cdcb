"""The flags that several commands share, made from the settings."""

import inspect
import os
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin

import typer
from typer.models import OptionInfo

from service.settings import ServiceSettings, load_settings

Result = TypeVar("Result")
ReadSettings = Callable[[], ServiceSettings]
"""Reads the settings that a command's flags, the environment, a file and the defaults choose, in this order.

It raises a `SettingsError` for a file that cannot be read, an unknown key and a wrong value.
"""

NETWORKS = ("model", "detector", "runtime", "precision", "device", "threads", "streams")
"""The settings that say which networks run, and how."""

PersonThreshold = Annotated[float, typer.Option(min=0, max=1, help="Drop people whose box score is lower.")]
KeypointThreshold = Annotated[
    float, typer.Option(min=0, max=1, help="Keypoints above it are drawn and count for a person's score.")
]
MaxPersons = Annotated[int, typer.Option(min=1, help="Keep the highest-scoring people of an image.")]
FlipTest = Annotated[bool, typer.Option("--flip-test", help="Average with the mirrored crop.")]


def with_settings(*names: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Give a command of typer, behind its own flags, `--config` and one for each of some settings.

    typer reads a function's signature, so the flags are added to that. The command's first argument, which is no flag,
    is a `ReadSettings`: who only asks for help, or for a subcommand, waits for no settings.

    Args:
        names: of settings.
    """

    def add_flags(command: Callable[..., Result]) -> Callable[..., Result]:
        @wraps(command)
        def run(**given: object) -> Result:
            flags, config = {name: given.pop(name) for name in names}, cast("Path | None", given.pop("config"))
            return command(partial(load_settings, flags, config, os.environ), **given)

        _, *own = inspect.signature(command).parameters.values()
        signature = inspect.Signature([*own, _flag("config", Path, _CONFIG), *map(_setting, names)])
        run.__signature__ = signature  # pyright: ignore[reportAttributeAccessIssue]
        return run

    return add_flags


_CONFIG = cast(
    OptionInfo, typer.Option(help="TOML file with settings.", envvar="FASTERPOSE_CONFIG", show_default=False)
)


def _setting(name: str) -> inspect.Parameter:
    """A flag for a setting; its help and its default come from the setting itself."""
    field = ServiceSettings.model_fields[name]
    default = "none" if field.default is None else field.default
    text = f"{field.description}  [default: {default}]"  # the flag's own default is None: not given
    option = typer.Option(f"--{name.replace('_', '-')}", help=text, show_default=False)
    return _flag(name, _plain(field.annotation), cast(OptionInfo, option))


def _flag(name: str, kind: Any, option: OptionInfo) -> inspect.Parameter:  # noqa: ANN401 - a type
    annotation = cast(Any, Annotated)[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _plain(annotation: Any) -> Any:  # noqa: ANN401 - a type
    """What the command line reads: a choice is text, which the settings check; None is a flag that is not given."""
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    if get_origin(annotation) is Literal:
        return str
    return _plain(kinds[0]) if kinds else annotation
