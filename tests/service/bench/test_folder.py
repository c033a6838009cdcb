from pathlib import Path

import pytest

from service.bench.folder import measure_folder, print_folder
from service.errors import ServiceError
from tests.service.fakes import make_pipeline


async def test_both_ways_take_turns_on_the_same_images(
    tmp_path: Path, photo: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(photo)
    pipeline = make_pipeline()
    rates = await measure_folder(pipeline, [str(path)] * 20, rounds=3)
    pipeline.close()
    assert (rates.images, len(rates.alone), len(rates.together)) == (20, 3, 3)
    assert rates.window > 1
    assert min(*rates.alone, *rates.together) > 0
    print_folder(rates)
    assert f"{rates.gain:.2f}x" in capsys.readouterr().out


async def test_an_image_that_fails_has_no_rate(tmp_path: Path) -> None:
    pipeline = make_pipeline()
    with pytest.raises(ServiceError):
        await measure_folder(pipeline, [str(tmp_path / "none.jpg")], rounds=1)
    pipeline.close()
