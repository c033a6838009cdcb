"""Which images a job has: those of folders, globs and lists."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from service.image_files import check_name, files_below, files_of_glob, is_image
from service.settings import SettingsError


@dataclass(frozen=True)
class Inputs:
    """The images of a job.

    Attributes:
        images: paths as written or found, each once; a path is the image's id in the results.
        left_out: files of folders whose suffix is not an image's.
        repeated: paths that were named again.
    """

    images: list[str]
    left_out: int
    repeated: int


def find_images(sources: list[str]) -> Inputs:
    """All images of some sources.

    Args:
        sources: each a folder, which is searched with all its subfolders; an image file; a text file with one path a
            line; or a glob such as `photos/**/*.jpg`.

    Raises:
        SettingsError: a source does not exist, a list cannot be read, or a path cannot be written in JSON.
    """
    images: dict[str, None] = {}
    named, left_out = 0, 0
    for source in sources:
        for path, wanted in _paths_of(source):
            left_out += not wanted
            if wanted:
                check_name(path)
                images[path] = None
                named += 1
    return Inputs(list(images), left_out, named - len(images))


def _paths_of(source: str) -> Iterator[tuple[str, bool]]:
    """Paths, and whether each is to be answered."""
    path = Path(source)
    if path.is_dir():
        yield from ((name, is_image(name)) for name in files_below(source))
    elif path.is_file() and is_image(source):
        yield source, True
    elif path.is_file():
        yield from ((line, True) for line in _lines_of(path))
    elif glob.has_magic(source):
        yield from ((name, True) for name in files_of_glob(source))
    else:
        raise SettingsError(f"--input {source}: there is no such folder or file; a glob holds *, ? or [ and is quoted")


def _lines_of(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"--input {path} is read as a list, one path a line in UTF-8, and cannot be: {error}"
        ) from error
    return [line.strip() for line in lines if line.strip()]
