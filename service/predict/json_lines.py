"""JSON lines: one an image or a frame, as `fasterpose batch` writes them; a failure has its line too."""

import sys
from typing import BinaryIO

import orjson

from service.formats import coco_results, image_entry
from service.jobs import ImageResult
from service.predict.entry import Entry


class JsonLines:
    """`{"image": {"id", "width", "height"} or {"id", "error"}, "results": [...]}`; an id is the image's name.

    A frame of a video has its `video`, `frame` and `time_s` too.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Lines of an open file."""
        self._file = file

    def write(self, entry: Entry) -> None:
        """Write a line, which who reads the file sees at once."""
        answered = [entry.outcome] if isinstance(entry.outcome, ImageResult) else []
        line = {"image": image_entry(entry.outcome) | dict(entry.about), "results": coco_results(answered)}
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
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
