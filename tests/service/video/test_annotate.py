import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.pipeline import Pipeline
from service.video.annotate import VideoTargets, annotate_video
from service.video.errors import VideoWriteError
from service.video.estimate import VideoOptions
from service.video.reader import open_video
from tests.service.fakes import make_pipeline
from tests.service.video.films import RATE, make_film, picture


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    pipeline = make_pipeline()
    yield pipeline
    pipeline.close()


async def test_a_drawn_video_and_a_line_a_frame_are_written(tmp_path: Path, pipeline: Pipeline) -> None:
    film, targets = make_film(tmp_path / "a.mp4"), VideoTargets(tmp_path / "drawn.mp4", tmp_path / "a.jsonl")
    account = await annotate_video(str(film), pipeline, VideoOptions(), targets)
    assert (account.frames, account.track_ids, account.broken) == (12, {1, 2}, None)

    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [(line["frame"], line["width"], line["height"]) for line in lines] == [(i, 320, 240) for i in range(12)]
    assert [line["time_s"] for line in lines] == pytest.approx([i / RATE for i in range(12)], abs=1e-4)
    assert {tuple(sorted(result["track_id"] for result in line["results"])) for line in lines} == {(1, 2)}

    with open_video(str(tmp_path / "drawn.mp4")) as reader:
        drawn = list(reader.frames())
    assert len(drawn) == 12
    assert np.abs(drawn[3].pixels.astype(int) - picture(3)).max() > 100  # something is drawn on it
    assert np.abs(drawn[3].pixels[:40, :10].astype(int) - picture(3)[:40, :10]).mean() < 4


async def test_a_broken_video_leaves_what_came_before(tmp_path: Path, pipeline: Pipeline) -> None:
    film, targets = make_film(tmp_path / "a.mkv", 60), VideoTargets(tmp_path / "drawn.mp4", tmp_path / "a.jsonl")
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 6 // 10])
    account = await annotate_video(str(film), pipeline, VideoOptions(), targets)
    assert account.broken is not None
    assert account.frames > 5
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == account.frames
    with open_video(str(tmp_path / "drawn.mp4")) as reader:
        assert len(list(reader.frames())) == account.frames


@pytest.mark.parametrize("targets", ["drawn", "lines"])
async def test_a_target_that_cannot_be_written_is_named(tmp_path: Path, pipeline: Pipeline, targets: str) -> None:
    film, gone = make_film(tmp_path / "a.mp4", 3), tmp_path / "none" / "x.mp4"
    with pytest.raises(VideoWriteError, match=r"none/x\.mp4"):
        await annotate_video(str(film), pipeline, VideoOptions(), VideoTargets(**{targets: gone}))
