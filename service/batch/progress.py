"""What a job says of itself: a bar on a terminal, a line now and then elsewhere, and the account at the end."""

import time
from collections import Counter
from pathlib import Path

from service.batch.answers import Answer
from service.progress import RateBar


class JobProgress:
    """Counts answers as they are written."""

    def __init__(self, total: int, before: int) -> None:
        """Show a job of `total` images, `before` of which an earlier run has answered."""
        self._total, self._before = total, before
        self._clocks: dict[str, tuple[float, float]] = {}
        self._images: Counter[str] = Counter()
        self._people = self._failed = 0
        self._bar = RateBar("images", total, before)

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
            self._bar.begin()
        self._clocks[worker] = self._clocks.get(worker, (now, now))

    def count_answer(self, worker: str, answer: Answer) -> None:
        """An answer is written."""
        self._images[worker] += 1
        self._people += answer.people
        self._failed += answer.failed
        self._clocks[worker] = (self._clocks[worker][0], time.monotonic())
        self._bar.advance()

    def account(self, output: Path, failed_lines: int) -> str:
        """What was done, by whom and how fast, and what the file holds."""
        done = self._images.total()
        rate = self._bar.rate_until(max((last for _, last in self._clocks.values()), default=None))
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
