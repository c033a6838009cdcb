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
from service.video.reader import shown


class Overlays:
    """Draws images, and knows where videos are drawn.

    Attributes:
        names: a file name for each image.
        videos: video -> the file that is drawn.
    """

    def __init__(self, folder: Path, photos: Sequence[Photo], videos: Sequence[str] = ()) -> None:
        """Choose the names; nothing is written yet.

        Raises:
            SettingsError: an overlay would be written over an input, or more than an image to stdout.
        """
        if folder == STDOUT and (len(photos) > 1 or videos):
            raise SettingsError("--overlays - writes one image to stdout; name a folder for several and for videos")
        self.names = list(overlay_names([photo.name for photo in photos]))
        drawn = overlay_names([shown(video).rstrip("/") for video in videos], ".mp4")
        self.videos = {video: folder / name for video, name in zip(videos, drawn, strict=True)}
        self._folder = folder
        sources = {Path(name).resolve() for name in (*(photo.name for photo in photos), *videos)}
        written = [*(folder / name for name in self.names), *self.videos.values()]
        over = next((path for path in written if path.resolve() in sources), None)
        if over is not None:
            raise SettingsError(f"the overlay {over} would be written over an input; choose another folder")

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


def overlay_names(names: Sequence[str], suffix: str = ".jpg") -> Iterator[str]:
    """A file name for each overlay: its source's with another suffix, numbered where two would be the same."""
    taken: set[str] = set()
    for name in names:
        stem = "stdin" if name == STDIN else Path(name).stem
        overlay, number = f"{stem}{suffix}", 2
        while overlay in taken:
            overlay, number = f"{stem}-{number}{suffix}", number + 1
        taken.add(overlay)
        yield overlay
