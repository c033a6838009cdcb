"""The simple commands of a shell script, read far enough for those that the documentation shows."""

import re
import shlex
from typing import NamedTuple

SEPARATORS = {";", "&&", "||", "|", "&", "(", ")"}
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


class Command(NamedTuple):
    """A simple command: the variables set for it, and its words."""

    variables: dict[str, str]
    words: list[str]


def commands_of(script: str) -> list[Command]:
    """The commands of a script, in their order; redirections, here-documents and comments are left out."""
    script = re.sub(r"<<-?\s*'?(\w+)'?(.*?)\n.*?^\1$", r"\2", script, flags=re.MULTILINE | re.DOTALL)
    joined = script.replace("\\\n", " ")
    return [command for line in joined.splitlines() for command in _commands_of_line(line)]


def _commands_of_line(line: str) -> list[Command]:
    substituted = re.sub(r"\$\([^()]*\)", "SUBSTITUTED", line)  # what is inside is none of its words
    lexer = shlex.shlex(substituted, posix=True, punctuation_chars=";&|()<>")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    words = list(lexer)
    while words:
        word = words.pop(0)
        if word in SEPARATORS:
            commands.append([])
        elif set(word) <= {"<", ">", "&"}:
            words.pop(0)
        else:
            commands[-1].append(word)
    return [_command(words) for words in commands if words]


def _command(words: list[str]) -> Command:
    variables: dict[str, str] = {}
    while words and ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return Command(variables, words)
