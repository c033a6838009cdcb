"""Crops cut where the network computes: the people's part of every photograph stays on the device, uint8, at full size.

Workers draw windows and targets' factors, some kilobytes a sample; pixels are sampled and targets multiplied on the
device. Nothing is resized before, so that a crop is `model.contract.crop`'s but for the rounding of single pixels.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from model.contract.codec import HeatmapCodec
from model.contract.crop import Size
from model.data.dataset import Batch, DataError, Draws, ImageStore, SampleKey
from model.data.regions import CHANNELS, Region

GREY_LEVELS = np.arange(256, dtype=np.uint8)


class Windows(NamedTuple):
    """Samples of one part, all but their pixels.

    Attributes:
        regions: (B,) int64, which region each crop is cut out of.
        inverses: (B, 2, 3) float32, crop pixels -> pixels of the photograph.
        levels: (B, 256) uint8, what each grey level becomes.
        columns: (B, K, w) float64, the targets' factors along x.
        rows: (B, K, h) float64, along y.
        weights: (B, K) float32, 0 for joints without a label.
    """

    regions: Tensor
    inverses: Tensor
    levels: Tensor
    columns: Tensor
    rows: Tensor
    weights: Tensor


class WindowDataset(Dataset[Windows]):
    """Draws whole batches; a DataLoader's workers need neither pixels nor the device for it."""

    def __init__(self, draws: Draws, codec: HeatmapCodec, regions: Sequence[Region]) -> None:
        """Draw samples of photographs that have a region."""
        self.draws, self.codec, self.regions = draws, codec, regions
        numbers = {region.path: number for number, region in enumerate(regions)}
        self._numbers = [numbers[sample.image_path] for sample in draws.samples]

    def __len__(self) -> int:
        """How many samples an epoch has."""
        return len(self._numbers)

    def __getitems__(self, keys: list[SampleKey]) -> Windows:
        """The windows of a batch, stacked; torch's loader calls this."""
        drawn = [self.draws[key] for key in keys]
        points, labelled = np.stack([one.points for one in drawn]), np.stack([one.labelled for one in drawn])
        columns, rows, weights = self.codec.profiles(points, labelled)
        return Windows(
            torch.tensor([self._numbers[key.sample] for key in keys]),
            torch.from_numpy(np.stack([one.transform.inverse for one in drawn]).astype(np.float32)),
            torch.from_numpy(np.stack([GREY_LEVELS if one.levels is None else one.levels for one in drawn])),
            torch.from_numpy(columns),
            torch.from_numpy(rows),
            torch.from_numpy(weights),
        )


class ResidentCrops:
    """The pixels of all regions on one device, and the crops cut out of them."""

    def __init__(self, regions: Sequence[Region], images: ImageStore, size: Size, device: torch.device) -> None:
        """Decode every photograph once, on all cores, and move its region to the device.

        Args:
            regions: what to keep.
            images: where photographs come from.
            size: (width, height) of a crop, pixels.
            device: where pixels stay.

        Raises:
            DataError: a photograph cannot be read, or is of another size than its header says.
        """
        self.size, self.device = size, device
        ends = list(accumulate(region.pixels for region in regions))
        frames = [(end - r.pixels, r.left, r.top, r.width, r.height) for end, r in zip(ends, regions, strict=True)]
        self._frames = torch.tensor(frames, dtype=torch.int64, device=device)  # (R, 5)
        self._pixels = torch.empty((ends[-1], CHANNELS), dtype=torch.uint8, device=device)

        def place(region: Region, end: int) -> None:
            self._pixels[end - region.pixels : end] = _pixels_of(region, images).to(device)

        with ThreadPoolExecutor() as threads:
            list(threads.map(place, regions, ends))

    def batch(self, windows: Windows) -> Batch:
        """Crops, targets and weights of a batch on the device, as a DataLoader of `PoseDataset` would give them."""
        there = Windows(*(tensor.to(self.device, non_blocking=True) for tensor in windows))
        heatmaps = there.rows[:, :, :, None] * there.columns[:, :, None, :] * there.weights[:, :, None, None]
        crops = _repaint(self._cut(there.regions, there.inverses), there.levels)
        return Batch(crops, heatmaps.float(), there.weights)

    def _cut(self, regions: Tensor, inverses: Tensor) -> Tensor:
        """(B, H, W, 3) uint8, bilinear, black outside; the order of operations is OpenCV's, so that rounding agrees."""
        width, height = self.size
        column = torch.arange(width, dtype=torch.float32, device=self.device)
        row = torch.arange(height, dtype=torch.float32, device=self.device)[:, None]
        x, y = (m[:, 0] * column + m[:, 1] * row + m[:, 2] for m in inverses[..., None, None].unbind(1))  # (B, H, W)
        left, top = x.floor(), y.floor()
        across, down = (x - left)[..., None], (y - top)[..., None]
        left, top = left.long(), top.long()
        upper_left, upper_right = self._read(regions, left, top), self._read(regions, left + 1, top)
        upper = upper_left + across * (upper_right - upper_left)
        lower_left, lower_right = self._read(regions, left, top + 1), self._read(regions, left + 1, top + 1)
        lower = lower_left + across * (lower_right - lower_left)
        return (upper + down * (lower - upper)).round().to(torch.uint8)

    def _read(self, regions: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Pixels of the photographs at (B, H, W) whole places -> (B, H, W, 3) float32, 0 outside the regions."""
        first, left, top, width, height = self._frames[regions][..., None, None].unbind(1)  # (B, 1, 1) each
        x, y = x - left, y - top
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        place = torch.where(inside, first + y * width + x, first)
        return self._pixels[place].float() * inside[..., None]


def _pixels_of(region: Region, images: ImageStore) -> Tensor:
    """(pixels, 3) uint8 RGB, row by row."""
    image = images[region.path]
    width, height = region.photograph
    if image.shape[:2] != (height, width):
        found = f"{image.shape[1]} x {image.shape[0]}"
        raise DataError(f"photograph {region.path} is {found}; its header says {width} x {height}")
    part = image[region.top : region.top + region.height, region.left : region.left + region.width]
    return torch.from_numpy(np.ascontiguousarray(part).reshape(-1, CHANNELS))


def _repaint(crops: Tensor, levels: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 crops with each grey level replaced by (B, 256) `levels`."""
    return levels.gather(1, crops.flatten(1).long()).view_as(crops)
