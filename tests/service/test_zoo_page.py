import json
from pathlib import Path
from typing import Any

import pytest

from service import zoo, zoo_page
from service.zoo import zoo_folder


def write_bundle(folder: Path, spec: dict[str, Any]) -> None:
    (folder / spec["provenance"]["name"]).mkdir()
    (folder / spec["provenance"]["name"] / "spec.json").write_text(json.dumps(spec))


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page of a zoo of one pose bundle and one detector."""
    measured = {
        "parameters": 1234567,
        "gmacs": 0.5,
        "milliseconds": {"fp32": {"1": 2.5, "4": 8.25}},
        "processor": "a CPU",
        "threads": 0,
        "on_detections": {"fp32": {"AP": 0.25}},
        "detector": "finder 2, fp32",
    }
    pose = {
        "name": "swift",
        "version": "1.2",
        "architecture": "fasterpose-x",
        "licence": "MIT",
        "training": {"data": "drawn", "hours": 2.5, "recipe": {"seed": 1}, "measured": measured},
        "accuracy": {"fp32": {"AP": 0.31249, "lspet/PCK@0.2": 0.5}},
        "files": {"model.onnx": "abc"},
    }
    finder = pose | {"name": "finder", "training": {"data": "boxes"}, "accuracy": {"int8": {"recall@0.3": 0.75}}}
    write_bundle(tmp_path, {"kind": "pose", "codec": {"input_size": [192, 256]}, "provenance": pose})
    write_bundle(tmp_path, {"kind": "detector", "input_size": [640, 384], "provenance": finder})
    monkeypatch.setattr(zoo, "zoo_folder", lambda: tmp_path)
    monkeypatch.setattr(zoo_page, "zoo_folder", lambda: tmp_path)
    monkeypatch.setattr(zoo_page, "TIERS", {"fast": "swift"})
    return zoo_page.zoo_page()


def test_the_page_tells_what_the_specs_hold(page: str) -> None:
    assert "## swift 1.2 · `--model fast`" in page
    assert "fasterpose-x, input 192x256, 1,234,567 parameters, 0.5 x 10^9 multiply-adds a crop." in page
    assert "| fp32 | 0.312 | - | - | - | - | - | 0.250 | 0.500 | 2.50 | 8.25 |" in page
    assert "Timed with all threads of a CPU; boxes detected by finder 2, fp32." in page
    assert "- data: drawn\n- hours: 2.5\n- sha256 of model.onnx: `abc`" in page
    assert "seed" not in page


def test_a_detector_has_its_own_figures(page: str) -> None:
    assert "| precision | recall@0.3 |\n| --- | --- |\n| int8 | 0.750 |" in page


def test_the_page_in_the_repository_is_current() -> None:
    assert (zoo_folder() / zoo_page.PAGE).read_text() == zoo_page.zoo_page()
