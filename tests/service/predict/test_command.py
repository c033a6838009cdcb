"""The whole command, in this process and as a user calls it."""

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from service.jobs import PoseOptions
from service.pipeline import Pipeline
from service.predict import photos
from service.predict.asked import Wanted
from service.predict.command import Choices, predict
from service.predict.entry import Entry
from service.predict.outputs import Outputs
from service.settings import ServiceSettings, SettingsError
from tests.service.conftest import load_truth

COMMAND = [sys.executable, "-m", "service.cli", "predict"]


@pytest.fixture
def settings(bundles: tuple[Path, Path]) -> ServiceSettings:
    return ServiceSettings(model=str(bundles[0]), detector=str(bundles[1]), threads=1)


@pytest.fixture
def flags(bundles: tuple[Path, Path]) -> list[str]:
    return ["--model", str(bundles[0]), "--detector", str(bundles[1]), "--threads", "1"]


def run(arguments: list[str], stdin: bytes = b"") -> tuple[int, bytes, str]:
    ended = subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, check=False, timeout=120)
    return ended.returncode, ended.stdout, ended.stderr.decode()


def test_overlays_results_and_images_are_written(
    tmp_path: Path, photo: bytes, settings: ServiceSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "a.png", tmp_path / "bad.png", tmp_path / "none.png", tmp_path / "b.png"]
    for path in (files[0], files[3]):
        path.write_bytes(photo)
    files[1].write_bytes(photo[:200])
    out = tmp_path / "out"
    assert predict([str(path) for path in files], Wanted(out=out), Choices(), settings) == 1
    printed = capsys.readouterr()
    assert "2 people in 2 images, 2 failed" in printed.out
    assert "bad.png: " in printed.err
    assert "none.png: The file cannot be read: No such file" in printed.err

    images = json.loads((out / "images.json").read_text())
    assert [(image["id"], image["overlay"], image["width"]) for image in images] == [
        (0, "a.jpg", 320),
        (3, "b.jpg", 320),
    ]
    overlay = cv2.imread(str(out / "a.jpg"))
    assert overlay is not None
    assert overlay.shape == (240, 320, 3)
    results = json.loads((out / "results.json").read_text())
    assert [result["image_id"] for result in results] == [0, 3]
    assert "bbox" not in results[0]
    assert len(load_truth(tmp_path, images).loadRes(results).anns) == 2


def test_every_form_has_the_same_people_and_no_image_is_missing(
    tmp_path: Path, photo: bytes, settings: ServiceSettings
) -> None:
    (tmp_path / "a.png").write_bytes(photo)
    (tmp_path / "bad.png").write_bytes(b"no image")
    wanted = Wanted(
        overlays=tmp_path / "drawn",
        coco=tmp_path / "deep" / "coco.json",
        jsonl=tmp_path / "a.jsonl",
        csv=tmp_path / "a.csv",
    )
    assert predict([str(tmp_path)], wanted, Choices(), settings) == 1
    coco = json.loads((tmp_path / "deep" / "coco.json").read_text())
    assert [image["id"] for image in json.loads((tmp_path / "deep" / "coco.images.json").read_text())] == [0]
    good, bad = (json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines())
    assert [person["keypoints"] for person in good["results"]] == [person["keypoints"] for person in coco]
    assert bad["image"]["id"] == str(tmp_path / "bad.png")
    assert bad["image"]["error"]["status"] == 415
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [row["error"] != "" for row in rows] == [False, True]
    assert [float(rows[0][f"nose_{part}"]) for part in ("x", "y", "score")] == coco[0]["keypoints"][:3]
    assert float(rows[0]["box_height"]) == good["results"][0]["bbox"][3]
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == ["a.jpg"]


def test_an_image_with_nobody_in_it_keeps_its_place(tmp_path: Path, photo: bytes, settings: ServiceSettings) -> None:
    (tmp_path / "a.png").write_bytes(photo)
    wanted = Wanted(csv=tmp_path / "a.csv", jsonl=tmp_path / "a.jsonl")
    assert predict([str(tmp_path / "a.png")], wanted, Choices(PoseOptions(person_threshold=0.95)), settings) == 0
    (row,) = csv.DictReader((tmp_path / "a.csv").open())
    assert (row["width"], row["person"], row["nose_x"]) == ("320", "", "")
    assert json.loads((tmp_path / "a.jsonl").read_text())["results"] == []


