"""The demo page: what its script looks up is there, and it needs no other server."""

import re
from importlib import resources

import pytest

from service import overlay

STATIC = resources.files("service") / "static"


def read(name: str) -> str:
    return (STATIC / name).read_text()


def test_every_element_that_the_script_uses_exists() -> None:
    ids = set(re.findall(r'\bid="([\w-]+)"', read("index.html")))
    used = set(re.findall(r'element\("([\w-]+)"\)', read("page.js")))
    assert used
    assert used <= ids


def test_every_file_that_the_page_names_exists() -> None:
    named = re.findall(r'(?:href|src|data-sample)="static/([\w./-]+)"', read("index.html"))
    assert {"page.css", "page.js", "icon.svg"} <= set(named)
    assert [name for name in named if not (STATIC / name).is_file()] == []


def test_every_control_has_a_label() -> None:
    page = read("index.html")
    for control in re.findall(r"<input [^>]*>", page):
        (name,) = re.findall(r'id="([\w-]+)"', control)
        assert f'for="{name}"' in page or f"<label>{control}" in page


@pytest.mark.parametrize("name", ["index.html", "page.css", "page.js", "draw.js"])
def test_nothing_comes_from_elsewhere(name: str) -> None:
    assert re.findall(r"(?:https?:)?//[\w-]+\.[\w-]+", read(name)) == []


def test_the_page_draws_in_the_overlays_colours() -> None:
    script = read("draw.js")
    for colour in (overlay.LEFT, overlay.RIGHT, overlay.MIDDLE, overlay.EDGE, overlay.BOX):
        assert "#{:02x}{:02x}{:02x}".format(*colour) in script
