"""How long a client waits and how often it asks again."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from service.client.failure import PoseError

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0


@dataclass(frozen=True)
class Patience:
    """Limits of one request, all its attempts together.

    Attributes:
        timeout_s: seconds until the answer must be there; the server drops the work after that, too.
        retries: how often a request is sent again after 429, 503 or a broken connection.
    """

    timeout_s: float = 60.0
    retries: int = 4

    def __post_init__(self) -> None:
        """Refuse limits that no request fits.

        Raises:
            ValueError: a timeout of nothing, or less than no retries.
        """
        if self.timeout_s <= 0 or self.retries < 0:
            raise ValueError(f"timeout_s must be positive and retries at least 0, not {self.timeout_s}, {self.retries}")


@dataclass
class Attempts:
    """The attempts of one request.

    Attributes:
        patience: their limits.
        clock: seconds, as `time.monotonic`.
    """

    patience: Patience
    clock: Callable[[], float] = time.monotonic
    made: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Start the clock."""
        self._end = self.clock() + self.patience.timeout_s

    @property
    def seconds_left(self) -> float:
        """Until the answer must be there."""
        return self._end - self.clock()

    def pause_after(self, error: PoseError) -> float:
        """How many seconds to wait before the next attempt: what the server says, else longer each time.

        Raises:
            PoseError: the error itself, where another attempt would not help or come too late.
        """
        self.made += 1
        pause = self._own_pause() if error.retry_after is None else error.retry_after
        if not error.may_be_retried or self.made > self.patience.retries or pause >= self.seconds_left:
            raise error
        return pause

    def _own_pause(self) -> float:
        """Doubles each time; spread, so that clients that failed together do not come again together."""
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self.made - 1)) * random.uniform(0.5, 1.5)  # noqa: S311
