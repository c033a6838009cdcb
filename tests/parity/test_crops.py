"""Training and serving cut out the same crops, byte for byte."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs the train extra")

from model.contract.coco import CocoPerson
from model.contract.codec import HeatmapCodec
from model.contract.image import decode_image
from model.data.dataset import ImageStore, PoseDataset, Sample, SampleKey
from service.batching.limit import BatchLimit
from service.estimator import Estimator
from tests.service.fakes import FakePoseRuntime, loaded, pose_spec

SPEC = pose_spec()
WIDTH, HEIGHT = 150, 110
SIDES = st.floats(1, 220)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same drawing as PNG, as JPEG, and as a JPEG that is stored on its side and says so."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(6)
    picture = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    cv2.rectangle(picture, (30, 20), (90, 100), (20, 200, 240), -1)
    cv2.circle(picture, (110, 60), 30, (220, 30, 60), -1)
    paths = [folder / "a.png", folder / "b.jpg", folder / "turned.jpg"]
    cv2.imwrite(str(paths[0]), picture)
    cv2.imwrite(str(paths[1]), picture)
    cv2.imwrite(str(paths[2]), np.rot90(picture))
    paths[2].write_bytes(with_orientation(paths[2].read_bytes(), 6))
    return paths


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF segment that says how to turn it."""
    tiff = b"II*\0" + (8).to_bytes(4, "little") + (1).to_bytes(2, "little")
    tiff += (274).to_bytes(2, "little") + (3).to_bytes(2, "little") + (1).to_bytes(4, "little")
    tiff += orientation.to_bytes(4, "little") + bytes(4)
    content = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content + jpeg[2:]


def dataset(paths: list[Path], boxes: list[tuple[float, float, float, float]], codec: HeatmapCodec) -> PoseDataset:
    """People without augmentation: every box on every photograph."""
    nothing, unmarked = np.zeros((17, 2)), np.zeros(17, dtype=np.bool_)
    samples = [
        Sample(
            path, CocoPerson(i, 0, box, 1.0, nothing, np.zeros(17, dtype=np.int64), iscrowd=False, is_pseudo=unmarked)
        )
        for path in paths
        for i, box in enumerate(boxes)
    ]
    return PoseDataset(samples, ImageStore(paths, 10**7), codec, SPEC.skeleton, SPEC.box_padding, None, seed=0)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(-100, 140), st.floats(-80, 100), SIDES, SIDES), min_size=1, max_size=4))
def test_the_dataset_and_the_server_cut_out_the_same_bytes(
    photographs: list[Path], boxes: list[tuple[float, float, float, float]]
) -> None:
    estimator = Estimator(loaded(SPEC, FakePoseRuntime(SPEC.input_size)), BatchLimit(1, {}))
    people = dataset(photographs, boxes, SPEC.codec)
    for number, path in enumerate(photographs):
        _, served = estimator.crop(decode_image(path.read_bytes()), boxes)
        trained = [people[SampleKey(0, number * len(boxes) + i)].crops.numpy() for i in range(len(boxes))]
        assert served.tobytes() == np.stack(trained).tobytes()


def test_the_photographs_are_upright_and_show_something(photographs: list[Path]) -> None:
    images = [decode_image(path.read_bytes()) for path in photographs]
    assert [image.shape for image in images] == [(HEIGHT, WIDTH, 3)] * 3
    crops = dataset(photographs, [(20.0, 10.0, 80.0, 90.0)], SPEC.codec)
    assert all(crops[SampleKey(0, i)].crops.numpy().std() > 30 for i in range(3))
