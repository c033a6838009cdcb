"""Which part of each photograph its people's crops can show, and how many bytes all parts take."""

import math
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from model.contract.crop import Size
from model.data.augment import Augmentation, Corners
from model.data.dataset import Draws, image_size

CHANNELS = 3
MARGIN = 2
"""Pixels around the outermost sampled place: bilinear sampling reads one pixel further."""


@dataclass(frozen=True)
class Region:
    """An upright part of a photograph, whole pixels.

    Attributes:
        path: the photograph.
        left: first column.
        top: first row.
        width: columns.
        height: rows.
        photograph: (width, height) of the whole.
    """

    path: Path
    left: int
    top: int
    width: int
    height: int
    photograph: Size

    @property
    def pixels(self) -> int:
        """How many pixels it has."""
        return self.width * self.height


def plan_regions(draws: Draws, augmentation: Augmentation) -> list[Region]:
    """One region a photograph: all that crops of its people can show, at full size; only headers are read.

    Outside of a region there is then nothing but the outside of the photograph, which is black in a crop.

    Raises:
        DataError: a photograph is missing, or its header broken.
    """
    reaches: dict[Path, list[Corners]] = defaultdict(list)
    for sample in draws.samples:
        person = sample.person
        reach = augmentation.reach(draws.upright(person), person.keypoints, person.labelled)
        reaches[sample.image_path].append(reach)
    with ThreadPoolExecutor() as threads:
        sizes = threads.map(image_size, reaches)
        return [_region(path, reaches[path], size) for path, size in zip(reaches, sizes, strict=True)]


def bytes_of(regions: Sequence[Region]) -> int:
    """What their pixels take."""
    return CHANNELS * sum(region.pixels for region in regions)


def _region(path: Path, reaches: Sequence[Corners], size: Size) -> Region:
    lefts, tops, rights, bottoms = zip(*reaches, strict=True)
    left, right = _clip(min(lefts), max(rights), size[0])
    top, bottom = _clip(min(tops), max(bottoms), size[1])
    return Region(path, left, top, right - left, bottom - top, size)


def _clip(low: float, high: float, size: int) -> tuple[int, int]:
    """First pixel and the one after the last, within the photograph; at least one pixel."""
    first = min(max(math.floor(low) - MARGIN, 0), size - 1)
    return first, max(min(math.ceil(high) + MARGIN + 1, size), first + 1)
