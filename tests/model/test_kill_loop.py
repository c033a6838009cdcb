"""Runs that are killed at random moments: FASTERPOSE_KILLS=200 make test-kill tries more of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from rich.console import Console
from safetensors.torch import load_file

from model.metrics_file import METRICS
from model.train import WEIGHTS, train
from tests.model.kill_loop import prepare
from tests.model.narrow import use_narrow_trunks

KILLS = os.environ.get("FASTERPOSE_KILLS", "10")


def test_a_run_killed_again_and_again_ends_as_one_that_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    whole.mkdir()
    command = [sys.executable, "-m", "tests.model.kill_loop", str(killed), KILLS]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("in the checkpoint") == int(KILLS)
    use_narrow_trunks(monkeypatch)
    recipe, options = prepare(whole)
    threads = torch.get_num_threads()
    train(recipe, options, Console(quiet=True))
    torch.set_num_threads(threads)
    weights = load_file(killed / "run" / WEIGHTS)
    expected = load_file(whole / "run" / WEIGHTS)
    assert all(torch.equal(value, weights[name]) for name, value in expected.items())
    assert len((killed / "run" / METRICS).read_text().splitlines()) == 30 * 3 + 30
