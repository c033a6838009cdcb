"""metrics.jsonl: a line for every optimiser step and every validation of a run."""

import json
from pathlib import Path

from model.checkpoint import Progress
from model.whole_file import write_whole

METRICS = "metrics.jsonl"

Entry = dict[str, float]


def append_metrics(folder: Path, entry: Entry) -> None:
    """Write one more line."""
    with (folder / METRICS).open("a") as file:
        file.write(json.dumps(entry) + "\n")


def forget_metrics_after(folder: Path, progress: Progress) -> None:
    """Drop what was written after the checkpoint of `progress`, for a resumed run writes it again."""
    path = folder / METRICS
    if not path.is_file():
        return
    kept = [line for line in path.read_text().splitlines() if _is_within(line, progress)]
    write_whole(path, "".join(f"{line}\n" for line in kept).encode())


def _is_within(line: str, progress: Progress) -> bool:
    try:
        entry: Entry = json.loads(line)
    except ValueError:  # a line cut short by a kill
        return False
    return entry["step"] <= progress.step and entry.get("epoch", 0) <= progress.epoch
