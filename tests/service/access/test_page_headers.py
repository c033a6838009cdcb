"""What browsers are told about pages, and about everything else."""

import base64
import hashlib
import re
from importlib import resources

import httpx
import pytest

from tests.service.http_client import PNG

STATIC = resources.files("service") / "static"


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/v1/models", "/healthz", "/metrics", "/docs", "/nowhere"])
async def test_no_answer_is_guessed_at_or_tells_where_it_was_linked_from(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


async def test_a_pose_has_them_too(client: httpx.AsyncClient, photo: bytes) -> None:
    headers = (await client.post("/v1/pose", content=photo, headers=PNG)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]


async def test_the_page_runs_its_own_scripts_only_and_in_no_frame(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/")).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"


def test_the_page_has_nothing_that_its_policy_forbids() -> None:
    page = (STATIC / "index.html").read_text()
    assert not re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert not [script for script in re.findall(r"<script[^>]*>", page) if "src=" not in script]
    scripts = [entry for entry in STATIC.iterdir() if entry.name.endswith(".js")]
    assert scripts
    for script in scripts:
        forbidden = r"\beval\(|new Function|setAttribute\(\s*[\"']style|\.innerHTML\s*="
        assert not re.findall(forbidden, script.read_text()), script.name


async def test_the_description_runs_its_one_inline_script_by_its_hash(client: httpx.AsyncClient) -> None:
    response = await client.get("/docs")
    (script,) = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = response.headers["content-security-policy"]
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "frame-ancestors 'none'" in policy
