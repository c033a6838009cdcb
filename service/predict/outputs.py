"""The files that hold the answers, each written in the order of the images."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from model.contract.skeleton import Skeleton
from service.predict.asked import STDOUT, Wanted
from service.predict.coco_files import CocoFiles
from service.predict.entry import Entry
from service.predict.json_lines import JsonLines
from service.predict.table import Table


class Output(Protocol):
    """One form of the answers."""

    def write(self, entry: Entry) -> None:
        """Write one outcome, a failure too where the form has a place for it.

        Raises:
            OSError: the disk is full, or nobody reads stdout any more.
        """
        ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class Outputs:
    """All forms that were asked for."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        """Outputs that are open already."""
        self._outputs = outputs

    def write(self, entry: Entry) -> None:
        """Write one outcome everywhere."""
        for output in self._outputs:
            output.write(entry)

    def __enter__(self) -> Self:
        """Themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all, also where closing one fails."""
        with ExitStack() as stack:
            for output in self._outputs:
                stack.callback(output.close)


def open_outputs(wanted: Wanted, skeleton: Skeleton) -> Outputs:
    """Open what was asked for.

    Args:
        wanted: which forms, and where; as `Wanted.checked` returns it.
        skeleton: names of the keypoints.

    Raises:
        OSError: a file or folder cannot be written.
    """
    outputs: list[Output] = []
    if wanted.out is not None:
        outputs.append(CocoFiles(wanted.out / "results.json", wanted.out / "images.json"))
    if wanted.coco is not None:
        beside = None if wanted.coco == STDOUT else wanted.coco.with_suffix(".images.json")
        outputs.append(CocoFiles(wanted.coco, beside))
    if wanted.jsonl is not None:
        outputs.append(JsonLines(open_binary(wanted.jsonl)))
    if wanted.csv is not None:
        outputs.append(Table(open_binary(wanted.csv), skeleton))
    return Outputs(outputs)


def open_binary(path: Path) -> BinaryIO:
    """A file that is written anew, its folder made if it is not there; `-` is stdout."""
    if path == STDOUT:
        return sys.stdout.buffer
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")
