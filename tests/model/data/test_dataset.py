from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs the train extra")

from torch.utils.data import DataLoader

from model.config import AugmentationRecipe
from model.contract.coco import read_keypoints
from model.contract.codec import HeatmapCodec
from model.contract.crop import CropTransform
from model.contract.skeleton import COCO_17
from model.data.augment import Augmentation
from model.data.dataset import Batch, DataError, EpochSampler, ImageStore, PoseDataset, Sample, SampleKey, read_image
from model.data.sources import usable_samples

CODEC = HeatmapCodec((128, 128), (32, 32), 1.0, "half_pixel", "exact", "dark")
NOSE, LEFT_WRIST, RIGHT_WRIST = 0, 9, 10
FLIP_ONLY = AugmentationRecipe(scale=0, rotation_probability=0, flip_probability=1, half_body_probability=0)


@pytest.fixture
def samples(data: Path) -> list[Sample]:
    return usable_samples(read_keypoints(data / "train.json"), data / "images", COCO_17)


def dataset(samples: list[Sample], recipe: AugmentationRecipe | None = None, seed: int = 0) -> PoseDataset:
    augmentation = None if recipe is None else Augmentation(recipe, COCO_17)
    images = ImageStore([sample.image_path for sample in samples], budget_bytes=10**7)
    return PoseDataset(samples, images, CODEC, COCO_17, 1.25, augmentation, seed)


def peaks(batch: Batch) -> np.ndarray:
    """(K, 2) crop pixels."""
    return CODEC.decode(batch.heatmaps.numpy()[None])[0][0]


def test_without_augmentation_a_crop_is_the_contracts(samples: list[Sample]) -> None:
    people = dataset(samples)
    assert len(people) == len(samples) == 6
    for number, sample in enumerate(samples):
        batch = people[SampleKey(3, number)]
        transform = CropTransform.from_box(sample.person.box, (128, 128), 1.25)
        assert np.array_equal(batch.crops.numpy(), transform.crop_image(read_image(sample.image_path)))
        expected = transform.points_to_crop(sample.person.keypoints)
        assert np.abs(peaks(batch) - expected).max() < 0.3
        assert batch.weights.tolist() == [1.0] * 17


def test_unlabelled_joints_and_joints_outside_the_crop_weigh_nothing(samples: list[Sample]) -> None:
    visibility = samples[0].person.visibility.copy()
    visibility[3], visibility[4] = 0, 1
    keypoints = samples[0].person.keypoints.copy()
    keypoints[16] = (500.0, 500.0)
    sample = replace(samples[0], person=replace(samples[0].person, visibility=visibility, keypoints=keypoints))
    batch = dataset([sample])[SampleKey(0, 0)]
    assert [int(k) for k in np.flatnonzero(batch.weights.numpy() == 0)] == [3, 16]
    assert batch.heatmaps[[3, 16]].abs().sum() == 0


def test_a_mirrored_sample_keeps_left_and_right_right(samples: list[Sample]) -> None:
    straight, mirrored = dataset(samples)[SampleKey(0, 0)], dataset(samples, FLIP_ONLY)[SampleKey(0, 0)]
    assert np.array_equal(mirrored.crops.numpy(), straight.crops.numpy()[:, ::-1])
    before, after = peaks(straight), peaks(mirrored)
    assert after[LEFT_WRIST, 0] == pytest.approx(127 - before[RIGHT_WRIST, 0], abs=0.2)
    assert after[RIGHT_WRIST, 0] == pytest.approx(127 - before[LEFT_WRIST, 0], abs=0.2)
    assert after[:, 1] == pytest.approx(before[list(COCO_17.mirror_order), 1], abs=0.2)
    assert after[LEFT_WRIST, 0] > after[RIGHT_WRIST, 0]  # who faces the camera has the left hand on our right


def test_a_mirrored_samples_missing_label_moves_to_the_other_side(samples: list[Sample]) -> None:
    visibility = samples[0].person.visibility.copy()
    visibility[LEFT_WRIST] = 0
    sample = replace(samples[0], person=replace(samples[0].person, visibility=visibility))
    weights = dataset([sample], FLIP_ONLY)[SampleKey(0, 0)].weights
    assert (weights[LEFT_WRIST], weights[RIGHT_WRIST]) == (1, 0)