def test_given_boxes_are_answered_instead_of_the_detectors(
    tmp_path: Path, photo: bytes, settings: ServiceSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "000000000139.png").write_bytes(photo)
    (tmp_path / "000000000140.png").write_bytes(photo)
    boxes = [
        {"image_id": 139, "category_id": 1, "bbox": [220, 80, 40, 120], "score": 0.5},
        {"image_id": 139, "category_id": 1, "bbox": [40, 60, 60, 140], "score": 0.1},
        {"image_id": 7, "category_id": 1, "bbox": [40, 60, 60, 140], "score": 0.9},
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    wanted = Wanted(jsonl=tmp_path / "a.jsonl", boxes=tmp_path / "boxes.json")
    assert predict([f"{tmp_path}/*.png"], wanted, Choices(), settings) == 0
    first, second = (json.loads(line)["results"] for line in (tmp_path / "a.jsonl").read_text().splitlines())
    assert [(person["bbox"], person["bbox_score"]) for person in first] == [([220, 80, 40, 120], 0.5)]
    assert second == []
    said = capsys.readouterr().err
    assert "1 images have no boxes in" in said
    assert "1 images have boxes in" in said


def test_coco_results_have_the_ids_of_the_annotations(tmp_path: Path, photo: bytes, settings: ServiceSettings) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(photo)
    images = [{"id": 70, "file_name": "a.png"}, {"id": 60, "file_name": "b.png"}]
    person = {"image_id": 60, "category_id": 1, "bbox": [40, 60, 60, 140]}
    (tmp_path / "truth.json").write_text(json.dumps({"images": images, "annotations": [person]}))
    wanted = Wanted(coco=tmp_path / "coco.json", boxes=tmp_path / "truth.json")
    assert predict([f"{tmp_path}/*.png"], wanted, Choices(), settings) == 0
    assert [result["image_id"] for result in json.loads((tmp_path / "coco.json").read_text())] == [60]
    assert [image["id"] for image in json.loads((tmp_path / "coco.images.json").read_text())] == [70, 60]


@pytest.mark.parametrize("wanted", [Wanted(out=Path()), Wanted(overlays=Path()), Wanted(coco=Path("a.jpg"))])
def test_what_is_read_is_never_written_over(
    tmp_path: Path, settings: ServiceSettings, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="written over"):
        predict(["a.jpg"], wanted, Choices(), settings)


def test_stdin_is_answered_on_stdout(photo: bytes, flags: list[str]) -> None:
    code, out, said = run(["-", *flags], photo)
    assert code == 0, said
    line = json.loads(out)
    assert line["image"] == {"id": "-", "width": 320, "height": 240}
    assert len(line["results"]) == 1
    assert "1 people in 1 images" in said


def test_stdin_is_drawn_on_stdout(photo: bytes, flags: list[str]) -> None:
    code, out, said = run(["-", "--overlays", "-", *flags], photo)
    assert code == 0, said
    drawn = cv2.imdecode(np.frombuffer(out, np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert drawn.shape == (240, 320, 3)


def test_a_table_goes_through_a_pipe(tmp_path: Path, photo: bytes, flags: list[str]) -> None:
    (tmp_path / "a.png").write_bytes(photo)
    code, out, said = run([str(tmp_path / "a.png"), "--csv", "-", *flags])
    assert code == 0, said
    assert [row["person"] for row in csv.DictReader(io.StringIO(out.decode()))] == ["1"]


def test_a_reader_that_goes_ends_the_command_without_a_word(tmp_path: Path, photo: bytes, flags: list[str]) -> None:
    for i in range(40):
        (tmp_path / f"{i}.png").write_bytes(photo)
    with subprocess.Popen([*COMMAND, str(tmp_path), *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait(60) == 141
    assert said == ""


def test_a_full_disk_is_named_with_exit_code_3(photo: bytes, flags: list[str]) -> None:
    code, _, said = run(["-", "--jsonl", "/dev/full", *flags], photo)
    assert code == 3
    assert "an output cannot be written" in said
    assert "No space left on device" in said


def test_what_is_under_way_is_written_when_a_signal_comes(
    tmp_path: Path, photo: bytes, settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(5):
        (tmp_path / f"{i}.png").write_bytes(photo)
    write = Outputs.write

    def interrupted(self: Outputs, entry: Entry) -> None:
        write(self, entry)
        if entry.image_id == 0:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Outputs, "write", interrupted)

    def two_at_once(_: Pipeline) -> int:
        return 2

    monkeypatch.setattr(photos, "images_at_once", two_at_once)
    wanted = Wanted(coco=tmp_path / "coco.json")
    assert predict([str(tmp_path)], wanted, Choices(), settings) == 143
    answered = json.loads((tmp_path / "coco.images.json").read_text())
    assert 1 <= len(answered) < 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--jsonl", "-", "--csv", "-"], "stdout (-) is named for two outputs"),
        (["--out", "-"], "--out is a folder"),
        (["--out", "x", "--overlays", "y"], "--out holds overlays already"),
        (["--boxes", "none.json"], "--boxes none.json cannot be read"),
        (["--jsonl", "a.jsonl", "--max-persons", "0"], "max-persons"),
    ],
)
def test_a_wrong_command_is_told_with_exit_code_2(arguments: list[str], sentence: str) -> None:
    code, out, said = run(["a.jpg", *arguments])
    assert (code, out) == (2, b"")
    assert sentence in said
    assert "Traceback" not in said


def test_the_help_has_the_exit_codes() -> None:
    _, text, _ = run(["--help"])
    words = " ".join(text.decode().split())
    assert "0 all images are answered; 1 some are not; 2 " in words
