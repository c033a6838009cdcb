"""`model/zoo/ZOO.md`: what was measured of the embedded bundles, read from their specs. `make zoo-page` writes it."""

import json
from typing import Any

from service.zoo import TIERS, embedded_bundles, zoo_folder

PAGE = "ZOO.md"
INTRODUCTION = """# The embedded bundles

Written by `make zoo-page` from the `spec.json` of each bundle; `fasterpose measure --write` and `fasterpose detector
evaluate --write` measure the figures again. **AP is that of small subsets and not comparable with published val2017
figures.** Times are the best of 30 calls with OpenVINO on an otherwise idle machine.
"""
SIZES = ("AP", "AP50", "AP75", "AP_M", "AP_L", "AR")


def zoo_page() -> str:
    """The page, Markdown."""
    specs = [_read(name) for name in embedded_bundles()]
    poses = [spec for spec in specs if spec["kind"] == "pose"]
    detectors = [spec for spec in specs if spec["kind"] == "detector"]
    return "\n".join([INTRODUCTION, *map(_pose_section, poses), *map(_detector_section, detectors)])


def _read(name: str) -> dict[str, Any]:
    return json.loads((zoo_folder() / name / "spec.json").read_text())


def _pose_section(spec: dict[str, Any]) -> str:
    facts = spec["provenance"]
    measured = facts["training"]["measured"]
    width, height = spec["codec"]["input_size"]
    tiers = [tier for tier, name in TIERS.items() if name == facts["name"]]
    title = f"## {facts['name']} {facts['version']}" + "".join(f" · `--model {tier}`" for tier in tiers)
    summary = (
        f"{facts['architecture']}, input {width}x{height}, {measured['parameters']:,} parameters, "
        f"{measured['gmacs']} x 10^9 multiply-adds a crop."
    )
    header = ["precision", *SIZES, "AP, detected boxes", "PCK@0.2, LSPet", "ms, 1 crop", "ms, 4 crops"]
    rows = [_pose_row(precision, figures, measured) for precision, figures in facts["accuracy"].items()]
    threads = measured["threads"] or "all"
    timed = f"Timed with {threads} threads of {measured['processor']}; boxes detected by {measured['detector']}."
    return "\n\n".join([title, summary, _table(header, rows), timed, _history(spec)]) + "\n"


def _pose_row(precision: str, figures: dict[str, float], measured: dict[str, Any]) -> list[str]:
    times = measured["milliseconds"].get(precision, {})
    detected = measured["on_detections"].get(precision, {})
    return [
        precision,
        *(_figure(figures.get(name)) for name in SIZES),
        _figure(detected.get("AP")),
        _figure(figures.get("lspet/PCK@0.2")),
        *(_figure(times.get(count), 2) for count in ("1", "4")),
    ]


def _detector_section(spec: dict[str, Any]) -> str:
    facts = spec["provenance"]
    width, height = spec["input_size"]
    figures = list(next(iter(facts["accuracy"].values())))
    rows = [
        [precision, *(_figure(values.get(name)) for name in figures)] for precision, values in facts["accuracy"].items()
    ]
    title = f"## {facts['name']} {facts['version']}"
    summary = f"{facts['architecture']}, images within {width}x{height}."
    return "\n\n".join([title, summary, _table(["precision", *figures], rows), _history(spec)]) + "\n"


def _history(spec: dict[str, Any]) -> str:
    """Where the weights come from: every free fact that is a text, the hours, and the files' hashes."""
    facts = spec["provenance"]
    told = {key: value for key, value in facts["training"].items() if isinstance(value, str | int | float)}
    lines = [f"licence: {facts['licence']}", *(f"{key.replace('_', ' ')}: {value}" for key, value in told.items())]
    hashes = [f"sha256 of {name}: `{value}`" for name, value in facts["files"].items()]
    return "\n".join(f"- {line}" for line in [*lines, *hashes])


def _table(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])


def _figure(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def main() -> None:
    """Write the page."""
    (zoo_folder() / PAGE).write_text(zoo_page())


if __name__ == "__main__":
    main()