def test_targets_follow_the_pixels_through_every_augmentation(samples: list[Sample]) -> None:
    """A dot drawn on a joint lies, in the augmented crop, where the joint's heatmap peaks."""
    point = samples[0].person.keypoints[NOSE] = np.array([31.0, 47.0])
    picture = np.zeros((100, 120, 3), dtype=np.uint8)
    cv2.circle(picture, (int(point[0]), int(point[1])), 3, (255, 255, 255), -1)
    cv2.imwrite(str(samples[0].image_path), picture)
    people = dataset(samples[:1], AugmentationRecipe(half_body_probability=0, shift=0.05))
    for epoch in range(20):
        batch = people[SampleKey(epoch, 0)]
        light = batch.crops.numpy()[..., 0].astype(float)
        rows, columns = np.mgrid[:128, :128]
        centre = np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()
        assert np.abs(peaks(batch)[NOSE] - centre).max() < 0.7


def test_random_numbers_depend_on_seed_epoch_and_sample_alone(samples: list[Sample]) -> None:
    recipe = AugmentationRecipe(brightness=0.2)
    first, second = dataset(samples, recipe, seed=1), dataset(samples, recipe, seed=1)
    second[SampleKey(0, 0)]  # what was asked for before does not matter
    keys = [SampleKey(epoch, sample) for epoch in range(2) for sample in range(3)]
    crops = [first[key].crops.numpy() for key in keys]
    assert all(np.array_equal(crop, second[key].crops.numpy()) for crop, key in zip(crops, keys, strict=True))
    assert not np.array_equal(crops[0], first[SampleKey(1, 0)].crops.numpy())
    assert not np.array_equal(crops[0], dataset(samples, recipe, seed=2)[keys[0]].crops.numpy())


def test_a_loader_makes_batches_of_the_documented_form(samples: list[Sample]) -> None:
    batch = next(iter(DataLoader(dataset(samples), 4, sampler=EpochSampler(6, seed=0))))
    assert isinstance(batch, Batch)
    assert batch.crops.shape == (4, 128, 128, 3)
    assert batch.heatmaps.shape == (4, 17, 32, 32)
    assert batch.weights.shape == (4, 17)
    assert [str(tensor.dtype) for tensor in batch] == ["torch.uint8", "torch.float32", "torch.float32"]


@given(st.integers(1, 200), st.integers(0, 2**31), st.integers(0, 5), st.integers(0, 200))
def test_an_epoch_holds_every_sample_once_and_resumes_where_it_was(
    count: int, seed: int, epoch: int, used: int
) -> None:
    whole, resumed = EpochSampler(count, seed), EpochSampler(count, seed)
    whole.epoch = resumed.epoch = epoch
    resumed.skip = min(used, count)
    keys = list(whole)
    assert sorted(key.sample for key in keys) == list(range(count))
    assert {key.epoch for key in keys} == {epoch}
    assert list(resumed) == keys[resumed.skip :]
    assert (len(whole), len(resumed)) == (count, count - resumed.skip)


def test_a_limited_epoch_draws_other_samples_each_time_and_resumes() -> None:
    sampler = EpochSampler(100, seed=4, limit=10)
    first = [key.sample for key in sampler]
    assert len(set(first)) == len(sampler) == sampler.count == 10
    sampler.skip = 7
    assert [key.sample for key in sampler] == first[7:]
    sampler.epoch, sampler.skip = 1, 0
    assert set(first) != {key.sample for key in sampler}
    assert EpochSampler(3, seed=4, limit=10).count == 3


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    sampler = EpochSampler(50, seed=1)
    first = [key.sample for key in sampler]
    sampler.epoch = 1
    assert [key.sample for key in sampler] != first
    assert [key.sample for key in EpochSampler(50, seed=2)] != first


def test_the_store_decodes_within_its_budget_and_reads_the_rest_when_asked(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [sample.image_path for sample in samples]
    read: list[Path] = []

    def counting(path: Path) -> np.ndarray:
        read.append(path)
        return read_image(path)

    monkeypatch.setattr("model.data.dataset.read_image", counting)
    store = ImageStore(paths, budget_bytes=120 * 100 * 3 + 1)
    unique = list(dict.fromkeys(paths))
    assert read == unique[:2]
    assert all(np.array_equal(store[path], read_image(path)) for path in unique)
    assert read == [*unique[:2], *unique[2:]]


@pytest.mark.parametrize("budget", [0, 10**7])
def test_a_missing_photograph_is_named_whatever_the_budget(tmp_path: Path, samples: list[Sample], budget: int) -> None:
    absent = [tmp_path / "a.png", tmp_path / "b.png"]
    with pytest.raises(DataError, match=r"photograph .*a\.png is missing \(and 1 more\)"):
        ImageStore([samples[0].image_path, *absent], budget)


def test_a_photograph_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    with pytest.raises(DataError, match=r"photograph .*broken\.png: "):
        ImageStore([path], 10**6)
    with pytest.raises(DataError, match=r"broken\.png"):
        ImageStore([path], 0)[path]


def test_a_photograph_that_vanishes_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png cannot be read: No such file"):
        read_image(tmp_path / "gone.png")
