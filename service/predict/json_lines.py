"""JSON lines: one an image, as `fasterpose batch` writes them; a failure has its line too."""

import sys
from typing import BinaryIO

from service.batch.answers import to_answer
from service.formats import Outcome
from service.predict.inputs import Photo


class JsonLines:
    """`{"image": {"id", "width", "height"} or {"id", "error"}, "results": [...]}`; an id is the image's name."""

    def __init__(self, file: BinaryIO) -> None:
        """Lines of an open file."""
        self._file = file

    def write(self, photo: Photo, outcome: Outcome) -> None:
        """Write a line, which who reads the file sees at once."""
        self._file.write(to_answer(photo.name, outcome).line + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Nothing more comes."""
        close_output(self._file)


def close_output(file: BinaryIO) -> None:
    """Close a file; stdout is only flushed, it is not ours to close."""
    if file is sys.stdout.buffer:
        file.flush()
    else:
        file.close()
