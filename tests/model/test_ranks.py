"""One training on two processes, as torchrun starts them, over gloo."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from rich.console import Console
from torch import nn

from model.config import read_recipe
from model.metrics_file import METRICS
from model.ranks import ALONE, join_ranks
from model.train import LAST, WEIGHTS, TrainingOptions, train
from tests.model.narrow import use_narrow_trunks


def losses(run: Path) -> list[float]:
    entries = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    return [entry["loss"] for entry in entries if "loss" in entry]


def on_two_processes(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    command = [*torchrun, "-m", "tests.model.narrow_cli", "train", *map(str, arguments), "--workers", "0"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_two_processes_learn_as_one_does(
    data: Path, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps an epoch: eight samples, four each, and the last four, two each."""
    recipe_file.write_text(recipe_file.read_text().replace("batch_size = 4", "batch_size = 8"))
    files = ("--recipe", recipe_file, "--data", data, "--output", tmp_path / "two", "--threads", "1")
    ended = on_two_processes(*files, "--sync-batch-norm")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("ap/AP ") == 4  # one of them prints
    use_narrow_trunks(monkeypatch)
    train(read_recipe(recipe_file), TrainingOptions(data, tmp_path / "one", workers=0, threads=1), Console(quiet=True))
    assert len(losses(tmp_path / "two")) == 8
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-3)
    assert (tmp_path / "two" / LAST).is_file()
    assert (tmp_path / "two" / WEIGHTS).is_file()


def test_a_process_alone_adds_nothing() -> None:
    assert join_ranks("cpu") == ALONE
    assert ALONE.leads
    assert ALONE.highest(7) == 7
    assert ALONE.sum(torch.ones(2)).tolist() == [1, 1]
    layer = nn.Linear(1, 1)
    ALONE.sum_gradients(layer.parameters())
    assert layer.weight.grad is None
