"""docs/predict.md and docs/interoperability.md name what is there."""

import re

import httpx
from typer.main import get_command
from typer.testing import CliRunner

from service.cli import app as command
from service.inference.asked import DATATYPES, OUTPUTS
from tests.conftest import REPOSITORY

PREDICT = (REPOSITORY / "docs/predict.md").read_text()
OTHERS = (REPOSITORY / "docs/interoperability.md").read_text()


def flags_of(name: str) -> set[str]:
    return set(re.findall(r"--[a-z-]+", CliRunner().invoke(command, [name, "--help"], env={"COLUMNS": "200"}).output))


def test_every_command_and_flag_exists() -> None:
    known = get_command(command).commands  # type: ignore[attr-defined]
    lines = [line for line in PREDICT.splitlines() if line.startswith("fasterpose ")]
    assert lines
    for line in lines:
        name, flags = line.split()[1], set(re.findall(r" (--[a-z-]+)", line))
        assert name in known or name in {"--install-completion", "--show-completion"}, line
        assert name not in known or flags <= flags_of(name), line
    named = set(re.findall(r"`(--[a-z-]+)", PREDICT)) - {"--json"}
    assert named <= flags_of("predict") | {"--install-completion", "--show-completion"}


def test_every_exit_code_of_the_help_is_explained() -> None:
    text = CliRunner().invoke(command, ["predict", "--help"], env={"COLUMNS": "200"}).output
    codes = set(re.findall(r"\b(\d+)\b", text[text.index("Exit codes:") :]))
    assert codes == set(re.findall(r"\b(\d+)\b", " ".join(re.findall(r"^\| ([\d, ]+) \|", PREDICT, re.MULTILINE))))


async def test_routes_and_tensors_are_those_of_a_server(client: httpx.AsyncClient) -> None:
    for path in set(re.findall(r"`GET (/v2[\w/]*)`", OTHERS)):
        assert (await client.get(path)).status_code == 200, path
    tables = set(re.findall(r"`(\w+)`", "".join(line for line in OTHERS.splitlines() if re.match(r"\| `[a-z]", line))))
    assert set(DATATYPES) | set(OUTPUTS) <= tables
