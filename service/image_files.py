"""Image files: those of folders and globs, and their bytes."""

import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from service.errors import ServiceError, TooLargeError
from service.settings import SettingsError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif"}
"""What counts as an image in a folder; who names a file may name any."""


class UnreadableFileError(ServiceError):
    """The path names no file that can be read."""

    status, grpc_code, slug, title = 404, "NOT_FOUND", "unreadable-file", "The file cannot be read"


def is_image(path: str) -> bool:
    """Whether a file in a folder is taken for an image, by its suffix."""
    return Path(path).suffix.lower() in SUFFIXES


def files_below(folder: str, *, recursive: bool = True) -> Iterator[str]:
    """All files of a folder in the order of their names, so that they come in the same order every time.

    Args:
        folder: where to look; links are followed.
        recursive: look into its subfolders too.
    """
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        yield from (str(Path(parent) / name) for name in sorted(names))
        if not recursive:
            return


def files_of_glob(pattern: str) -> list[str]:
    """The files that a pattern such as `photos/**/*.jpg` names, sorted."""
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    return [name for name in found if not Path(name).is_dir()]


def check_name(path: str) -> None:
    """Refuse a file name that JSON cannot hold.

    Raises:
        SettingsError: it is not UTF-8.
    """
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise SettingsError(
            f"the file name {os.fsencode(path)!r} is not UTF-8 and cannot be an id in the results; rename the file"
        ) from error


def read_file(path: Path, max_bytes: int) -> bytes:
    """The file's bytes.

    Raises:
        UnreadableFileError: it is no file, or may not be read.
        TooLargeError: it has more bytes than are taken.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableFileError("The path names no regular file.")
        if found.st_size > max_bytes:
            raise TooLargeError(f"The file has {found.st_size} bytes; at most {max_bytes} are taken.")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(f"The file cannot be read: {error.strerror}.") from error
