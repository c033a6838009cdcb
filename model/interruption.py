"""Ctrl-C and SIGTERM: asked for once, a run ends after the step under way; asked for twice, at once."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptedRunError(RuntimeError):
    """A run that a signal ended, its checkpoint written.

    Attributes:
        exit_code: 128 and the signal's number, as shells count.
    """

    def __init__(self, number: int, message: str) -> None:
        """Keep the signal's number."""
        super().__init__(message)
        self.exit_code = 128 + number


class Interruption:
    """While it is entered, the first signal is kept in `number` (0: none came); the next does what it always did."""

    def __init__(self) -> None:
        """No signal yet."""
        self.number = 0
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> "Interruption":
        """Take the signals over."""
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        self._give_back()

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def leave_signals_to_the_parent(_worker: int) -> None:
    """For loader processes: a terminal's Ctrl-C reaches them too, and the parent still needs their batches."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
