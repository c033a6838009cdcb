"""Documented command lines of `fasterpose` against the parser that reads them."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import typer

from tests.conftest import REPOSITORY
from tests.docs.fences import PAGES, SHELL, Block, all_blocks, inline_code
from tests.docs.shell import Command, commands_of

MODULES = {"service.cli", "model.cli"}


def fasterpose_lines(block: Block) -> Iterator[list[str]]:
    """The arguments of each call of `fasterpose` in a block, whatever stands before them."""
    for command in commands_of(block.text):
        arguments = arguments_of(command)
        if arguments is not None:
            yield arguments


def arguments_of(command: Command) -> list[str] | None:
    """What `fasterpose` gets; None if the command is another one."""
    words = command.words
    if not words:
        return None
    if words[0].rpartition("/")[2] == "fasterpose":
        return words[1:]
    for index, word in enumerate(words):
        if word in MODULES and words[index - 1] == "-m":
            return words[index + 1 :]
        if word.startswith("fasterpose:") and words[0] in {"docker", "podman"} and "run" in words:
            return words[index + 1 :]
    return None


def documented_lines() -> list[tuple[str, list[str]]]:
    """Every call of `fasterpose` in a block, and the name of the block."""
    return [(block.name, line) for block in all_blocks(*SHELL) for line in fasterpose_lines(block)]


def mentioned_lines() -> list[tuple[str, list[str]]]:
    """Every call in the prose, which may be incomplete, and the page."""
    return [
        (path.name, code.split()[1:])
        for path in PAGES
        for code in inline_code(path)
        if code.startswith("fasterpose ") and "..." not in code
    ]


def exported_in(name: str) -> dict[str, str]:
    """The settings that the page of a block, `docs/x.md:8`, exports for all its commands."""
    text = (REPOSITORY / name.rpartition(":")[0]).read_text()
    return dict(re.findall(r"^export (FASTERPOSE_[A-Z_]+)=(\S+)$", text, re.MULTILINE))


def check(app: typer.Typer, arguments: list[str], *, whole: bool = True) -> None:
    """Fail unless the parser takes the arguments; of a part of a command line the flags must exist."""
    command, rest = find_command(app, arguments)
    known = {flag for parameter in command.params for flag in [*parameter.opts, *parameter.secondary_opts]} | {"--help"}
    unknown = {word.partition("=")[0] for word in rest if word.startswith("--")} - known
    assert not unknown, f"`fasterpose {' '.join(arguments)}`: no such flag {unknown}"
    if whole and "--help" not in rest and not hasattr(command, "commands"):
        try:
            command.make_context(command.name, list(rest))
        except Exception as error:  # the parser's own exceptions are typer's business
            said = getattr(error, "message", None) or repr(error)
            pytest.fail(f"`fasterpose {' '.join(arguments)}`: {said}")


def find_command(app: typer.Typer, arguments: list[str]) -> tuple[Any, list[str]]:
    """The command that is called, and what is left for it."""
    command = _root_of(app)
    rest = list(arguments)
    while rest and not rest[0].startswith("-") and hasattr(command, "commands"):
        name = rest.pop(0)
        assert name in command.commands, f"there is no command `fasterpose {' '.join(arguments)}`"
        command = command.commands[name]
    return command, rest


@cache
def _root_of(app: typer.Typer) -> Any:
    return typer.main.get_command(app)
