"""How often the detector looks: rarely while nothing happens, at once when something does."""

from service.tracking.tracker import Change

SURPRISED = 4
"""Frames from one look to the next at most while each look brings a surprise: it would be one in the dark anyway."""
PATIENCE = 3
"""Frames after a look in which a pose that is not sure is no reason for another one."""


class Cadence:
    """Counts frames from one look to the next.

    1, 2, 4, ... up to the most while nothing happens; 1 again after a surprise, and 2, 3, 4 if surprises go on:
    of people whom the detector finds in some frames and not in others, it tells no more by looking at all of them.
    """

    def __init__(self, most: int) -> None:
        """A cadence whose first frame is looked at.

        Args:
            most: frames from one look to the next at most, 1 or more.
        """
        self.most = most
        self._gap = 1
        self._since = 1
        self._surprises = 0
        self._deaf = 0

    @property
    def due(self) -> bool:
        """Whether it is time to look."""
        return self.due_after(0)

    @property
    def patient(self) -> bool:
        """Whether the detector has looked so lately that an unsure pose need not alarm it."""
        return self._since <= min(PATIENCE, self.most - 1)

    def due_after(self, frames: int) -> bool:
        """Whether it will be time to look when so many more frames have been answered."""
        return self._since + frames >= min(self._gap, self.most)

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
        surprised = bool(change.came or change.lost or change.strayed)
        self._surprises = self._surprises + 1 if surprised else 0
        self._gap = min(self._surprises, SURPRISED) if surprised else min(2 * self._gap, self.most)
        self._deaf = self.most if alarmed and not change.came else max(0, self._deaf - 1)
