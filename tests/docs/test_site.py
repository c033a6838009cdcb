"""The site builds without a warning, and asks nothing of another server."""

import logging
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="needs the docs extra: make docs installs it")

from mkdocs.commands.build import build
from mkdocs.config import load_config

from tests.conftest import REPOSITORY

FETCHED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src")}
NOT_FETCHED = {"canonical", "next", "prev", "edit"}
"""Links of the head that only say where something is."""


class Fetches(HTMLParser):
    """What a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and set((values.get("rel") or "").split()) & NOT_FETCHED:
            return
        self.addresses += [value for name, value in attrs if (tag, name) in FETCHED and value]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    warnings: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())
    logging.getLogger("mkdocs").addHandler(handler)
    try:
        build(load_config(str(REPOSITORY / "docs/site/mkdocs.yml"), site_dir=str(folder)))
    finally:
        logging.getLogger("mkdocs").removeHandler(handler)
    assert warnings == []
    return folder


def test_every_page_is_there_and_those_from_outside_too(site: Path) -> None:
    pages = {path.stem for path in (REPOSITORY / "docs").glob("*.md")} - {"index"}
    assert {*pages, "zoo", "changelog", "contributing"} <= {path.parent.name for path in site.glob("*/index.html")}
    assert "fasterpose-r18" in (site / "zoo/index.html").read_text()
    assert (site / "repository/LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()


def test_no_page_fetches_from_another_server(site: Path) -> None:
    for path in site.rglob("*.html"):
        fetches = Fetches()
        fetches.feed(path.read_text())
        assert fetches.addresses
        assert [address for address in fetches.addresses if re.match(r"(https?:)?//", address)] == [], path


def test_no_style_sheet_fetches_from_another_server(site: Path) -> None:
    for path in site.rglob("*.css"):
        assert re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//[^)]*", path.read_text()) == [], path
