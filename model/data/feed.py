"""Where a run's batches come from: a DataLoader of crops, or crops that are cut on the device that trains."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from model.config import Recipe
from model.data.augment import Augmentation
from model.data.dataset import DataError, Draws, ImageStore, PoseDataset, Sample
from model.data.disk_cache import DiskCache
from model.data.regions import Region, bytes_of, plan_regions
from model.data.resident import ResidentCrops, WindowDataset
from model.data.shares import Shares, StepBatch
from model.interruption import leave_signals_to_the_parent

GIB = 2**30

CropsFrom = Literal["auto", "loader", "resident"]


@dataclass(frozen=True)
class FeedOptions:
    """How crops are made on this machine.

    Attributes:
        crops: `loader`: OpenCV in the loader's processes; `resident`: on the device, which keeps the photographs'
            pixels; `auto`: resident on a GPU that holds them, else loader.
        workers: loader processes; 0 loads in the training process.
        image_cache_gib: memory for decoded photographs of `loader`, GiB.
        resident_gib: memory of the device for `resident`, GiB; 0: half of what is free there.
        disk_cache: folder that keeps decoded photographs.
    """

    crops: CropsFrom = "auto"
    workers: int = 1
    image_cache_gib: float = 4.0
    resident_gib: float = 0.0
    disk_cache: Path | None = None


class LoaderFeed:
    """Crops that OpenCV cuts in the loader's processes.

    Attributes:
        told: a line about it for whoever watches; may be empty.
    """

    def __init__(self, dataset: PoseDataset, shares: Shares, workers: int, *, pin: bool, told: str = "") -> None:
        """Load `dataset` as `shares` deals it."""
        self.dataset, self.shares, self.told = dataset, shares, told
        self._loader = DataLoader(
            dataset,
            batch_sampler=shares,
            num_workers=workers,
            worker_init_fn=leave_signals_to_the_parent,
            pin_memory=pin,
            persistent_workers=workers > 0,
        )

    def steps(self) -> Iterator[StepBatch]:
        """The steps of the epoch that the sampler stands at."""
        return self.shares.group(self._loader)

    def first_crops(self, count: int) -> Tensor:
        """(N, H, W, 3) uint8, the first crops of that epoch, on the CPU."""
        return torch.stack([self.dataset[key].crops for key in islice(self.shares.order, count)])


class ResidentFeed:
    """Crops that are cut on the device.

    Attributes:
        told: a line about it for whoever watches.
    """

    def __init__(self, dataset: WindowDataset, store: ResidentCrops, shares: Shares, workers: int) -> None:
        """Draw `dataset`'s windows as `shares` deals them and cut them out of `store`."""
        self.dataset, self.store, self.shares = dataset, store, shares
        self.told = f"crops are cut on {store.device}, which holds {_described(dataset.regions)}"
        self._loader = DataLoader(
            dataset,
            batch_sampler=shares,
            collate_fn=_as_it_is,
            num_workers=workers,
            worker_init_fn=leave_signals_to_the_parent,
            pin_memory=store.device.type == "cuda",
            persistent_workers=workers > 0,
        )

    def steps(self) -> Iterator[StepBatch]:
        """The steps of the epoch that the sampler stands at."""
        return self.shares.group(self.store.batch(windows) for windows in self._loader)

    def first_crops(self, count: int) -> Tensor:
        """(N, H, W, 3) uint8, the first crops of that epoch, on the device."""
        return self.store.batch(self.dataset.__getitems__(list(islice(self.shares.order, count)))).crops


Feed = LoaderFeed | ResidentFeed


def open_feed(
    recipe: Recipe, samples: Sequence[Sample], shares: Shares, options: FeedOptions, device: torch.device
) -> Feed:
    """Read photographs, as far as memory allows, and make the feed that the options ask for.

    Raises:
        DataError: a photograph is missing or broken, or `resident` does not fit; both are named.
    """
    augmentation = Augmentation(recipe.augmentation, recipe.skeleton.build())
    if options.crops == "loader" or (options.crops == "auto" and device.type != "cuda"):
        return _loader_feed(recipe, samples, augmentation, shares, options, device)
    codec, padding = recipe.codec.build(), recipe.codec.box_padding
    draws = Draws(samples, codec.input_size, augmentation.skeleton, padding, augmentation, recipe.seed)
    images = _open_images(samples, 0, options)
    regions = plan_regions(draws, augmentation)
    refusal = _refusal(regions, options, device)
    if not refusal:
        store = ResidentCrops(regions, images, codec.input_size, device)
        return ResidentFeed(WindowDataset(draws, codec, regions), store, shares, options.workers)
    if options.crops == "resident":
        raise DataError(f"{refusal}; raise --resident-gib or take --crops loader")
    return _loader_feed(
        recipe, samples, augmentation, shares, options, device, told=f"{refusal}: OpenCV cuts them in the loader"
    )


def _loader_feed(
    recipe: Recipe,
    samples: Sequence[Sample],
    augmentation: Augmentation,
    shares: Shares,
    options: FeedOptions,
    device: torch.device,
    told: str = "",
) -> LoaderFeed:
    images = _open_images(samples, int(options.image_cache_gib * GIB), options)
    codec, padding = recipe.codec.build(), recipe.codec.box_padding
    dataset = PoseDataset(samples, images, codec, augmentation.skeleton, padding, augmentation, recipe.seed)
    return LoaderFeed(dataset, shares, options.workers, pin=device.type == "cuda", told=told)


def _open_images(samples: Sequence[Sample], budget_bytes: int, options: FeedOptions) -> ImageStore:
    disk = None if options.disk_cache is None else DiskCache(options.disk_cache)
    return ImageStore((sample.image_path for sample in samples), budget_bytes, disk)


def free_bytes(device: torch.device) -> int:
    """What is free of the device's memory."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _refusal(regions: Sequence[Region], options: FeedOptions, device: torch.device) -> str:
    """Why regions do not fit on the device; empty if they do."""
    budget = options.resident_gib * GIB or free_bytes(device) / 2
    if bytes_of(regions) <= budget:
        return ""
    largest = max(regions, key=lambda region: region.pixels)
    return (
        f"resident crops need {_described(regions)}, the largest {largest.width} x {largest.height} of "
        f"{largest.path.name}; {budget / GIB:.2f} GiB of {device} are theirs"
    )


def _described(regions: Sequence[Region]) -> str:
    return f"{bytes_of(regions) / GIB:.2f} GiB of {len(regions)} photographs"


def _as_it_is(windows: object) -> object:
    return windows
