"""Files that are there whole or not at all: written beside, flushed to the disk, then renamed."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file; until the new content is whole on the disk, the old file stays.

    Raises:
        OSError: the content cannot be written (a full disk, say); the message names the file, the old one stays.
    """
    beside = path.with_name(f"{path.name}.part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OSError(error.errno, f"{path} was not written and stays as it was: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """A rename lasts through a power cut only once the folder is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
