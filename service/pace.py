"""How fast requests are answered lately, to say when it is worth coming again."""

from collections import deque

REMEMBERED = 64
LONGEST_WAIT_S = 60.0
FIRST_GUESS_S = 1.0


class Pace:
    """Remembers when the last requests were answered."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=REMEMBERED)

    def count(self, now: float) -> None:
        """A request was answered at time `now`, seconds."""
        self._times.append(now)

    def seconds_for(self, requests: int, now: float) -> float:
        """How long so many requests take at the pace of the last ones, at most a minute; a second if none is known."""
        if not self._times:
            return FIRST_GUESS_S
        return min(requests * (now - self._times[0]) / len(self._times), LONGEST_WAIT_S)
