import json
import os
from pathlib import Path

import httpx
import pytest

from model.contract.image import ImageLimits
from service import file_answers
from service.batch.answers import answer_image
from service.errors import OverloadedError
from service.jobs import ImageJob, ImageResult, PoseOptions
from service.pipeline import Pipeline
from tests.service.fakes import make_pipeline


async def line_of(path: Path, pipeline: Pipeline | None = None) -> dict[str, object]:
    pipeline = pipeline or make_pipeline(ImageLimits(max_bytes=300_000, max_pixels=200_000))
    answer = await answer_image(pipeline, str(path), PoseOptions())
    pipeline.close()
    line = json.loads(answer.line)
    assert line["image"]["id"] == answer.image == str(path)
    assert answer.failed == ("error" in line["image"])
    assert answer.people == len(line["results"])
    return line


async def test_a_photograph_is_answered_as_by_the_server(
    client: httpx.AsyncClient, photo: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(photo)
    served = (await client.post("/v1/pose", params={"image_id": str(path)}, content=photo)).json()
    line = await line_of(path)
    assert len(served["results"]) == 2
    assert line == {"image": served["images"][0], "results": served["results"]}


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"x" * 300_001], ids=len)
async def test_a_bad_file_has_the_error_of_the_server(
    client: httpx.AsyncClient, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    images = [("image", ("a", content)), ("image", ("b", content))]  # of several images, each has its own error
    served = (await client.post("/v1/pose", files=images)).json()
    expected = served["images"][0]["error"] if "images" in served else served
    error = (await line_of(path))["image"]["error"]  # type: ignore[index]
    assert (error["type"], error["status"]) == (expected["type"], expected["status"])


async def test_a_truncated_photograph_is_told_in_the_words_of_the_server(
    client: httpx.AsyncClient, photo: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(photo[:200])
    problem = (await client.post("/v1/pose", content=photo[:200], headers={"Content-Type": "image/png"})).json()
    del problem["request_id"]
    assert await line_of(path) == {"image": {"id": str(path), "error": problem}, "results": []}


async def test_a_path_without_a_file_is_an_error_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, detail in (
        (tmp_path / "none.png", "No such file"),
        (tmp_path, "no regular file"),
        (tmp_path / "pipe", "no regular file"),
    ):
        error = (await line_of(path))["image"]["error"]  # type: ignore[index]
        assert error["type"] == "urn:fasterpose:problem:unreadable-file"
        assert detail in error["detail"]


async def test_a_full_line_is_waited_for(photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(photo)
    pipeline, calls = make_pipeline(), 0
    run = pipeline.run

    async def full_twice(job: ImageJob, options: PoseOptions, keep_pixels: bool = False) -> ImageResult:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise OverloadedError("full")
        return await run(job, options, keep_pixels)

    monkeypatch.setattr(pipeline, "run", full_twice)
    monkeypatch.setattr(file_answers, "PAUSE_S", 0)
    assert len((await line_of(tmp_path / "a.png", pipeline))["results"]) == 2  # type: ignore[arg-type]
    assert calls == 3


async def test_a_fault_of_ours_costs_one_image(
    photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.png").write_bytes(photo)
    pipeline = make_pipeline()

    async def broken(*_: object) -> ImageResult:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "run", broken)
    error = (await line_of(tmp_path / "a.png", pipeline))["image"]["error"]  # type: ignore[index]
    assert error["status"] == 500
    assert "ZeroDivisionError" in caplog.text
