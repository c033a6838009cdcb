"""What one key may use: so many requests a second, so many at a time."""

import math
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from service.access.keys import Limits
from service.errors import RateLimitedError


class Allowance:
    """Counts a key's requests against its limits.

    The rate is a token bucket: after a pause `burst` requests may come at once (the rate itself where the limits name
    none), then one for each token that grew back.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        """A full allowance; `clock` gives seconds."""
        self.limits = limits
        self._clock = clock
        self._burst = limits.burst or max(1, math.ceil(limits.requests_per_second or 1))
        self._tokens = float(self._burst)
        self._counted = clock()
        self._in_flight = 0

    @contextmanager
    def use(self) -> Generator[None]:
        """One request, while the context lasts.

        Raises:
            RateLimitedError: too many a second, or too many at a time; it says when to come again.
        """
        most = self.limits.max_in_flight
        if most is not None and self._in_flight >= most:
            raise RateLimitedError(f"This key has {most} requests in flight, the most it may have.")
        self._take_token()
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def _take_token(self) -> None:
        rate = self.limits.requests_per_second
        if rate is None:
            return
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + rate * (now - self._counted))
        self._counted = now
        if self._tokens < 1:
            raise RateLimitedError(f"This key may send {rate:g} requests a second.", (1 - self._tokens) / rate)
        self._tokens -= 1
