"""What there is to answer: image files, those of folders and globs, stdin, videos, cameras, network streams."""

import glob
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from service.errors import TooLargeError
from service.image_files import check_name, files_below, files_of_glob, is_image, read_file
from service.settings import SettingsError
from service.video.reader import is_live, is_video

STDIN = "-"
CAMERA = re.compile(r"(?:camera:)?(\d{1,2})")


@dataclass(frozen=True)
class Photo:
    """One image to answer.

    Attributes:
        number: its place among all, from 0.
        name: its path as written or found; `-` is stdin.
    """

    number: int
    name: str

    def read(self, max_bytes: int) -> bytes:
        """Its bytes.

        Raises:
            UnreadableFileError: it is no file, or may not be read.
            TooLargeError: it has more bytes than are taken.
        """
        if self.name != STDIN:
            return read_file(Path(self.name), max_bytes)
        data = sys.stdin.buffer.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise TooLargeError(f"Stdin brings more than {max_bytes} bytes, the most that are taken.")
        return data


@dataclass(frozen=True)
class Inputs:
    """What a command has to answer.

    Attributes:
        photos: images, each once, in the order of the sources.
        videos: files, cameras and network streams, as `service.video` opens them.
        left_out: files of folders whose suffix is not an image's.
        repeated: how often one was named again.
    """

    photos: list[Photo]
    videos: list[str]
    left_out: int
    repeated: int


def find_inputs(sources: Iterable[str], *, recursive: bool) -> Inputs:
    """All that some sources name.

    A file that is named and does not exist is among them: it fails, and the others are answered.

    Args:
        sources: each a file, a folder, a glob such as `photos/**/*.jpg`, `-` for stdin, a camera (`0`, `camera:0`,
            /dev/video0) or a network stream (rtsp://...).
        recursive: search the subfolders of folders too.

    Raises:
        SettingsError: there is nothing at all, or a name cannot be written in JSON.
    """
    names: dict[str, None] = {}
    named = left_out = 0
    for source in sources:
        for name, wanted in _names_of(source, recursive):
            left_out += not wanted
            if wanted:
                check_name(name)
                names[name] = None
                named += 1
    if not names:
        searched = "" if recursive else "; --recursive searches their subfolders too"
        raise SettingsError(f"no image: folders are searched for files with an image's suffix{searched}")
    photos = [name for name in names if not is_video(name)]
    videos = [name for name in names if is_video(name)]
    return Inputs([Photo(number, name) for number, name in enumerate(photos)], videos, left_out, named - len(names))


def _names_of(source: str, recursive: bool) -> Iterator[tuple[str, bool]]:
    """Names, and whether each is to be answered."""
    path, camera = Path(source), CAMERA.fullmatch(source)
    if camera is not None and not path.exists():
        yield f"/dev/video{camera[1]}", True
    elif source == STDIN or is_live(source):
        yield source, True
    elif path.is_dir():
        yield from ((name, is_image(name)) for name in files_below(source, recursive=recursive))
    elif glob.has_magic(source) and not path.exists():
        yield from ((name, True) for name in files_of_glob(source) or [source])
    else:
        yield source, True
