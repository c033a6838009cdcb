"""What was done, counted while it is done and said at the end."""

import sys
from dataclasses import dataclass

from service.predict.asked import STDOUT, Wanted


@dataclass
class Account:
    """What was done.

    Attributes:
        total: images and videos that were named.
        people: found in images.
        answered: images.
        frames: of videos, answered.
        videos: that were answered to their ends.
        failed: images without an answer, and videos that cannot be opened or break off.
        stopped: nothing more is to be begun.
    """

    total: int
    people: int = 0
    answered: int = 0
    frames: int = 0
    videos: int = 0
    failed: int = 0
    stopped: bool = False

    def stop(self) -> None:
        """Begin nothing more."""
        self.stopped = True

    def say(self, wanted: Wanted) -> None:
        """The account, on stdout, or on stderr where stdout carries answers."""
        stream = sys.stderr if wanted.uses_stdout else sys.stdout
        stream.write(f"{self._sentence()}\n" + "".join(f"  {place}\n" for place in _places(wanted)))

    def _sentence(self) -> str:
        left = self.total - self.answered - self.videos - self.failed
        parts = [f"{self.people} people in {self.answered} images"] if self.answered or not self.frames else []
        parts += [f"{self.frames} frames of {self.videos} videos"] * bool(self.frames)
        parts += [f"{self.failed} failed"] * bool(self.failed) + [f"{left} not finished"] * bool(left)
        return ", ".join(parts)


def _places(wanted: Wanted) -> list[str]:
    """What was written where."""
    places = [f"overlays, results.json and images.json are in {wanted.out}"] if wanted.out else []
    if wanted.overlays and wanted.overlays != STDOUT:
        places.append(f"overlays are in {wanted.overlays}")
    return places + [f"written: {file}" for file in wanted.files]
