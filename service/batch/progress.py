"""What a job says of itself: a bar on a terminal, a line now and then elsewhere, and the account at the end."""

import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.batch.answers import Answer

LINE_EVERY_S = 10.0
"""Where no terminal shows a bar."""


class JobProgress:
    """Counts answers as they are written."""

    def __init__(self, total: int, before: int) -> None:
        """Show a job of `total` images, `before` of which an earlier run has answered."""
        self._total, self._before = total, before
        self._clocks: dict[str, tuple[float, float]] = {}
        self._images: Counter[str] = Counter()
        self._people = self._failed = 0
        self._began = self._said = time.monotonic()
        self._bar = _bar()
        self._task = self._bar.add_task("images", total=total, completed=before, rate="")

    def __enter__(self) -> "JobProgress":
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it is."""
        self._bar.stop()

    def count_worker(self, worker: str) -> None:
        """A worker has loaded its networks; its time counts from now."""
        now = time.monotonic()
        if not self._clocks:
            self._began = now
        self._clocks[worker] = self._clocks.get(worker, (now, now))

    def count_answer(self, worker: str, answer: Answer) -> None:
        """An answer is written."""
        self._images[worker] += 1
        self._people += answer.people
        self._failed += answer.failed
        now = time.monotonic()
        self._clocks[worker] = (self._clocks[worker][0], now)
        if self._bar.console.is_terminal:
            self._bar.update(self._task, advance=1, rate=f"{self._rate(now):.1f}/s")
        elif now - self._said > LINE_EVERY_S:
            self._said = now
            sys.stderr.write(f"{self._line(now)}\n")

    def account(self, output: Path, failed_lines: int) -> str:
        """What was done, by whom and how fast, and what the file holds."""
        done = self._images.total()
        rate = self._rate(max((last for _, last in self._clocks.values()), default=self._began))
        work = f"{done} images, {self._people} people, {self._failed} errors; {rate:.1f} images/s"
        lines = [work] if done else []
        for worker in sorted(self._images):
            first, last = self._clocks[worker]
            images = self._images[worker]
            lines.append(f"  {worker}: {images} images, {images / max(last - first, 1e-9):.1f}/s")
        left = self._total - self._before - done
        lines.append(f"{output} has {self._before + done} of {self._total} images, {failed_lines} of them errors")
        if left:
            lines.append(f"{left} images are left: the same command goes on")
        return "\n".join(lines)

    def _rate(self, now: float) -> float:
        """Images a second since the first worker was ready."""
        return self._images.total() / max(now - self._began, 1e-9)

    def _line(self, now: float) -> str:
        rate = self._rate(now)
        done = self._before + self._images.total()
        seconds_left = timedelta(seconds=round((self._total - done) / rate)) if rate else "?"
        return f"{done} of {self._total} images, {rate:.1f}/s, {seconds_left} left"


def _bar() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
