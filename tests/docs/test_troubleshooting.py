"""docs/troubleshooting.md quotes what the code really says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

TABLES = re.findall(
    r"<!-- sentences: of service and model -->\n(.*?)\n\n",
    (REPOSITORY / "docs/troubleshooting.md").read_text(),
    re.DOTALL,
)


def quotations(table: str) -> Iterator[str]:
    """The column `it says` of a table."""
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()]
    column = rows[0].index("it says")
    yield from (row[column].strip("` ") for row in rows[2:])


QUOTED = [quoted for table in TABLES for quoted in quotations(table)]
ANYTHING = "\0"


def sentences() -> Iterator[str]:
    """Every text of the code that may be printed; what is put in is `ANYTHING`."""
    for folder in ("service", "model"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield from _texts(path)


def _texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else ANYTHING for part in node.values)  # pyright: ignore
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_said(quoted: str, text: str) -> bool:
    """Whether the text holds all parts of the quotation, in this order."""
    place = 0
    for part in map(str.strip, quoted.split("...")):
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


SAID = [text.replace("`", "") for text in sentences()]


def test_the_tables_were_found() -> None:
    assert len(TABLES) == 3
    assert len(QUOTED) > 40
    assert not any(is_said("the server has run out of coffee", text) for text in SAID)


@pytest.mark.parametrize("quoted", QUOTED)
def test_the_code_says_so(quoted: str) -> None:
    said = [text for text in SAID if is_said(quoted, text)]
    assert said, f"no text of service or model says {quoted!r}"
