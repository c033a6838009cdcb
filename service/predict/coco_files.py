"""COCO results, and which image has which id."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import orjson

from service.formats import coco_results
from service.jobs import ImageResult
from service.predict.asked import STDOUT
from service.predict.entry import Entry


class CocoFiles:
    """A COCO results list, and a list of COCO `images` entries beside it; both take their places when they end.

    The results have no boxes: COCO's evaluators would else take areas from them. Images without an answer are in
    neither list.
    """

    def __init__(self, results: Path, images: Path | None) -> None:
        """Two lists, with nothing in them.

        Args:
            results: the results list; `-` is stdout.
            images: the `images` entries, if they are wanted.
        """
        self._results = ListFile(results)
        self._images = None if images is None else ListFile(images)

    def write(self, entry: Entry) -> None:
        """Write an image's people and its entry."""
        outcome = entry.outcome
        if not isinstance(outcome, ImageResult):
            return
        for result in coco_results([replace(outcome, image_id=entry.image_id)], with_box=False):
            self._results.append(result)
        if self._images is not None:
            size = {"width": outcome.width, "height": outcome.height}
            self._images.append({"id": entry.image_id, "file_name": entry.name, **size, **entry.about})

    def close(self) -> None:
        """End both lists."""
        self._results.close()
        if self._images is not None:
            self._images.close()


class ListFile:
    """A JSON list, written entry by entry; a file takes the place of an older one when the list ends."""

    def __init__(self, path: Path) -> None:
        """An empty list; `-` is stdout.

        Raises:
            OSError: the file cannot be written.
        """
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._file: BinaryIO = sys.stdout.buffer
        if path != STDOUT:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("wb")
        self._file.write(b"[")
        self._comma = b"\n"

    def append(self, entry: object) -> None:
        """Write one entry."""
        self._file.write(self._comma + orjson.dumps(entry))
        self._comma = b",\n"

    def close(self) -> None:
        """End the list."""
        self._file.write(b"\n]\n")
        if self._path == STDOUT:
            self._file.flush()
            return
        self._file.close()
        self._part.replace(self._path)
