"""CSV: a row a person, and one for each image without people or without an answer, so that none is missing."""

import csv
import io
from collections.abc import Sequence
from typing import BinaryIO

from model.contract.skeleton import Skeleton
from service.formats import coco_results
from service.jobs import ImageResult
from service.predict.entry import Entry
from service.predict.json_lines import close_output

HEAD = ["image", "width", "height", "time_s", "error", "person", "track_id", "score", "box_score"]
BOX = ["box_x", "box_y", "box_width", "box_height"]


class Table:
    """A row of `HEAD`, `BOX` and of each keypoint x, y and score.

    `person` counts the people of an image from 1, the best first; `track_id` and `time_s` are of videos.
    Coordinates are pixels of the upright image.
    """

    def __init__(self, file: BinaryIO, skeleton: Skeleton) -> None:
        """A table of an open file; its head is written."""
        self._file = file
        points = [f"{name}_{part}" for name in skeleton.keypoint_names for part in ("x", "y", "score")]
        self._columns = [*HEAD, *BOX, *points]
        self._write_rows([self._columns])

    def write(self, entry: Entry) -> None:
        """Write an image's rows."""
        outcome = entry.outcome
        if not isinstance(outcome, ImageResult):
            self._write_rows([self._filled([entry.name, "", "", "", outcome[1].detail])])
            return
        about = [entry.name, outcome.width, outcome.height, entry.about.get("time_s", ""), ""]
        people = [
            [*about, number, person.get("track_id", ""), person["score"], person["bbox_score"], *person["bbox"]]
            + person["keypoints"]
            for number, person in enumerate(coco_results([outcome]), start=1)
        ]
        self._write_rows(people or [self._filled(about)])

    def close(self) -> None:
        """Nothing more comes."""
        close_output(self._file)

    def _filled(self, row: Sequence[object]) -> list[object]:
        return [*row, *[""] * (len(self._columns) - len(row))]

    def _write_rows(self, rows: Sequence[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue().encode())
        self._file.flush()
