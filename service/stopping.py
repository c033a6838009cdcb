"""Ctrl-C and SIGTERM on a command that has work under way."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Generator[list[int]]:
    """The first SIGINT or SIGTERM calls `stop`; a second one ends the command as it would any program.

    Returns:
        The numbers of the signals that came.
    """
    received: list[int] = []
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler
        received.append(number)
        for each, handler in usual.items():
            signal.signal(each, handler)
        stop()

    for number in usual:
        signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
