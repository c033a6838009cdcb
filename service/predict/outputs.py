"""The files that hold the answers, each written in the order of the images."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from model.contract.skeleton import Skeleton
from service.formats import Outcome
from service.predict.asked import STDOUT, Wanted
from service.predict.coco_files import CocoFiles
from service.predict.inputs import Photo
from service.predict.json_lines import JsonLines
from service.predict.overlays import Overlays
from service.predict.table import Table


class Output(Protocol):
    """One form of the answers."""

    def write(self, photo: Photo, outcome: Outcome) -> None:
        """Write one image's outcome, a failure too where the form has a place for it.

        Raises:
            OSError: the disk is full, or nobody reads stdout any more.
        """
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class Outputs:
    """All forms that were asked for.

    Attributes:
        overlays: draws images before they are written of, in a thread; None: not asked for.
    """

    def __init__(self, outputs: Sequence[Output], overlays: Overlays | None) -> None:
        """Outputs that are open already."""
        self._outputs = outputs
        self.overlays = overlays

    def write(self, photo: Photo, outcome: Outcome) -> None:
        """Write one image's outcome everywhere."""
        for output in self._outputs:
            output.write(photo, outcome)

    def __enter__(self) -> Self:
        """Themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all, also where closing one fails."""
        with ExitStack() as stack:
            for output in self._outputs:
                stack.callback(output.close)


def open_outputs(wanted: Wanted, overlays: Overlays | None, skeleton: Skeleton, image_ids: Sequence[int]) -> Outputs:
    """Open what was asked for.

    Args:
        wanted: which forms, and where; as `Wanted.checked` returns it.
        overlays: draws images, if they were asked for.
        skeleton: names of the keypoints.
        image_ids: of the images in COCO files, by their numbers.

    Raises:
        OSError: a file or folder cannot be written.
    """
    outputs: list[Output] = []
    if wanted.out is not None:
        outputs.append(CocoFiles(wanted.out / "results.json", wanted.out / "images.json", image_ids, overlays))
    if wanted.coco is not None:
        beside = None if wanted.coco == STDOUT else wanted.coco.with_suffix(".images.json")
        outputs.append(CocoFiles(wanted.coco, beside, image_ids, overlays))
    if wanted.jsonl is not None:
        outputs.append(JsonLines(open_binary(wanted.jsonl)))
    if wanted.csv is not None:
        outputs.append(Table(open_binary(wanted.csv), skeleton))
    return Outputs(outputs, overlays)


def open_binary(path: Path) -> BinaryIO:
    """A file that is written anew, its folder made if it is not there; `-` is stdout."""
    if path == STDOUT:
        return sys.stdout.buffer
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")
