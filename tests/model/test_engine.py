import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor, nn

from model.config import OptimiserRecipe, ScheduleRecipe
from model.data.dataset import Batch
from model.data.shares import Part, StepBatch
from model.engine import (
    Averaged,
    DeviceError,
    DivergedError,
    ServedNetwork,
    learning_rates,
    open_device,
    predictor,
    train_epoch,
)
from model.losses import MeanSquaredError, RegressiveCrossEntropy

CPU = torch.device("cpu")


def rates(schedule: ScheduleRecipe, first_step: int = 0) -> list[float]:
    return list(learning_rates(OptimiserRecipe(learning_rate=1.0), schedule, 4, first_step))


def test_steps_fall_at_the_milestones() -> None:
    schedule = ScheduleRecipe(epochs=4, batch_size=1, milestones=(2, 3), factor=0.1)
    assert rates(schedule) == pytest.approx([1.0] * 8 + [0.1] * 4 + [0.01] * 4)


def test_warm_up_rises_linearly() -> None:
    schedule = ScheduleRecipe(epochs=2, batch_size=1, warmup_steps=4)
    assert rates(schedule) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1])


def test_cosine_falls_to_nearly_zero() -> None:
    values = rates(ScheduleRecipe(epochs=2, batch_size=1, kind="cosine"))
    assert values == pytest.approx([0.5 * (1 + math.cos(math.pi * step / 8)) for step in range(8)])
    assert values[0] == 1
    assert values[4] == pytest.approx(0.5)
    assert all(later < earlier for earlier, later in pairwise(values))


def test_cooldown_stays_and_then_falls_to_nearly_zero_along_a_line() -> None:
    schedule = ScheduleRecipe(epochs=3, batch_size=1, kind="cooldown", cooldown_epochs=1)
    assert rates(schedule) == pytest.approx([1.0] * 8 + [0.8, 0.6, 0.4, 0.2])


def test_a_cooldown_of_no_epochs_stays_to_the_end() -> None:
    assert rates(ScheduleRecipe(epochs=2, batch_size=1, kind="cooldown")) == [1.0] * 8


@pytest.mark.parametrize(
    "shape",
    [{"kind": "steps", "milestones": [1]}, {"kind": "cosine"}, {"kind": "cooldown", "cooldown_epochs": 2}],
)
def test_a_resumed_schedule_goes_on_where_it_was(shape: dict[str, object]) -> None:
    schedule = ScheduleRecipe.model_validate({"epochs": 3, "batch_size": 1, "warmup_steps": 6} | shape)
    assert rates(schedule, first_step=5) == rates(schedule)[5:]


def test_the_average_moves_slowly_and_faster_at_the_start() -> None:
    network, average = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    averaged = Averaged(network, average, decay=0.5)
    nn.init.constant_(network.weight, 11.0)
    network.state_dict()["num_batches_tracked"].fill_(3)
    averaged.update(0)
    assert average.weight.item() == pytest.approx(0.1 * 1 + 0.9 * 11)  # decay (1 + 0) / (10 + 0)
    assert int(average.state_dict()["num_batches_tracked"]) == 3
    averaged.update(100)
    assert average.weight.item() == pytest.approx(0.5 * 10 + 0.5 * 11)


def test_the_average_starts_as_a_copy_and_leaves_the_network_alone() -> None:
    network, average = nn.Linear(2, 2), nn.Linear(2, 2)
    start = network.weight.detach().clone()
    averaged = Averaged(network, average, decay=0.9)
    assert torch.equal(average.weight, start)
    nn.init.zeros_(average.weight)
    averaged.update(1000)
    assert torch.equal(network.weight, start)
    torch.testing.assert_close(average.weight, 0.1 * start)


class Spot(nn.Module):
    """One weight that scales the red channel to a heatmap of the crop's size."""

    def __init__(self, weight: float = 0.5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, images: Tensor) -> Tensor:
        return self.weight * images[:, :1]


def batches(count: int, size: int = 2) -> list[Batch]:
    generator = torch.Generator().manual_seed(1)
    return [
        Batch(
            torch.randint(0, 256, (size, 4, 4, 3), dtype=torch.uint8, generator=generator),
            torch.rand(size, 1, 4, 4, generator=generator),
            torch.ones(size, 1),
        )
        for _ in range(count)
    ]


def whole(batch: Batch) -> StepBatch:
    """A step of one part."""
    return StepBatch(len(batch.crops), [Part(batch, 1.0)])


def run(network: nn.Module, data: list[Batch], learning_rate: float = 0.1, first_step: int = 0) -> Iterator[object]:
    optimiser = torch.optim.SGD(network.parameters(), lr=99.0)
    values = iter([learning_rate] * len(data))
    return train_epoch(
        network,
        MeanSquaredError(),
        optimiser,
        map(whole, data),
        values,
        first_step,
        device=CPU,
        bf16=False,
        averaged=None,
    )


