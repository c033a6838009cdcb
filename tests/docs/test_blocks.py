"""What can be said of a documented command without running it: its flags, targets, extras, settings and files exist."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from service.cli import app
from service.settings import NOT_SETTINGS, ServiceSettings
from tests.conftest import REPOSITORY
from tests.docs.command_line import check, documented_lines, exported_in, find_command, mentioned_lines
from tests.docs.fences import PAGES, SHELL, Block, all_blocks, inline_code
from tests.docs.shell import Command, commands_of

LANGUAGES = {*SHELL, "python", "json", "toml", "text"}
MAKEFILE = (REPOSITORY / "Makefile").read_text()
EXTRAS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
OURS = re.compile(r"(?:service|model|docs|docker|protos|tests|LICENSES)/[\w./-]+")
"""A path of the repository."""

COMMANDS = [(block, command) for block in all_blocks(*SHELL) for command in commands_of(block.text)]


def calls_of(*programs: str) -> list[Any]:
    """Parameters: the block's name and the command, for each call of these programs."""
    found = [(block, command) for block, command in COMMANDS if command.words and command.words[0] in programs]
    return [pytest.param(command, id=block.name) for block, command in found]


def is_forwarded(arguments: list[str]) -> bool:
    """Whether `model.cli` reads them; `tests/parity` checks these."""
    command, _ = find_command(app, arguments)
    return bool(command.context_settings.get("allow_extra_args"))


@pytest.mark.parametrize("block", all_blocks(), ids=lambda block: block.name)
def test_every_block_says_what_it_is(block: Block) -> None:
    assert block.language in LANGUAGES, f"{block.name}: ```{block.language} is none of {sorted(LANGUAGES)}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_command_hides_in_an_indented_block(path: Any) -> None:
    """Only fences are looked at; lists are indented by two or three."""
    lines = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL).splitlines()
    assert [line for line in lines if line.startswith("    ")] == []


def test_the_readme_begins_with_the_two_commands() -> None:
    commands = [" ".join(command.words) for block, command in COMMANDS if block.page == "README.md"]
    assert commands[0] == "make serve"
    assert "make test" in commands


def test_the_scripts_were_understood() -> None:
    programs = {command.words[0] for _, command in COMMANDS if command.words}
    assert {"make", "curl", ".venv/bin/fasterpose", "docker"} <= programs
    assert commands_of("A=1 x -y 'a b' | z # c\nf \\\n  -o > g && h") == [
        Command({"A": "1"}, ["x", "-y", "a b"]),
        Command({}, ["z"]),
        Command({}, ["f", "-o"]),
        Command({}, ["h"]),
    ]


SERVER_LINES = [each for each in documented_lines() if not is_forwarded(each[1])]
MENTIONED = [each for each in mentioned_lines() if not is_forwarded(each[1])]


@pytest.mark.parametrize(("name", "line"), SERVER_LINES, ids=[name for name, _ in SERVER_LINES])
def test_the_parser_takes_what_is_documented(name: str, line: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in exported_in(name).items():
        monkeypatch.setenv(variable, value)
    check(app, line)


@pytest.mark.parametrize(("page", "line"), MENTIONED, ids=[" ".join(line) for _, line in MENTIONED])
def test_flags_of_the_prose_exist(page: str, line: list[str]) -> None:
    assert page
    check(app, line, whole=False)


def test_a_lie_is_found() -> None:
    for line in (["serve", "--http-prot", "80"], ["serve", "--http-port", "x"], ["srve"], ["batch", "--input", "x"]):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            check(app, line)


@pytest.mark.parametrize("command", calls_of("make"))
def test_make_targets_exist(command: Command) -> None:
    targets = [word for word in command.words[1:] if "=" not in word]
    assert [target for target in targets if not re.search(rf"^{re.escape(target)}:", MAKEFILE, re.MULTILINE)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_make_targets_of_the_prose_exist(path: Any) -> None:
    called = [code.split()[1:] for code in inline_code(path) if code.startswith("make ")]
    targets = {word for words in called for word in words if re.fullmatch(r"[a-z-]+", word)}
    assert {target for target in targets if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)} == set()


@pytest.mark.parametrize("block", all_blocks(*SHELL), ids=lambda block: block.name)
def test_variables_are_settings(block: Block) -> None:
    names = set(re.findall(r"\bFASTERPOSE_[A-Z_]+\b", block.text)) - NOT_SETTINGS
    assert {name.removeprefix("FASTERPOSE_").lower() for name in names} <= set(ServiceSettings.model_fields)


@pytest.mark.parametrize("block", all_blocks("bash", "python"), ids=lambda block: block.name)
def test_named_files_are_there(block: Block) -> None:
    named = [path for command in commands_of(block.text) for word in command.words for path in OURS.findall(word)]
    made = ("docker/files/", "docs/images/")
    assert [path for path in named if not path.startswith(made) and not (REPOSITORY / path).exists()] == []


@pytest.mark.parametrize(("name", "line"), documented_lines(), ids=[name for name, _ in documented_lines()])
def test_recipes_and_their_settings_exist(name: str, line: list[str]) -> None:
    for flag, folder in (("--recipe", "model/recipes"), ("--setting", "model/recipes/settings")):
        for value in [line[i + 1] for i, word in enumerate(line) if word == flag]:
            is_file = value.endswith(".toml") or value.isupper()  # of the reader's own
            assert is_file or (REPOSITORY / folder / f"{value}.toml").is_file(), f"{name}: {flag} {value}"


@pytest.mark.parametrize("command", calls_of("pip", ".venv/bin/pip", ".venv-train/bin/pip"))
def test_extras_exist(command: Command) -> None:
    named = [name for word in command.words for name in re.findall(r"\[([\w,]+)\]", word)]
    assert {extra for names in named for extra in names.split(",")} <= set(EXTRAS)


@pytest.mark.parametrize("command", calls_of("docker", "podman"))
def test_compose_profiles_services_and_targets_exist(command: Command) -> None:
    words = command.words[1:]
    services: dict[str, Any] = COMPOSE["services"]
    if words[0] == "compose":
        profiles = {profile for service in services.values() for profile in service.get("profiles", [])}
        named = {words[i + 1] for i, word in enumerate(words) if word == "--profile"}
        scaled = {words[i + 1].split("=")[0] for i, word in enumerate(words) if word == "--scale"}
        assert named <= profiles
        assert scaled <= set(services)
        return
    targets = {words[i + 1] for i, word in enumerate(words) if word == "--target"}
    dockerfile = (REPOSITORY / "docker/Dockerfile").read_text()
    assert targets <= set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.MULTILINE))
