"""Handing a command over to `model.cli`, which needs the train extra."""

import importlib

import typer

FORWARDED = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Context settings of a command whose arguments `model.cli` reads."""

USAGE_ERROR = 2


def run_training(command: str, arguments: list[str], shown_as: str | None = None) -> None:
    """Run a command of `model.cli`; without the train extra, say what to install.

    Args:
        command: its name there.
        arguments: what follows it.
        shown_as: what it is called here, if that is another name.
    """
    try:
        training = importlib.import_module("model.cli")
    except ModuleNotFoundError as error:
        typer.echo(
            f"fasterpose {shown_as or command} needs {error.name}; install it with: pip install 'fasterpose[train]' "
            "(in a clone: make train-env, then .venv-train/bin/fasterpose)",
            err=True,
        )
        raise typer.Exit(USAGE_ERROR) from error
    training.main([command, *arguments])
