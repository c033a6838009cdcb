"""Whole jobs, as a user runs them, and killed as a machine kills them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.app import create_app
from service.batch.answers import Answer, Answered, Event, Ready
from service.batch.crew import CrewError
from service.batch.job import BatchJob, run_batch
from service.settings import ServiceSettings, SettingsError
from tests.service.conftest import connect, encode

KILLS = int(os.environ.get("FASTERPOSE_KILLS", "3"))
"""`make test-batch-kill` tries more."""

Running = subprocess.Popen[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty noisy pictures, one of them cut off."""
    folder, noise = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for i in range(40):
        (folder / f"{i:02}.png").write_bytes(encode(noise.integers(0, 255, (240, 320, 3), dtype=np.uint8)))
    (folder / "07.png").write_bytes((folder / "07.png").read_bytes()[:500])
    return folder


@pytest.fixture
def command(folder: Path, bundles: tuple[Path, Path]) -> list[str]:
    """A job whose results stand beside the folder."""
    networks = ["--model", str(bundles[0]), "--detector", str(bundles[1])]
    files = ["--input", str(folder), "--output", str(folder.parent / "out.jsonl")]
    return [sys.executable, "-m", "service.cli", "batch", *files, *networks]


def start(command: list[str]) -> Running:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(command: list[str]) -> tuple[int, str]:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def lines_of(output: Path) -> list[dict[str, dict[str, object]]]:
    return [json.loads(line) for line in output.read_text().splitlines()]


def wait_for_lines(process: Running, output: Path, count: int) -> None:
    """Until the file has so many lines, or the job has ended."""
    while process.poll() is None and (not output.exists() or output.read_bytes().count(b"\n") < count):
        time.sleep(0.002)  # what it waits for happens in another process


def children_of(process: Running) -> list[Path]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [Path("/proc") / child / "stat" for child in children]


def is_alive(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"  # who inherits orphans may let them wait
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_job_killed_again_and_again_has_one_line_for_every_image(command: list[str], folder: Path) -> None:
    output, draw = folder.parent / "out.jsonl", random.Random(0)
    workers: list[Path] = []
    for kill in range(KILLS):
        process = start([*command, "--workers", "2"])
        before = output.read_bytes().count(b"\n") if output.exists() else 0
        wait_for_lines(process, output, before + draw.randint(0, max(1, 60 // KILLS - kill % 2)))
        if process.poll() is None:
            workers += children_of(process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    code, said = finish([*command, "--workers", "3"])
    assert code == 1, said  # one picture is cut off
    assert sorted(str(line["image"]["id"]) for line in lines_of(output)) == sorted(
        str(path) for path in folder.iterdir()
    )
    assert "out.jsonl has 40 of 40 images, 1 of them errors" in said
    end = time.monotonic() + 60
    while any(is_alive(worker) for worker in workers):
        assert time.monotonic() < end, "workers outlive their job"
        time.sleep(0.01)


def test_a_job_that_is_done_is_not_done_again(command: list[str], folder: Path) -> None:
    code, said = finish(command)
    assert (code, "40 images, " in said, "worker 0: " in said) == (1, True, True), said
    written = (folder.parent / "out.jsonl").read_bytes()
    code, said = finish(command)
    assert (code, said) == (1, f"{folder.parent}/out.jsonl has 40 of 40 images, 1 of them errors\n")
    assert (folder.parent / "out.jsonl").read_bytes() == written
    (folder / "07.png").write_bytes((folder / "08.png").read_bytes())
    code, said = finish([*command, "--retry-errors"])
    assert (code, "out.jsonl has 40 of 40 images, 0 of them errors" in said) == (0, True), said


def test_sigterm_writes_what_is_under_way_and_says_how_to_go_on(command: list[str], folder: Path) -> None:
    for name in range(40, 400):
        (folder / f"{name}.png").symlink_to(folder / "00.png")
    process = start(command)
    wait_for_lines(process, folder.parent / "out.jsonl", 5)
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate()
    assert process.returncode == 143, errors
    left = 400 - len(lines_of(folder.parent / "out.jsonl"))
    assert 0 < left < 396
    assert f"{left} images are left: the same command goes on" in said
    assert finish(command)[0] == 1
    assert len(lines_of(folder.parent / "out.jsonl")) == 400


async def test_the_answers_are_those_of_a_server_with_the_same_networks(
    command: list[str], folder: Path, bundles: tuple[Path, Path]
) -> None:
    assert finish(command)[0] == 1
    app = create_app(ServiceSettings(model=str(bundles[0]), detector=str(bundles[1]), threads=1))
    async with app.router.lifespan_context(app), connect(app) as client:
        await app.state.loading
        for line in lines_of(folder.parent / "out.jsonl"):
            served = await ask(client, str(line["image"]["id"]))
            assert line.items() <= served.items() or line["image"]["error"].items() <= served.items()  # type: ignore[attr-defined]


async def ask(client: httpx.AsyncClient, path: str) -> dict[str, object]:
    """A server's answer, its only image under the name that it has in a line."""
    answer = await client.post("/v1/pose", params={"image_id": path}, content=Path(path).read_bytes())
    served = answer.json()
    return served | {"image": served["images"][0]} if "images" in served else served


class Script:
    """An engine that does what a test has written down."""

    def __init__(self, *events: Event | Exception) -> None:
        self._events = events

    def answers(self, images: Iterable[str]) -> Iterator[Event]:  # noqa: ARG002 - an engine's method
        for event in self._events:
            if isinstance(event, Exception):
                raise event
            yield event

    def stop(self) -> None:
        raise AssertionError("nobody sent a signal")


READY = Ready("worker 0", {"model": {"name": "a"}})


def answered(image: str) -> Answered:
    return Answered("worker 0", Answer(image, json.dumps({"image": {"id": image}, "results": []}).encode(), 0, False))


@pytest.fixture
def job(tmp_path: Path) -> BatchJob:
    (tmp_path / "list.txt").write_text("a.jpg\nb.jpg\n")
    return BatchJob([str(tmp_path / "list.txt")], tmp_path / "out.jsonl")


def test_workers_that_give_up_are_exit_code_3_and_lose_nothing(
    job: BatchJob, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_batch(job, Script(READY, answered("a.jpg"), CrewError("worker 0 ended"))) == 3
    printed = capsys.readouterr()
    assert "worker 0 ended; the same command goes on from here" in printed.err
    assert "1 images are left" in printed.out
    assert run_batch(job, Script(READY, answered("b.jpg"))) == 0
    assert [line["image"]["id"] for line in lines_of(job.output)] == ["a.jpg", "b.jpg"]


def test_a_full_disk_is_exit_code_3(job: BatchJob, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_batch(job, Script(READY, OSError(28, "No space left on device"))) == 3
    assert "cannot be written: No space left on device" in capsys.readouterr().err


def test_an_answer_that_comes_twice_is_written_once(job: BatchJob) -> None:
    assert run_batch(job, Script(READY, answered("a.jpg"), answered("a.jpg"), answered("b.jpg"))) == 0
    assert len(lines_of(job.output)) == 2


def test_other_networks_do_not_go_on_with_a_job(job: BatchJob) -> None:
    run_batch(job, Script(READY, answered("a.jpg")))
    with pytest.raises(SettingsError, match="begun with model name 'a', and now it is 'b'"):
        run_batch(job, Script(Ready("worker 0", {"model": {"name": "b"}}), answered("b.jpg")))


def test_no_image_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no --input holds an image"):
        run_batch(BatchJob([str(tmp_path)], tmp_path / "out.jsonl"), Script())
    assert not (tmp_path / "out.jsonl").exists()
