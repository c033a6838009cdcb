"""Completion, as a shell asks for it."""

import os
import shlex
import subprocess
import sys

import pytest

NAMED = "import sys; sys.argv[0] = 'fasterpose'; from service.cli import main; main()"


def ask(*arguments: str, **environment: str) -> str:
    env = {**os.environ, **environment}
    result = subprocess.run(
        [sys.executable, "-c", NAMED, *arguments], capture_output=True, text=True, env=env, check=False, timeout=60
    )
    return result.stdout


def test_bash_is_told_commands_and_flags() -> None:
    variables = {"_FASTERPOSE_COMPLETE": "complete_bash"}
    assert ask(**variables, COMP_WORDS="fasterpose pre", COMP_CWORD="1").split() == ["predict"]
    flags = ask(**variables, COMP_WORDS="fasterpose predict --bo", COMP_CWORD="2").split()
    assert flags == ["--boxes"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_commands_with_what_they_do(shell: str) -> None:
    told = ask(
        _FASTERPOSE_COMPLETE=f"complete_{shell}",
        _TYPER_COMPLETE_ARGS="fasterpose doc",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert "doctor" in told
    assert "Say what a server would use" in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_the_command(shell: str) -> None:
    script = ask(_FASTERPOSE_COMPLETE=f"source_{shell}")
    assert f"_FASTERPOSE_COMPLETE=complete_{shell}" in script


def test_show_completion_prints_the_script_of_the_shell_that_asks() -> None:
    """typer looks for the shell among its parents; below make it would find none that it knows."""
    asked = f"{shlex.join([sys.executable, '-c', NAMED, '--show-completion'])}; exit"
    told = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False, timeout=60).stdout
    assert "_FASTERPOSE_COMPLETE=complete_bash" in told
