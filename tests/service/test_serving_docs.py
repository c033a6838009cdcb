"""docs/serving.md names what a server really exposes and takes."""

import asyncio
import os
import re
import sys
from pathlib import Path

import httpx
from fastapi import FastAPI

from tests.conftest import REPOSITORY
from tests.service.rpc_client import rpc_server

DOCUMENT = (REPOSITORY / "docs/serving.md").read_text()


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]


async def test_the_metrics_are_those_of_a_server(client: httpx.AsyncClient, photo: bytes) -> None:
    await client.post("/v1/pose", content=photo, headers={"Content-Type": "image/png"})
    await client.post("/v1/pose", content=b"x" * 300_001, headers={"Content-Type": "image/png"})
    text = (await client.get("/metrics")).text
    kinds = dict(re.findall(r"^# TYPE (fasterpose_\w+) (\w+)$", text, re.MULTILINE))
    exposed = {name for name, kind in kinds.items() if kind != "gauge" or not name.endswith("_created")}
    shown = re.search(r"<!-- metrics: tests.*?-->(.*?)<!-- metrics: end -->", DOCUMENT, re.DOTALL)
    assert shown
    table = {name.strip("`"): labels for name, labels, _ in rows(shown[1])}
    assert set(table) == exposed
    for name, labels in table.items():
        sample = re.search(rf"^{name}(?:_bucket|_count)?(?:{{([^}}]*)}})? ", text, re.MULTILINE)
        assert sample, name
        found = set(re.findall(r'(\w+)="', sample[1] or "")) - {"le"}
        assert found == set(labels.split(", ")) - {""}, name


async def test_the_grpc_client_runs(app: FastAPI, photo: bytes, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo)
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    async with rpc_server(app) as server:
        code = snippet.replace("localhost:8001", f"127.0.0.1:{server.port}")
        client = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
        printed, _ = await client.communicate()
    assert client.returncode == 0
    assert printed.decode().count("nose at (") == 4
