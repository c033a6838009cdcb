"""How long those wait who are let in: bounded by the pace at which images were answered lately.

A bound in requests cannot know how fast the machine is: 256 are a quarter of a second on one and half a minute on
another. So the wait is estimated, and who would wait too long is told at once to come again.
"""

import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager

from service.errors import OverloadedError

REMEMBERED = 64
"""Images whose answers tell the pace."""
FEWEST = 8
"""So many images are always let in: fewer would leave threads and models idle, whatever the estimate says."""
LONGEST_RETRY_S = 60.0


class Backlog:
    """The images that were let in and are not answered yet, and how long they will take."""

    def __init__(self, longest_wait_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """No images yet.

        Args:
            longest_wait_s: what those who are let in may have to wait, seconds; 0: any time.
            clock: seconds.
        """
        self._longest_wait_s = longest_wait_s
        self._clock = clock
        self._images = 0
        self._busy_s = 0.0
        self._busy_since = 0.0
        self._answers: deque[float] = deque(maxlen=REMEMBERED + 1)

    @property
    def images(self) -> int:
        """Images that were let in and are not answered yet."""
        return self._images

    @property
    def wait_s(self) -> float:
        """How long those who are inside will take at the pace of the last ones, seconds; 0 if none is known."""
        if len(self._answers) < 2:
            return 0.0
        busy_s = self._answers[-1] - self._answers[0]
        return self._images * busy_s / (len(self._answers) - 1)

    @property
    def retry_s(self) -> float:
        """When it is worth coming again, seconds."""
        return min(self.wait_s, LONGEST_RETRY_S)

    def check(self) -> None:
        """Refuse who would wait too long.

        Raises:
            OverloadedError: those ahead take longer than anybody is to wait.
        """
        if self._images < FEWEST or not self._longest_wait_s:
            return
        wait_s = self.wait_s
        if wait_s > self._longest_wait_s:
            raise OverloadedError(
                f"{self._images} images are ahead, which take about {1000 * wait_s:.0f} ms; "
                f"this server lets nobody wait longer than {1000 * self._longest_wait_s:.0f} ms. Try again.",
                self.retry_s,
            )

    @contextmanager
    def hold(self) -> Generator[None]:
        """Count an image among those that wait, while it does."""
        self._change(+1)
        try:
            yield
        finally:
            self._change(-1)

    def count_answer(self) -> None:
        """One of the images was computed; those that failed or were given up tell nothing of the pace."""
        self._answers.append(self._busy_clock())

    def _change(self, images: int) -> None:
        busy_s = self._busy_clock()
        self._images += images
        self._busy_s, self._busy_since = busy_s, self._clock()

    def _busy_clock(self) -> float:
        """Seconds in which there was something to do: idle times say nothing of the pace."""
        return self._busy_s + (self._clock() - self._busy_since if self._images else 0.0)
