"""`fasterpose benchmark`: what is timed and what is printed."""

import numpy as np
import pytest

from model.contract.arrays import FloatArray, ImageArray
from model.contract.image import decode_image
from service.bench.photographs import crowd_photograph
from service.bench.stages import print_stages, run_benchmark
from service.jobs import STAGES
from tests.service.fakes import make_pipeline


class CountingEager:
    """Stands for eager torch: remembers the shapes it was asked to compute."""

    def __init__(self) -> None:
        self.detected: list[tuple[int, ...]] = []
        self.estimated: list[tuple[int, ...]] = []

    def detect(self, images: ImageArray) -> FloatArray:
        self.detected.append(images.shape)
        return np.zeros((1, 1, 5), np.float32)

    def estimate(self, crops: ImageArray) -> FloatArray:
        self.estimated.append(crops.shape)
        return np.zeros((len(crops), 1, 1, 1), np.float32)


@pytest.mark.parametrize("people", [1, 5])
def test_the_photograph_is_720p_and_shows_different_crowds(people: int) -> None:
    photograph = decode_image(crowd_photograph(people))
    assert photograph.shape == (720, 1280, 3)
    columns = np.ptp(photograph.reshape(720, 1280, 3).mean(axis=2), axis=0) > 60
    assert columns.mean() > (0.5 if people == 1 else 0.9)


async def test_every_stage_is_timed_and_eager_torch_gets_the_same_input(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline, eager = make_pipeline(), CountingEager()
    times = await run_benchmark(pipeline, rounds=2, eager=eager)
    print_stages(pipeline, times, rounds=2)
    pipeline.close()
    assert [column.people for column in times] == [1, 5]
    assert all(set(column.served) == {*STAGES, "total"} for column in times)
    assert all(column.served["total"] >= column.served["decode"] > 0 for column in times)
    width, height = pipeline.detector.spec.input_size
    assert set(eager.detected) == {(1, height, width, 3)}
    printed = capsys.readouterr().out
    assert "eager torch: detect" in printed
    assert "postprocess" in printed


async def test_without_the_train_extra_the_table_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = make_pipeline()
    print_stages(pipeline, await run_benchmark(pipeline, rounds=1, eager=None), rounds=1)
    pipeline.close()
    assert "make benchmark" in capsys.readouterr().out
