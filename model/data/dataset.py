"""The only Dataset: people of COCO-format files as crops, target heatmaps and weights."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from model.contract.arrays import BoolArray, DoubleArray, ImageArray
from model.contract.coco import CocoPerson
from model.contract.codec import HeatmapCodec
from model.contract.crop import CropTransform, CropWindow, Size
from model.contract.image import ImageError, decode_image
from model.contract.image_header import read_header
from model.contract.skeleton import Skeleton
from model.data.augment import Augmentation
from model.data.disk_cache import DiskCache

Parsed = TypeVar("Parsed")


class DataError(ValueError):
    """Training data that cannot be used; the message names the file."""


@dataclass(frozen=True)
class Sample:
    """A person and the photograph they are in."""

    image_path: Path
    person: CocoPerson


class Batch(NamedTuple):
    """Samples of one step.

    Attributes:
        crops: (B, H, W, 3) uint8 RGB.
        heatmaps: (B, K, h, w) float32 targets.
        weights: (B, K) float32, 0 for joints without a label.
    """

    crops: Tensor
    heatmaps: Tensor
    weights: Tensor


class SampleKey(NamedTuple):
    """Which sample, and the epoch whose random numbers it takes."""

    epoch: int
    sample: int


class ImageStore:
    """Decoded photographs, kept in memory up to a budget (forked workers share them), then on disk, else decoded."""

    def __init__(self, paths: Iterable[Path], budget_bytes: int, disk: DiskCache | None = None) -> None:
        """Decode photographs, about 3 ms each, until the budget is used up; all of them are kept on `disk`.

        Raises:
            DataError: a photograph is missing, or one of those decoded now cannot be decoded.
        """
        self._images: dict[Path, ImageArray] = {}
        self._disk = disk
        unique = list(dict.fromkeys(paths))
        _check_presence(unique)
        for path in unique:
            if budget_bytes <= 0:
                break
            self._images[path] = self._read(path)
            budget_bytes -= self._images[path].nbytes

    def __getitem__(self, path: Path) -> ImageArray:
        """The (H, W, 3) uint8 RGB photograph."""
        image = self._images.get(path)
        return self._read(path) if image is None else image

    def _read(self, path: Path) -> ImageArray:
        if self._disk is None:
            return read_image(path)
        kept = self._disk.get(path)
        if kept is not None:
            return kept
        image = read_image(path)
        self._disk.put(path, image)
        return image


@dataclass(frozen=True)
class Drawn:
    """What was drawn for one sample: all of a crop but its pixels.

    Attributes:
        transform: between the photograph and the crop.
        points: (K, 2) float64 keypoints, crop pixels; of a mirrored crop, left and right exchanged.
        labelled: (K,) whether a keypoint has a label.
        levels: (256,) uint8, what each grey level becomes; None if all stay.
    """

    transform: CropTransform
    points: DoubleArray
    labelled: BoolArray
    levels: ImageArray | None


class Draws:
    """The crops of people before pixels are read: the same for whoever cuts them, here or on a GPU."""

    def __init__(
        self,
        samples: Sequence[Sample],
        size: Size,
        skeleton: Skeleton,
        box_padding: float,
        augmentation: Augmentation | None,
        seed: int,
    ) -> None:
        """Keep what makes windows for crops of `size` (width, height)."""
        self.samples, self.size, self.box_padding = samples, size, box_padding
        self.augmentation, self.seed = augmentation, seed
        self.mirror_order = list(skeleton.mirror_order)

    def __getitem__(self, key: SampleKey) -> Drawn:
        """A function of seed, epoch and sample alone."""
        person = self.samples[key.sample].person
        labelled, levels = person.visibility > 0, None
        window = self.upright(person)
        if self.augmentation is not None:
            rng = np.random.default_rng((self.seed, key.epoch, key.sample))
            window = self.augmentation.window(window, person.keypoints, labelled, rng)
            levels = self.augmentation.levels(rng)
        transform = CropTransform(window, self.size)
        points = transform.points_to_crop(person.keypoints)
        if window.mirrored:
            points, labelled = points[self.mirror_order], labelled[self.mirror_order]
        return Drawn(transform, points, labelled, levels)

    def upright(self, person: CocoPerson) -> CropWindow:
        """The window that serving would use."""
        return CropWindow.around(person.box, self.size[0] / self.size[1], self.box_padding)


class PoseDataset(Dataset[Batch]):
    """Crops and targets of people; with an augmentation for training, without for evaluation.

    Without augmentation a crop is byte for byte what the server cuts out for the same box.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        images: ImageStore,
        codec: HeatmapCodec,
        skeleton: Skeleton,
        box_padding: float,
        augmentation: Augmentation | None,
        seed: int,
    ) -> None:
        """Keep what makes a crop; nothing is read here."""
        self.samples, self.images, self.codec = samples, images, codec
        self.draws = Draws(samples, codec.input_size, skeleton, box_padding, augmentation, seed)

    def __len__(self) -> int:
        """How many samples an epoch has."""
        return len(self.samples)

    def __getitem__(self, key: SampleKey) -> Batch:
        """The crop (H, W, 3), heatmaps (K, h, w) and weights (K,) of one sample, as tensors."""
        drawn = self.draws[key]
        crop = drawn.transform.crop_image(self.images[self.samples[key.sample].image_path])
        if drawn.levels is not None:
            crop = np.asarray(cv2.LUT(crop, drawn.levels), dtype=np.uint8)
        heatmaps, weights = self.codec.encode(drawn.points, drawn.labelled)
        return Batch(torch.from_numpy(crop), torch.from_numpy(heatmaps), torch.from_numpy(weights))


class EpochSampler(Sampler[SampleKey]):
    """A fresh shuffle every epoch, a function of (seed, epoch) alone, so that a resumed run repeats it.

    Attributes:
        count: samples an epoch.
        epoch: the epoch whose order is given next.
        skip: how many of its samples were already used before a resume.
    """

    def __init__(self, samples: int, seed: int, limit: int | None = None) -> None:
        """Orders of `samples` samples; with a limit each epoch takes only so many of them."""
        self.samples, self.seed, self.epoch, self.skip = samples, seed, 0, 0
        self.count = samples if limit is None else min(limit, samples)

    def __len__(self) -> int:
        """How many samples are left of this epoch."""
        return self.count - self.skip

    def __iter__(self) -> Iterator[SampleKey]:
        """Keys of this epoch's samples that are still to come."""
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.samples)
        return iter([SampleKey(self.epoch, int(sample)) for sample in order[self.skip : self.count]])


def read_image(path: Path) -> ImageArray:
    """Read a photograph as the server would: upright (H, W, 3) uint8 RGB.

    Raises:
        DataError: it is missing or cannot be decoded.
    """
    return _read(path, decode_image)


def image_size(path: Path) -> Size:
    """(width, height) of the upright photograph, from its header; errors as `read_image`'s."""
    return _read(path, lambda data: read_header(data).upright_size)


def _read(path: Path, parse: Callable[[bytes], Parsed]) -> Parsed:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise DataError(f"photograph {path} cannot be read: {error.strerror}") from error
    except ImageError as error:
        raise DataError(f"photograph {path}: {error}") from error


def _check_presence(paths: Sequence[Path]) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise DataError(f"photograph {missing[0]} is missing{more}; is the data folder complete?")
