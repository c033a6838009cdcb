"""Trains the tiny recipe in child processes that are killed (SIGKILL) at random moments; see test_kill_loop.

    python -m tests.model.kill_loop FOLDER KILLS

A process of its own, because a child that is forked off after torch has computed may hang in its threads.
"""

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from model.checkpoint import load_checkpoint
from model.config import Recipe, read_recipe
from model.metrics_file import METRICS
from model.train import LAST, TrainingOptions, train
from tests.model import drawn
from tests.model.narrow import use_narrow_trunks

INTERVAL = 3
EPOCHS = 30


def main(folder: Path, kills: int) -> None:
    use_narrow_trunks(pytest.MonkeyPatch())
    recipe, options = prepare(folder)
    draw, seen = random.Random(0), 0
    for number in range(kills):
        child = start(recipe, options)
        time.sleep(draw.uniform(0.05, 0.6))  # the kill's moment is what is tried here
        os.kill(child, signal.SIGKILL)
        if os.WIFEXITED(os.waitpid(child, 0)[1]) and not reached(options) >= EPOCHS * 3:
            sys.exit(f"kill {number}: the run ended by itself; the checkpoint or its resume is broken")
        kept, shown = reached(options), last_metric(options)
        sys.stdout.write(f"kill {number + 1}: step {shown} of metrics, {kept} in the checkpoint\n")
        if shown - kept > INTERVAL or kept < seen:
            sys.exit(f"kill {number}: more than {INTERVAL} steps are lost: {shown} trained, {kept} kept, {seen} before")
        seen = kept
    status = os.waitpid(start(recipe, options), 0)[1]
    sys.exit(os.waitstatus_to_exitcode(status))


def prepare(folder: Path) -> tuple[Recipe, TrainingOptions]:
    path = folder / "tiny.toml"
    path.write_text(drawn.RECIPE.replace("epochs = 4", f"epochs = {EPOCHS}").partition("[[validation]]")[0])
    options = TrainingOptions(
        data=drawn.draw_set(folder / "data"), output=folder / "run", workers=0, threads=1, checkpoint_steps=INTERVAL
    )
    return read_recipe(path), options


def start(recipe: Recipe, options: TrainingOptions) -> int:
    """A child's id; it goes on from the last checkpoint, or begins when there is none yet."""
    child = os.fork()
    if child:
        return child
    resumed = (options.output / LAST).exists()
    try:
        train(recipe, replace(options, resume=resumed), Console(quiet=True))
    except BaseException as error:
        sys.stderr.write(f"child: {error!r}\n")
        os._exit(1)
    os._exit(0)


def reached(options: TrainingOptions) -> int:
    path = options.output / LAST
    return load_checkpoint(path)[1].step if path.exists() else 0


def last_metric(options: TrainingOptions) -> int:
    path = options.output / METRICS
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return max((json.loads(line)["step"] for line in lines), default=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
