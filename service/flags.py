"""The flags that several commands share, made from the settings."""

import os
from pathlib import Path
from typing import Annotated, cast

import typer
from typer.models import OptionInfo

from service.settings import ServiceSettings, load_settings


def setting(name: str) -> OptionInfo:
    """A flag for a setting; its help and its default come from the setting itself."""
    field = ServiceSettings.model_fields[name]
    default = "none" if field.default is None else field.default
    text = f"{field.description}  [default: {default}]"  # the flag's own default is None: not given
    return cast(OptionInfo, typer.Option(f"--{name.replace('_', '-')}", help=text, show_default=False))


Config = Annotated[
    Path | None,
    typer.Option(help="TOML file with settings.", envvar="FASTERPOSE_CONFIG", show_default=False),
]
Model = Annotated[str | None, setting("model")]
DetectorName = Annotated[str | None, setting("detector")]
RuntimeName = Annotated[str | None, setting("runtime")]
PrecisionName = Annotated[str | None, setting("precision")]
Device = Annotated[str | None, setting("device")]
ThreadCount = Annotated[int | None, setting("threads")]
StreamCount = Annotated[int | None, setting("streams")]
PersonThreshold = Annotated[float, typer.Option(min=0, max=1, help="Drop people whose box score is lower.")]
KeypointThreshold = Annotated[
    float, typer.Option(min=0, max=1, help="Keypoints above it are drawn and count for a person's score.")
]
MaxPersons = Annotated[int, typer.Option(min=1, help="Keep the highest-scoring people of an image.")]
FlipTest = Annotated[bool, typer.Option("--flip-test", help="Average with the mirrored crop.")]


def read_settings(config: Path | None, **flags: object) -> ServiceSettings:
    """The settings of a command: its flags, the environment, the file and the defaults, in this order.

    Raises:
        SettingsError: a file that cannot be read, an unknown key, a wrong value.
    """
    return load_settings(flags, config, os.environ)
