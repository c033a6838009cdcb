"""One training on two processes, as torchrun starts them, over gloo."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from rich.console import Console

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


def test_two_nodes_learn_as_one_process_does_and_go_on_from_a_shared_checkpoint(
    data: Path, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two torchruns that meet on loopback, one process each; two epochs, then two more from the first node's file."""
    recipe_file.write_text(recipe_file.read_text().replace("batch_size = 4", "batch_size = 8"))
    half = tmp_path / "half" / recipe_file.name
    half.parent.mkdir()
    half.write_text(recipe_file.read_text().replace("epochs = 4", "epochs = 2"))
    options = ("--data", data, "--output", tmp_path / "two", "--threads", "1", "--sync-batch-norm")
    for files in (("--recipe", half), ("--recipe", recipe_file, "--resume")):
        nodes = on_two_nodes(*files, *options)
        assert [node.returncode for node in nodes] == [0, 0], "".join(node.stderr for node in nodes)
        assert sum("ap/AP " in node.stdout for node in nodes) == 1  # one of them validates
    use_narrow_trunks(monkeypatch)
    train(read_recipe(recipe_file), TrainingOptions(data, tmp_path / "one", workers=0, threads=1), Console(quiet=True))
    assert len(losses(tmp_path / "two")) == 8
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-3)


def on_two_nodes(*arguments: str | Path) -> list[subprocess.CompletedProcess[str]]:
    """Both at once, as two machines would; the store of the rendezvous is on whichever comes first."""
    place = ("--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}", "--rdzv-id", "test")
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", *place)
    command = [*torchrun, "-m", "tests.model.narrow_cli", "train", *map(str, arguments), "--workers", "0"]
    nodes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [node.communicate() for node in nodes]
    return [
        subprocess.CompletedProcess(command, node.returncode, out, err)
        for node, (out, err) in zip(nodes, told, strict=True)
    ]


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]
