"""How often the detector looks: rarely while nothing happens, at once when something does."""

from service.tracking.tracker import Change


class Cadence:
    """Counts frames from one look to the next: 1, 2, 4, ... up to the most, and 1 again after a surprise."""

    def __init__(self, most: int) -> None:
        """A cadence whose first frame is looked at.

        Args:
            most: frames from one look to the next at most, 1 or more.
        """
        self.most = most
        self._gap = 1
        self._since = 1
        self._deaf = 0

    @property
    def due(self) -> bool:
        """Whether it is time to look."""
        return self._since >= min(self._gap, self.most)

    @property
    def alert(self) -> bool:
        """Whether a change at the border is a reason to look: not soon after one that was nobody."""
        return self._deaf == 0

    def pass_frame(self) -> None:
        """A frame was answered without the detector."""
        self._since += 1
        self._deaf = max(0, self._deaf - 1)

    def look(self, change: Change, *, alarmed: bool) -> None:
        """The detector looked.

        Args:
            change: what it brought.
            alarmed: it looked because of a change at the border.
        """
        self._since = 1
        surprised = change.came or change.lost or change.strayed
        self._gap = 1 if surprised else min(2 * self._gap, self.most)
        self._deaf = self.most if alarmed and not change.came else max(0, self._deaf - 1)
