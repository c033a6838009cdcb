"""How far a command is, on stderr: a bar with rate and time left on a terminal, a line now and then elsewhere."""

import sys
import time
from datetime import timedelta
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 10.0
"""Where no terminal shows a bar."""


class RateBar:
    """Counts things as they are done."""

    def __init__(self, things: str, total: int | None, before: int = 0) -> None:
        """Show nothing yet.

        Args:
            things: what is counted, for example `images`.
            total: how many there are; None: nobody knows.
            before: how many were done before the clock began.
        """
        self._things, self._total, self._before = things, total, before
        self._done = 0
        self._began = self._said = time.monotonic()
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(things, total=total, completed=before, rate="")

    def start(self) -> None:
        """Show the bar."""
        self._bar.start()

    def stop(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()

    def __enter__(self) -> Self:
        """Show the bar."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar as it is."""
        self.stop()

    @property
    def done(self) -> int:
        """Things done since the clock began."""
        return self._done

    def expect(self, total: int | None) -> None:
        """So many things there are in all, as is known now."""
        self._total = total
        self._bar.update(self._task, total=total)

    def begin(self) -> None:
        """The work begins now: what was loaded before does not count for the rate."""
        self._began = self._said = time.monotonic()

    def advance(self) -> None:
        """One more is done."""
        self._done += 1
        now = time.monotonic()
        if self._console.is_terminal:
            self._bar.update(self._task, advance=1, rate=f"{self.rate_until(now):.1f}/s")
        elif now - self._said > LINE_EVERY_S:
            self._said = now
            sys.stderr.write(f"{self._line(now)}\n")

    def say(self, sentence: str) -> None:
        """Write a line above the bar."""
        self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def rate_until(self, now: float | None = None) -> float:
        """Things a second from the beginning to `now`, a `time.monotonic()`; None: this moment."""
        return self._done / max((time.monotonic() if now is None else now) - self._began, 1e-9)

    def _line(self, now: float) -> str:
        rate, done = self.rate_until(now), self._before + self._done
        if self._total is None:
            return f"{done} {self._things}, {rate:.1f}/s"
        left = timedelta(seconds=round((self._total - done) / rate)) if rate else "?"
        return f"{done} of {self._total} {self._things}, {rate:.1f}/s, {left} left"
