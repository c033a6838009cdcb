"""Documented commands of training against the parser that reads them, which needs torch."""

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.cli import app
from service.cli import app as service_app
from tests.docs.command_line import check, documented_lines, find_command, mentioned_lines


def as_model_cli_reads_it(line: list[str]) -> list[str] | None:
    """What `service.cli` hands over of a command line; None: it is the server's own."""
    command, _ = find_command(service_app, line)
    if not command.context_settings.get("allow_extra_args"):
        return None
    return ["benchmark-train", *line[2:]] if line[:2] == ["benchmark", "train"] else line


LINES = [(name, read) for name, line in documented_lines() if (read := as_model_cli_reads_it(line))]
MENTIONED = [(page, read) for page, line in mentioned_lines() if (read := as_model_cli_reads_it(line))]


@pytest.mark.parametrize(("name", "line"), LINES, ids=[name for name, _ in LINES])
def test_the_parser_takes_what_is_documented(name: str, line: list[str]) -> None:
    assert name
    check(app, line)


@pytest.mark.parametrize(("page", "line"), MENTIONED, ids=[" ".join(line) for _, line in MENTIONED])
def test_flags_of_the_prose_exist(page: str, line: list[str]) -> None:
    assert page
    check(app, line, whole=False)