def test_a_step_is_one_of_gradient_descent_at_the_schedules_rate() -> None:
    data, network = batches(1), Spot()
    expected = Spot()
    crops = (data[0].crops.permute(0, 3, 1, 2) / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / (
        torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    )
    loss = 0.5 * (expected(crops) - data[0].heatmaps).square().mean()
    (gradient,) = torch.autograd.grad(loss, expected.weight)
    assert list(run(network, data)) == [(1, pytest.approx(float(loss.detach())), 0.1, 2)]
    torch.testing.assert_close(network.weight, expected.weight - 0.1 * gradient)


def test_steps_are_numbered_on_and_samples_counted() -> None:
    data = [*batches(2), *batches(1, size=1)]
    steps = list(train_epoch(
        Spot(), MeanSquaredError(), torch.optim.SGD(Spot().parameters(), lr=1.0), map(whole, data),
        iter([0.3, 0.2, 0.1]), 7, device=CPU, bf16=False, averaged=None,
    ))  # fmt: skip
    assert [(step.step, step.learning_rate, step.samples) for step in steps] == [(8, 0.3, 2), (9, 0.2, 2), (10, 0.1, 1)]


def test_a_step_in_parts_is_the_step_of_the_whole() -> None:
    (batch,) = batches(1, size=5)
    parts = [Part(Batch(*(t[a:b] for t in batch)), (b - a) / 5) for a, b in ((0, 2), (2, 4), (4, 5))]
    results: list[tuple[float, float]] = []
    for step_batch in (whole(batch), StepBatch(5, parts)):
        network = Spot()
        optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
        arguments = (network, MeanSquaredError(), optimiser, [step_batch], iter([0.1]), 0)
        (step,) = train_epoch(*arguments, device=CPU, bf16=False, averaged=None)
        assert step.samples == 5
        results.append((step.loss, network.weight.item()))
    assert results[0] == pytest.approx(results[1], rel=1e-5)


def test_long_gradients_are_shortened_to_the_clip_norm() -> None:
    network = Spot()
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    arguments = (network, MeanSquaredError(), optimiser, map(whole, batches(1)), iter([1.0]), 0)
    list(train_epoch(*arguments, device=CPU, bf16=False, averaged=None, clip_norm=1e-3))
    assert abs(network.weight.item() - 0.5) == pytest.approx(1e-3, rel=1e-2)


def test_a_round_begins_with_the_schedule_anew() -> None:
    once = rates(ScheduleRecipe(epochs=2, batch_size=1, warmup_steps=2, milestones=(1,)))
    assert rates(ScheduleRecipe(epochs=2, batch_size=1, warmup_steps=2, milestones=(1,), rounds=3)) == 3 * once


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_step(poison: float) -> None:
    data = batches(2)
    data[1].heatmaps[0, 0, 1, 2] = poison
    network = Spot()
    steps = run(network, data, first_step=40)
    next(steps)
    before = network.weight.detach().clone()
    with pytest.raises(DivergedError, match="at step 41; lower the learning rate"):
        next(steps)
    assert torch.equal(network.weight, before)


def test_bf16_computes_the_network_in_bf16_and_the_loss_in_float32() -> None:
    seen: list[torch.dtype] = []

    class Recording(nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            output = super().forward(input)
            seen.append(output.dtype)
            return output

    network = Recording(3, 1, kernel_size=1)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    loss = RegressiveCrossEntropy()
    arguments = (network, loss, optimiser, map(whole, batches(1)), iter([0.1]), 0)
    (step,) = train_epoch(*arguments, device=CPU, bf16=True, averaged=None)
    assert seen == [torch.bfloat16]
    assert math.isfinite(step.loss)
    assert network.weight.dtype == torch.float32


def test_a_predictor_normalises_and_applies_the_losss_activation() -> None:
    network = Spot().train()
    crops = np.full((1, 2, 2, 3), 255, dtype=np.uint8)
    heatmaps = predictor(network, RegressiveCrossEntropy(), CPU)(crops)
    logit = 0.5 * (1 - 0.485) / 0.229
    np.testing.assert_allclose(heatmaps, np.full((1, 1, 2, 2), 1 / (1 + math.exp(-logit))), rtol=1e-5)
    assert heatmaps.dtype == np.float32
    assert not network.training
    np.testing.assert_allclose(predictor(network, MeanSquaredError(), CPU)(crops), logit, rtol=1e-5)


def test_served_heatmaps_are_float32_whatever_the_network_computes_in() -> None:
    served = ServedNetwork(nn.Conv2d(3, 1, 1).bfloat16(), RegressiveCrossEntropy())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert served(torch.zeros(1, 2, 2, 3, dtype=torch.uint8)).dtype == torch.float32


@pytest.mark.parametrize("name", ["tpu", "gpu:9", ""])
def test_a_device_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(DeviceError, match=f"device '{name}' cannot be used"):
        open_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_named_in_one_line() -> None:
    with pytest.raises(DeviceError, match="device 'cuda' cannot be used") as caught:
        open_device("cuda")
    assert "\n" not in str(caught.value)


def test_the_cpu_is_a_device() -> None:
    assert open_device("cpu") == CPU
