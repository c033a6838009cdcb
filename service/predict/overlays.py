"""Images with their people drawn: a JPEG each in a folder, or the only one on stdout."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from model.contract.skeleton import Skeleton
from service.jobs import ImageResult
from service.overlay import draw_people, encode_image
from service.predict.asked import STDOUT
from service.predict.inputs import STDIN, Photo
from service.settings import SettingsError


class Overlays:
    """Draws images.

    Attributes:
        names: a file name for each image.
    """

    def __init__(self, folder: Path, photos: Sequence[Photo]) -> None:
        """Choose the names; nothing is written yet.

        Raises:
            SettingsError: an overlay would be written over an image, or several to stdout.
        """
        if folder == STDOUT and len(photos) > 1:
            raise SettingsError(f"--overlays - writes one image to stdout, and there are {len(photos)}; name a folder")
        self.names = list(overlay_names([photo.name for photo in photos]))
        self._folder = folder
        sources = {Path(photo.name).resolve() for photo in photos}
        over = next((folder / name for name in self.names if (folder / name).resolve() in sources), None)
        if over is not None:
            raise SettingsError(f"the overlay {over} would be written over a photograph; choose another folder")

    def draw(self, photo: Photo, result: ImageResult, skeleton: Skeleton, threshold: float) -> None:
        """Draw an image that was answered with its pixels kept.

        Raises:
            OSError: it cannot be written.
        """
        drawn = encode_image(draw_people(result.kept_pixels(), result.people, skeleton, threshold), "image/jpeg")
        if self._folder == STDOUT:
            sys.stdout.buffer.write(drawn)
            sys.stdout.buffer.flush()
        else:
            (self._folder / self.names[photo.number]).write_bytes(drawn)

    def make_folder(self) -> None:
        """Make the folder if it is not there.

        Raises:
            OSError: it cannot be made.
        """
        if self._folder != STDOUT:
            self._folder.mkdir(parents=True, exist_ok=True)


def overlay_names(names: Sequence[str]) -> Iterator[str]:
    """A file name for each image's overlay: its own with `.jpg`, numbered where two would be the same."""
    taken: set[str] = set()
    for name in names:
        stem = "stdin" if name == STDIN else Path(name).stem
        overlay, number = f"{stem}.jpg", 2
        while overlay in taken:
            overlay, number = f"{stem}-{number}.jpg", number + 1
        taken.add(overlay)
        yield overlay
