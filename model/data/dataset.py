"""The only Dataset: people of COCO-format files as crops, target heatmaps and weights."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from model.contract.arrays import ImageArray
from model.contract.coco import CocoPerson
from model.contract.codec import HeatmapCodec
from model.contract.crop import CropTransform, CropWindow
from model.contract.image import ImageError, decode_image
from model.contract.skeleton import Skeleton
from model.data.augment import Augmentation
from model.data.disk_cache import DiskCache


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
        self.box_padding, self.augmentation, self.seed = box_padding, augmentation, seed
        self.mirror_order = list(skeleton.mirror_order)

    def __len__(self) -> int:
        """How many samples an epoch has."""
        return len(self.samples)

    def __getitem__(self, key: SampleKey) -> Batch:
        """The crop (H, W, 3), heatmaps (K, h, w) and weights (K,) of one sample, as tensors."""
        sample = self.samples[key.sample]
        image = self.images[sample.image_path]
        labelled = sample.person.visibility > 0
        size = self.codec.input_size
        window = CropWindow.around(sample.person.box, size[0] / size[1], self.box_padding)
        rng = np.random.default_rng((self.seed, key.epoch, key.sample))
        if self.augmentation is not None:
            window = self.augmentation.window(window, sample.person.keypoints, labelled, rng)
        transform = CropTransform(window, size)
        crop = transform.crop_image(image)
        points = transform.points_to_crop(sample.person.keypoints)
        if self.augmentation is not None:
            crop = self.augmentation.colours(crop, rng)
        if window.mirrored:
            points, labelled = points[self.mirror_order], labelled[self.mirror_order]
        heatmaps, weights = self.codec.encode(points, labelled)
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
    try:
        return decode_image(path.read_bytes())
    except OSError as error:
        raise DataError(f"photograph {path} cannot be read: {error.strerror}") from error
    except ImageError as error:
        raise DataError(f"photograph {path}: {error}") from error


def _check_presence(paths: Sequence[Path]) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise DataError(f"photograph {missing[0]} is missing{more}; is the data folder complete?")
