"""One epoch of training, and a network as a predictor."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from model.config import OptimiserRecipe, ScheduleRecipe
from model.contract.arrays import FloatArray, ImageArray
from model.data.shares import StepBatch
from model.evaluate import Predictor
from model.gradients import exchange_gradients
from model.losses import HeatmapLoss
from model.networks.normalise import Normalise
from model.ranks import ALONE, Ranks
from model.teacher import Teacher

EMA_WARMUP = 10
"""The averaging decay starts near 0 and nears its final value over about this many times 10 steps."""


class DivergedError(RuntimeError):
    """The loss is no longer finite."""


class DeviceError(RuntimeError):
    """A device that this machine cannot compute on."""


class Step(NamedTuple):
    """What one optimiser step reports: its number, the loss and the learning rate."""

    step: int
    loss: float
    learning_rate: float
    samples: int


class ServedNetwork(nn.Module):
    """What a bundle's graph computes: uint8 RGB crops -> heatmaps, normalisation and activation inside."""

    def __init__(self, network: nn.Module, loss: HeatmapLoss) -> None:
        """Wrap a network trained with `loss`."""
        super().__init__()
        self.normalise, self.network, self.loss = Normalise(), network, loss

    def forward(self, crops: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 RGB -> (N, K, h, w) float32 heatmaps."""
        return self.loss.heatmaps(self.network(self.normalise(crops)).float())


class Averaged:
    """Exponential moving average of a network's weights and batch-norm statistics."""

    def __init__(self, network: nn.Module, average: nn.Module, decay: float) -> None:
        """Average `network` into `average`, which starts as its copy."""
        self.network, self.average, self.decay = network, average, decay
        average.load_state_dict(network.state_dict())

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the network after optimiser step `step`."""
        decay = min(self.decay, (1 + step) / (EMA_WARMUP + step))
        current = self.network.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])


def open_device(name: str) -> torch.device:
    """The device of that name, tried out.

    Raises:
        DeviceError: torch does not know it, or this machine has none.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).splitlines()[0]
        raise DeviceError(f"device {name!r} cannot be used, take cpu or cuda: {reason}") from error
    return device


def train_epoch(
    network: nn.Module,
    loss: HeatmapLoss,
    optimiser: Optimizer,
    batches: Iterable[StepBatch],
    learning_rates: Iterator[float],
    first_step: int,
    *,
    device: torch.device,
    bf16: bool,
    averaged: Averaged | None,
    seed: int = 0,
    clip_norm: float | None = None,
    teacher: Teacher | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[Step]:
    """Train on `batches`, yielding after every optimiser step.

    Random numbers of the network (dropout) are a function of seed, step and process alone, so that a resumed run
    draws those that it would have drawn.

    Raises:
        DivergedError: the loss is NaN or infinite; the step is not taken.
    """
    network.train()
    normalise = Normalise().to(device)
    with exchange_gradients(network.parameters(), ranks) as exchange:
        for step, batch in enumerate(batches, first_step):
            learning_rate = next(learning_rates)
            torch.manual_seed(int(np.random.SeedSequence((seed, step, ranks.rank)).generate_state(1)[0]))
            optimiser.zero_grad(set_to_none=True)
            total = torch.zeros((), device=device)
            for number, part in enumerate(batch.parts, 1):
                crops, heatmaps, weights = (tensor.to(device, non_blocking=True) for tensor in part.batch)
                with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
                    logits = network(normalise(crops).contiguous(memory_format=torch.channels_last))
                if teacher is None:
                    value = loss(logits, heatmaps, weights)
                else:
                    value = teacher.loss(loss, logits, crops, heatmaps, weights)
                share = value * part.weight
                if exchange is not None and number == len(batch.parts):
                    exchange.start()
                share.backward()
                total += share.detach()
            if exchange is not None:
                exchange.finish()
            value = float(ranks.sum(total))
            if not math.isfinite(value):
                raise DivergedError(f"the loss is {value} at step {step}; lower the learning rate")
            _take_step(network, optimiser, learning_rate, clip_norm)
            if averaged is not None:
                averaged.update(step)
            yield Step(step + 1, value, learning_rate, batch.samples)


def _take_step(network: nn.Module, optimiser: Optimizer, learning_rate: float, clip_norm: float | None) -> None:
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
    optimiser.step()


def learning_rates(
    optimiser: OptimiserRecipe, schedule: ScheduleRecipe, steps_per_epoch: int, first_step: int
) -> Iterator[float]:
    """The learning rate of every step from `first_step` on: warm-up, then the schedule's kind, anew every round."""
    total = steps_per_epoch * schedule.epochs
    for step in (number % total for number in range(first_step, total * schedule.rounds)):
        warmup = min(1.0, (step + 1) / (schedule.warmup_steps + 1))
        if schedule.kind == "cosine":
            decay = 0.5 * (1 + math.cos(math.pi * step / total))
        elif schedule.kind == "cooldown":
            decay = min(1.0, (total - step) / (steps_per_epoch * schedule.cooldown_epochs + 1))
        else:
            decay = schedule.factor ** sum(step >= steps_per_epoch * epoch for epoch in schedule.milestones)
        yield optimiser.learning_rate * warmup * decay


def predictor(network: nn.Module, loss: HeatmapLoss, device: torch.device) -> Predictor:
    """A network as evaluation calls it; it is switched to inference."""
    served = ServedNetwork(network, loss).to(device).eval()

    def predict(crops: ImageArray) -> FloatArray:
        with torch.inference_mode():
            return np.asarray(served(torch.from_numpy(crops).to(device)).cpu().numpy(), dtype=np.float32)

    return predict
