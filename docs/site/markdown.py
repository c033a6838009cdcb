"""Markdown that the generated pages are made of."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a `|` in a cell is escaped, and the cell stays on one line."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def page(title: str, *parts: str) -> str:
    """A page that says at its beginning that nobody edits it."""
    warning = "<!-- Written by `make docs-pages`; tests/docs/test_pages.py compares it with the code. -->"
    return "\n\n".join([f"# {title}", warning, *(part.strip("\n") for part in parts if part)]) + "\n"


def joined(text: str) -> str:
    """Lines of a docstring or comment as one paragraph each."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
