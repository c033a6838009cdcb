import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")

from model.benchmark_train import Plan, Rates, describe_rates, measure_rates
from model.cli import main
from model.config import read_recipe
from tests.model.narrow import use_narrow_trunks

ACTIVITIES = {"crops, loader", "crops, resident", "network", "training, loader", "training, resident"}


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    use_narrow_trunks(monkeypatch)


def test_every_activity_is_measured_and_printed(
    data: Path, recipe_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ("--seconds", "0.1", "--workers", "0", "--threads", "1")
    main_or_exit("benchmark-train", "--recipe", str(recipe_file), "--data", str(data), *short)
    told = capsys.readouterr().out
    assert "fasterpose-resnet18 64x64, batch 4, cpu, fp32, 0 worker(s), 3 rounds" in told
    assert "which holds 0.00 GiB of 4 photographs" in told
    for line in ("crops", "training"):
        loader, resident, ratio = re.search(rf"{line} +([\d.]+) +([\d.]+) +([\d.]+)x", told).groups()  # pyright: ignore[reportOptionalMemberAccess]
        assert float(ratio) == pytest.approx(float(resident) / float(loader), abs=0.01)
    assert "GPU busy" not in told


def main_or_exit(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 0


def test_parts_are_faster_than_the_whole(data: Path, recipe_file: Path) -> None:
    measured = measure_rates(Plan(read_recipe(recipe_file), data, seconds=0.3, workers=0, threads=1, people=4))
    assert measured.rates.keys() == ACTIVITIES
    assert measured.gpu_busy == {}
    assert measured.rates["crops, loader"] > measured.rates["training, loader"] > 0
    assert measured.rates["crops, resident"] > measured.rates["training, resident"] > 0


def test_the_drivers_figures_are_printed_where_there_is_a_gpu(data: Path, recipe_file: Path) -> None:
    rates = Rates(dict.fromkeys(ACTIVITIES, 100.0), "told", {"training, loader": 20, "training, resident": 91})  # pyright: ignore[reportArgumentType]
    lines = describe_rates(Plan(read_recipe(recipe_file), data, "cuda", bf16=True), rates).splitlines()
    assert "cuda, bf16" in lines[0]
    assert lines[-1].split() == ["GPU", "busy", "20%", "91%", "by", "its", "driver"]
    assert lines[-2].split()[:4] == ["its", "share", "100%", "100%"]


def test_a_gpu_is_read_while_both_trainings_run(data: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half_busy(_: object) -> float:
        return 50.0

    monkeypatch.setattr("model.benchmark_train._gpu_busy", half_busy)
    measured = measure_rates(Plan(read_recipe(recipe_file), data, seconds=0.1, workers=0, threads=1))
    assert measured.gpu_busy == {"training, loader": 50.0, "training, resident": 50.0}


def test_an_unknown_device_is_named(data: Path, recipe_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["benchmark-train", "--recipe", str(recipe_file), "--data", str(data), "--device", "tpu"])
    assert ended.value.code == 2
    assert "device 'tpu' cannot be used" in capsys.readouterr().err
