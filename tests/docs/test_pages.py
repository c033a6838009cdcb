"""The pages that are written from the code are current, and the others name settings and defaults that exist."""

import re
from pathlib import Path

import pytest

from docs.site.pages import DOCS, PAGES
from docs.site.settings_page import settings_page
from service.settings import ServiceSettings
from tests.conftest import REPOSITORY

PROTO = (REPOSITORY / "protos/fasterpose/v1/pose.proto").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), f"docs/{name} is old: make docs-pages"


def test_every_setting_has_its_row() -> None:
    rows = re.findall(r'^\| <a id="(\w+)"></a>`\1` \|', settings_page(), re.MULTILINE)
    assert rows == list(ServiceSettings.model_fields)


def test_every_message_and_field_is_told() -> None:
    page = PAGES["grpc.md"]()
    assert set(re.findall(r"^### (\w+)$", page, re.MULTILINE)) == {*re.findall(r"(?:message|rpc) (\w+)", PROTO)}
    fields = re.findall(r"^ +(?:optional |repeated )?(?:[\w.]+|map<.*>) (\w+) = \d+;", PROTO, re.MULTILINE)
    assert sorted(re.findall(r"^\| `(\w+)` \| \d+ \|", page, re.MULTILINE)) == sorted(fields)


def test_every_error_and_route_is_told() -> None:
    assert {"| 400 |", "| 431 |", "| 504 |"} <= set(re.findall(r"^\| \d{3} \|", PAGES["errors.md"](), re.MULTILINE))
    routes = set(re.findall(r"^## `(\w+ \S+)`", PAGES["rest.md"](), re.MULTILINE))
    assert {"POST /v1/pose", "GET /v1/models/{name}", "POST /v1/models/{name}/load", "GET /metrics"} <= routes


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_settings_that_a_page_names_exist(path: Path) -> None:
    linked = re.findall(r"\(settings\.md#(\w+)\)", path.read_text())
    flags = {name.replace("_", "-") for name in ServiceSettings.model_fields}
    assert set(linked) <= set(ServiceSettings.model_fields)
    shown = {name for text in re.findall(r"\[`([\w-]+)`\]\(settings\.md#", path.read_text()) for name in [text]}
    assert shown <= set(ServiceSettings.model_fields) | flags
