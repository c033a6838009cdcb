"""Videos through the whole command."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from service.predict import videos
from service.predict.asked import Wanted
from service.predict.command import Choices, predict
from service.settings import ServiceSettings, SettingsError
from service.video.reader import open_video
from tests.service.video.films import RATE, make_film


@pytest.fixture
def settings(bundles: tuple[Path, Path]) -> ServiceSettings:
    return ServiceSettings(model=str(bundles[0]), detector=str(bundles[1]), threads=1)


def lines_of(path: Path) -> list[dict[str, dict[str, object]]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_form_has_every_frame(tmp_path: Path, photo: bytes, settings: ServiceSettings) -> None:
    film = str(make_film(tmp_path / "film.mkv"))
    (tmp_path / "a.png").write_bytes(photo)
    wanted = Wanted(
        overlays=tmp_path / "drawn", coco=tmp_path / "c.json", jsonl=tmp_path / "a.jsonl", csv=tmp_path / "a.csv"
    )
    assert predict([film, str(tmp_path / "a.png")], wanted, Choices(), settings) == 0

    first, *frames = lines_of(tmp_path / "a.jsonl")
    assert first["image"]["id"] == str(tmp_path / "a.png")
    assert [line["image"]["id"] for line in frames] == [f"{film}#{i}" for i in range(12)]
    assert [line["image"]["time_s"] for line in frames] == pytest.approx([i / RATE for i in range(12)], abs=1e-3)
    assert {line["image"]["video"] for line in frames} == {film}
    tracks = [[result["track_id"] for result in line["results"]] for line in frames]  # type: ignore[index]
    assert all(len(ids) == 1 and int(ids[0]) >= 1 for ids in tracks)

    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [row["track_id"] for row in rows] == ["", *(str(ids[0]) for ids in tracks)]
    images = json.loads((tmp_path / "c.images.json").read_text())
    assert [image["id"] for image in images] == list(range(13))
    assert {result["image_id"] for result in json.loads((tmp_path / "c.json").read_text())} == set(range(13))

    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a.jpg", "film.mp4"]
    with open_video(str(tmp_path / "drawn/film.mp4")) as reader:
        assert len(list(reader.frames())) == 12


def test_frames_are_answered_for_themselves_without_tracking(tmp_path: Path, settings: ServiceSettings) -> None:
    film = str(make_film(tmp_path / "film.mp4", 5))
    choices = Choices(tracking=None, most_frames=3)
    assert predict([film], Wanted(jsonl=tmp_path / "a.jsonl"), choices, settings) == 0
    lines = lines_of(tmp_path / "a.jsonl")
    assert [line["image"]["frame"] for line in lines] == [0, 1, 2]
    assert not any("track_id" in result for line in lines for result in line["results"])


def test_a_video_that_breaks_off_is_named_after_its_frames_and_the_rest_goes_on(
    tmp_path: Path, settings: ServiceSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = make_film(tmp_path / "broken.mkv", 60)
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size * 6 // 10])
    good = make_film(tmp_path / "good.mp4", 3)
    sources = [str(tmp_path / "none.mp4"), str(broken), str(good)]
    assert predict(sources, Wanted(jsonl=tmp_path / "a.jsonl"), Choices(), settings) == 1
    lines = lines_of(tmp_path / "a.jsonl")
    failed = [line["image"]["id"] for line in lines if "error" in line["image"]]
    assert failed == sources[:2]
    assert sum(line["image"].get("video") == str(broken) for line in lines) > 5
    assert [line["image"].get("video") for line in lines[-3:]] == [str(good)] * 3
    printed = capsys.readouterr()
    assert "none.mp4: cannot be opened as a video" in printed.err
    assert f"{broken}: " in printed.err
    assert "frames of 1 videos, 2 failed" in printed.out


def test_boxes_of_images_do_not_go_with_a_video(tmp_path: Path, settings: ServiceSettings) -> None:
    (tmp_path / "boxes.json").write_text("[]")
    with pytest.raises(SettingsError, match="is a video"):
        predict(["a.mp4"], Wanted(boxes=tmp_path / "boxes.json"), Choices(), settings)


def test_a_drawn_video_that_cannot_be_written_is_named_with_exit_code_3(
    tmp_path: Path, settings: ServiceSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    film = make_film(tmp_path / "film.mkv", 3)
    (tmp_path / "drawn/film.mp4").mkdir(parents=True)
    assert predict([str(film)], Wanted(overlays=tmp_path / "drawn"), Choices(), settings) == 3
    assert "film.mp4" in capsys.readouterr().err


def test_a_fault_of_ours_costs_one_video(
    tmp_path: Path, settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    films = [str(make_film(tmp_path / name, 2)) for name in ("a.mp4", "b.mp4")]
    answer = videos.estimate_video

    def broken(source: str, *others: Any) -> Any:
        if source == films[0]:
            raise ZeroDivisionError
        return answer(source, *others)

    monkeypatch.setattr(videos, "estimate_video", broken)
    assert predict(films, Wanted(jsonl=tmp_path / "a.jsonl"), Choices(), settings) == 1
    first, *others = lines_of(tmp_path / "a.jsonl")
    assert first["image"]["error"]["status"] == 500  # type: ignore[index]
    assert len(others) == 2
    assert "ZeroDivisionError" in caplog.text


def test_frames_that_a_live_source_dropped_do_not_count(
    tmp_path: Path, settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = videos.estimate_video

    async def every_third(source: str, *others: Any) -> Any:
        async for frame in answer(source, *others):
            if frame.index % 3 == 0:
                yield frame

    monkeypatch.setattr(videos, "estimate_video", every_third)
    film = str(make_film(tmp_path / "film.mp4"))
    assert predict([film], Wanted(jsonl=tmp_path / "a.jsonl"), Choices(most_frames=3), settings) == 0
    assert [line["image"]["frame"] for line in lines_of(tmp_path / "a.jsonl")] == [0, 3, 6]


def test_the_password_of_a_stream_is_written_nowhere(
    tmp_path: Path, settings: ServiceSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = Wanted(jsonl=tmp_path / "a.jsonl", overlays=tmp_path / "drawn")
    assert predict(["rtsp://me:secret@127.0.0.1:1/film"], wanted, Choices(), settings) == 1
    (line,) = lines_of(tmp_path / "a.jsonl")
    assert line["image"]["id"] == "rtsp://127.0.0.1:1/film"
    printed = capsys.readouterr()
    assert "secret" not in printed.out + printed.err + (tmp_path / "a.jsonl").read_text()
    assert "Connection refused" in printed.err
