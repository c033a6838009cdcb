"""Crops cut on the device against those of the contract: the same draws, targets and geometry, rounded otherwise."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch

from model.config import Recipe, read_recipe
from model.contract.coco import CocoPerson, read_keypoints
from model.contract.codec import Alignment, Centre
from model.contract.skeleton import COCO_17
from model.data.dataset import Batch, DataError, EpochSampler, Sample, read_image
from model.data.feed import GIB, Feed, FeedOptions, LoaderFeed, ResidentFeed, open_feed
from model.data.regions import bytes_of
from model.data.shares import Shares
from model.data.sources import usable_samples
from tests.model import drawn

CPU = torch.device("cpu")
PHOTOGRAPHS = sorted((Path(__file__).parents[3] / "service/static/samples").glob("*.jpg"))
RESIDENT, LOADER = FeedOptions("resident", workers=0), FeedOptions("loader", workers=0)


@pytest.fixture
def recipe(recipe_file: Path) -> Recipe:
    return read_recipe(recipe_file)


@pytest.fixture
def samples(data: Path) -> list[Sample]:
    return usable_samples(read_keypoints(data / "train.json"), data / "images", COCO_17)


@pytest.fixture
def photographed(samples: list[Sample]) -> list[Sample]:
    """People of every size on real photographs, some half outside."""
    random = np.random.default_rng(4)
    people: list[Sample] = []
    for number in range(12):
        path = PHOTOGRAPHS[number % len(PHOTOGRAPHS)]
        height, width = read_image(path).shape[:2]
        scale, x, y = random.uniform(0.5, 6), random.uniform(-40, width - 60), random.uniform(-40, height - 80)
        people.append(Sample(path, _person(samples[0].person, x, y, scale)))
    return people


def _person(like: CocoPerson, x: float, y: float, scale: float) -> CocoPerson:
    box = (x - 4, y - 4, 40 * scale + 8, 80 * scale + 8)
    return replace(like, keypoints=drawn.figure_at(x, y, scale), box=box)


def feed_of(recipe: Recipe, samples: list[Sample], options: FeedOptions, device: torch.device = CPU) -> Feed:
    return open_feed(recipe, samples, Shares(EpochSampler(len(samples), recipe.seed), 4), options, device)


def batches(feed: Feed, epochs: int) -> Iterator[Batch]:
    for epoch in range(epochs):
        feed.shares.order.epoch = epoch
        yield from (part.batch for step in feed.steps() for part in step.parts)


def with_codec(recipe: Recipe, **changes: object) -> Recipe:
    return recipe.model_copy(update={"codec": recipe.codec.model_copy(update=changes)})


def differences(recipe: Recipe, samples: list[Sample], epochs: int) -> np.ndarray:
    """Grey levels; also checks that targets and weights are the same bits."""
    feeds = [feed_of(recipe, samples, options) for options in (LOADER, RESIDENT)]
    found: list[np.ndarray] = []
    for ours, theirs in zip(*(batches(feed, epochs) for feed in feeds), strict=True):
        assert torch.equal(ours.heatmaps, theirs.heatmaps)
        assert torch.equal(ours.weights, theirs.weights)
        assert (theirs.crops.dtype, theirs.heatmaps.dtype) == (torch.uint8, torch.float32)
        found.append((ours.crops.int() - theirs.crops.int()).abs().numpy())
    return np.concatenate(found)


def test_crops_of_photographs_are_the_contracts_but_for_rounding(recipe: Recipe, photographed: list[Sample]) -> None:
    plain = recipe.augmentation.model_copy(update={"brightness": 0.0, "shift": 0.1})
    found = differences(recipe.model_copy(update={"augmentation": plain}), photographed, epochs=8)
    assert found.shape == (96, 64, 64, 3)
    assert found.max() <= 1
    assert found.mean() < 0.002


def test_brightness_changes_the_same_pixels_alike(recipe: Recipe, photographed: list[Sample]) -> None:
    assert recipe.augmentation.brightness > 0
    found = differences(recipe, photographed, epochs=4)
    assert found.max() <= 2  # a level apart before, up to 1.2 times that after
    assert found.mean() < 0.002


@pytest.mark.parametrize("alignment", ["stride", "half_pixel", "udp"])
@pytest.mark.parametrize("centre", ["rounded", "exact"])
def test_targets_are_the_codecs_bit_for_bit(
    recipe: Recipe, samples: list[Sample], alignment: Alignment, centre: Centre
) -> None:
    assert differences(with_codec(recipe, alignment=alignment, centre=centre), samples, epochs=2).max() <= 2


def test_keypoints_lie_on_the_same_twentieth_of_a_pixel(recipe: Recipe, samples: list[Sample]) -> None:
    """The centre of light of a drawn dot, in crops of both kinds."""
    still = recipe.augmentation.model_copy(update={"brightness": 0.0, "half_body_probability": 0.0})
    recipe = recipe.model_copy(update={"augmentation": still})
    picture = np.zeros((100, 120, 3), dtype=np.uint8)
    cv2.circle(picture, (31, 47), 3, (255, 255, 255), -1)
    cv2.imwrite(str(samples[0].image_path), picture)
    feeds = [feed_of(recipe, samples[:1], options) for options in (LOADER, RESIDENT)]
    for ours, theirs in zip(*(batches(feed, 20) for feed in feeds), strict=True):
        assert np.abs(_centre_of_light(ours.crops) - _centre_of_light(theirs.crops)).max() <= 0.05


def _centre_of_light(crops: torch.Tensor) -> np.ndarray:
    light = crops[0, ..., 0].numpy().astype(float)
    assert light.sum() > 0
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]]
    return np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()


def test_the_device_holds_what_crops_can_show_and_no_more(recipe: Recipe, samples: list[Sample]) -> None:
    small = [replace(sample, person=_person(sample.person, 60, 40, 0.4)) for sample in samples[:1]]
    feed = feed_of(recipe, small, RESIDENT)
    assert isinstance(feed, ResidentFeed)
    (region,) = feed.dataset.regions
    assert region.photograph == (120, 100)
    assert bytes_of([region]) == 3 * region.width * region.height < 3 * 120 * 100
    assert differences(recipe, small, epochs=20).max() <= 2


def test_workers_draw_the_same_as_the_process_itself(recipe: Recipe, samples: list[Sample]) -> None:
    alone = feed_of(recipe, samples, RESIDENT)
    helped = feed_of(recipe, samples, replace(RESIDENT, workers=1))
    for ours, theirs in zip(batches(alone, 2), batches(helped, 2), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_first_crops_are_those_of_the_epoch(recipe: Recipe, samples: list[Sample]) -> None:
    for options in (LOADER, RESIDENT):
        feed = feed_of(recipe, samples, options)
        assert torch.equal(feed.first_crops(4), next(batches(feed, 1)).crops)


def test_a_set_that_does_not_fit_is_refused_with_its_size(recipe: Recipe, samples: list[Sample]) -> None:
    tight = replace(RESIDENT, resident_gib=100_000 / GIB)
    with pytest.raises(
        DataError,
        match=r"resident crops need 0\.00 GiB of 4 photographs, the largest \d+ x \d+ of train-\d\.png; 0\.00",
    ):
        feed_of(recipe, samples, tight)


def test_auto_cuts_on_a_gpu_that_holds_the_set_and_says_why_it_does_not(
    recipe: Recipe, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    def free_memory(_: torch.device) -> tuple[int, int]:
        return 100_000, 200_000

    automatic = FeedOptions(workers=0)
    assert isinstance(feed_of(recipe, samples, automatic), LoaderFeed)
    monkeypatch.setattr(torch.cuda, "mem_get_info", free_memory)
    fallen = feed_of(recipe, samples, automatic, torch.device("cuda"))
    assert isinstance(fallen, LoaderFeed)
    assert fallen.told.endswith("OpenCV cuts them in the loader")


def test_a_photograph_unlike_its_header_is_named(
    recipe: Recipe, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    def turned(_: object) -> tuple[int, int]:
        return 90, 100

    monkeypatch.setattr("model.data.regions.image_size", turned)
    with pytest.raises(DataError, match=r"train-\d\.png is 120 x 100; its header says 90 x 100"):
        feed_of(recipe, samples, RESIDENT)


def test_a_photograph_with_a_broken_header_is_named(recipe: Recipe, samples: list[Sample]) -> None:
    samples[0].image_path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DataError, match=r"photograph .*train-1\.png: the PNG header is broken"):
        feed_of(recipe, samples, RESIDENT)
