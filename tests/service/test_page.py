"""The demo page: what its scripts look up is there, it needs no other server, and it is small."""

import re
from importlib import resources
from pathlib import Path

import httpx
import pytest

from service import overlay

STATIC = Path(str(resources.files("service"))) / "static"
SCRIPTS = sorted(path.name for path in STATIC.glob("*.js"))
LARGEST_PAGE = 100_000


def read(name: str) -> str:
    return (STATIC / name).read_text()


def test_every_element_that_a_script_uses_exists() -> None:
    ids = set(re.findall(r'\bid="([\w-]+)"', read("index.html")))
    used = {name for script in SCRIPTS for name in re.findall(r'element\("([\w-]+)"\)', read(script))}
    assert len(used) > 30
    assert used <= ids


def test_every_file_that_the_page_names_exists() -> None:
    named = re.findall(r'(?:href|src)="static/([\w./-]+)"', read("index.html"))
    named += [f"samples/{name}" for name in re.findall(r'data-sample="([\w.]+)"', read("index.html"))]
    assert {"page.css", "page.js", "theme.js", "icon.svg", "samples/three.jpg"} <= set(named)
    assert [name for name in named if not (STATIC / name).is_file()] == []


def test_every_module_that_a_script_imports_exists() -> None:
    for script in SCRIPTS:
        for name in re.findall(r'from "\./([\w.]+)"', read(script)):
            assert name in SCRIPTS, f"{script} imports {name}"


@pytest.mark.parametrize("name", ["index.html", "page.css", *SCRIPTS])
def test_nothing_comes_from_elsewhere(name: str) -> None:
    named = re.findall(r"(?:https?:)?//[\w-]+\.[\w-]+", read(name))
    assert named == []


def test_there_are_no_inline_scripts_and_styles() -> None:
    page = read("index.html")
    assert re.findall(r"<script[^>]*>[^<]", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", page) == []


def test_the_page_draws_in_the_overlays_colours() -> None:
    script = read("draw.js")
    for colour in (overlay.LEFT, overlay.RIGHT, overlay.MIDDLE, overlay.EDGE, overlay.BOX):
        assert "#{:02x}{:02x}{:02x}".format(*colour) in script


async def test_what_a_visit_loads_is_small_and_may_be_kept_only_until_it_changes(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    thumbnails = re.findall(r'src="static/(samples/[\w.]+)"', page.text)
    assert len(thumbnails) == 4
    files = [f"/static/{name}" for name in ("page.css", "icon.svg", "server.json", *SCRIPTS, *thumbnails)]
    answers = [page, *[await client.get(name) for name in files]]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["cache-control"] for answer in answers} == {"no-cache"}
    assert sum(len(answer.content) for answer in answers) < LARGEST_PAGE


async def test_the_page_learns_the_ports_that_it_cannot_see(client: httpx.AsyncClient) -> None:
    facts = (await client.get("/static/server.json")).json()
    assert facts["grpc_port"] is None  # any free one was taken
    assert re.fullmatch(r"\d+\.\d+\.\d+", facts["version"])
