"""`fasterpose benchmark train`: samples a second with crops of the loader and with resident ones, in one run."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle, islice, repeat
from pathlib import Path
from statistics import median
from typing import Literal

import torch

from model.build import build_loss, build_network, build_optimiser
from model.config import Recipe
from model.data.dataset import Batch, EpochSampler, Sample
from model.data.feed import Feed, FeedOptions, open_feed
from model.data.shares import Part, Shares, StepBatch
from model.data.sources import read_training_samples
from model.engine import open_device, train_epoch

ROUNDS = 3
STEPS_AN_EPOCH = 64
"""People are repeated to at least so many steps: where an epoch ends, a loader's queue runs dry."""

Activity = Literal["crops, loader", "crops, resident", "network", "training, loader", "training, resident"]


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        recipe: network, loss, augmentation and batch size.
        data: folder that its paths are relative to.
        device: `cpu` or `cuda`.
        bf16: autocast to bfloat16.
        seconds: measured time of each activity, all rounds together.
        workers: loader processes of either feed.
        threads: CPU threads of the network; 0 leaves torch's choice.
        people: how many of the recipe's people take part; 0: all.
    """

    recipe: Recipe
    data: Path
    device: str = "cpu"
    bf16: bool = False
    seconds: float = 10.0
    workers: int = 1
    threads: int = 0
    people: int = 512


@dataclass(frozen=True)
class Rates:
    """What was measured.

    Attributes:
        rates: samples a second of each activity, the median of the rounds.
        told: what the resident feed keeps on the device.
        gpu_busy: percent of the time in which kernels ran, as the driver tells it, while each training ran; none
            without a GPU or without nvidia-ml-py.
    """

    rates: dict[Activity, float]
    told: str
    gpu_busy: dict[Activity, float]


def measure_rates(plan: Plan) -> Rates:
    """Measure all activities in turns, so that what else the machine does meets all of them.

    Raises:
        DeviceError, AnnotationError, DataError: before anything is measured, naming what is wrong.
    """
    device = open_device(plan.device)
    if plan.threads:
        torch.set_num_threads(plan.threads)
    samples = _people(plan)
    loader, resident = (_open(plan, samples, crops, device) for crops in ("loader", "resident"))
    from_loader, from_device = _endless(loader), _endless(resident)  # one pass each: a loader's workers serve only one
    activities: dict[Activity, Iterator[int]] = {
        "crops, loader": _crops(from_loader, device),
        "crops, resident": _crops(from_device, device),
        "network": _training(plan, repeat(_moved(next(from_loader), device)), device),
        "training, loader": _training(plan, from_loader, device),
        "training, resident": _training(plan, from_device, device),
    }
    busy: dict[Activity, list[float]] = {"training, loader": [], "training, resident": []}
    found: dict[Activity, list[float]] = {name: [] for name in activities}
    for _ in range(ROUNDS):
        for name, activity in activities.items():
            watch = busy.get(name, []).append
            found[name].append(_rate(activity, plan.seconds / ROUNDS, device, watch))
    gpu_busy: dict[Activity, float] = {name: median(shares) for name, shares in busy.items() if shares}
    return Rates({name: median(rates) for name, rates in found.items()}, resident.told, gpu_busy)


def describe_rates(plan: Plan, measured: Rates) -> str:
    """The figures as lines."""
    rates, recipe = measured.rates, plan.recipe
    width, height = recipe.codec.input_size
    lines = [
        f"{recipe.network.architecture} {width}x{height}, batch {recipe.schedule.batch_size}, {plan.device}, "
        f"{'bf16' if plan.bf16 else 'fp32'}, {plan.workers} worker(s), {ROUNDS} rounds; {measured.told}",
        f"{'samples/s':<10}{'loader':>10}{'resident':>10}{'ratio':>8}",
    ]
    pairs: tuple[tuple[str, Activity, Activity], ...] = (
        ("crops", "crops, loader", "crops, resident"),
        ("training", "training, loader", "training, resident"),
    )
    for part, loader, resident in pairs:
        lines.append(
            f"{part:<10}{rates[loader]:>10.1f}{rates[resident]:>10.1f}{rates[resident] / rates[loader]:>7.2f}x"
        )
    lines.append(f"{'network':<10}{rates['network']:>10.1f}{rates['network']:>10.1f}")
    shares = (rates["training, loader"] / rates["network"], rates["training, resident"] / rates["network"])
    lines.append(f"{'its share':<10}{shares[0]:>10.0%}{shares[1]:>10.0%}  of the time goes to the network")
    if measured.gpu_busy:
        gpu = (measured.gpu_busy["training, loader"], measured.gpu_busy["training, resident"])
        lines.append(f"{'GPU busy':<10}{gpu[0]:>9.0f}%{gpu[1]:>9.0f}%  by its driver")
    return "\n".join(lines)


def _people(plan: Plan) -> list[Sample]:
    recipe = plan.recipe
    samples = read_training_samples(plan.data, recipe.training, recipe.skeleton.build())
    chosen = samples[: plan.people or None]
    return list(islice(cycle(chosen), max(len(chosen), STEPS_AN_EPOCH * recipe.schedule.batch_size)))


def _open(plan: Plan, samples: list[Sample], crops: Literal["loader", "resident"], device: torch.device) -> Feed:
    schedule = plan.recipe.schedule
    shares = Shares(EpochSampler(len(samples), plan.recipe.seed), schedule.batch_size, schedule.accumulate)
    return open_feed(plan.recipe, samples, shares, FeedOptions(crops, plan.workers), device)


def _endless(feed: Feed) -> Iterator[StepBatch]:
    for epoch in count():
        feed.shares.order.epoch = epoch
        yield from feed.steps()


def _crops(batches: Iterator[StepBatch], device: torch.device) -> Iterator[int]:
    """Crops and targets on the device, and nothing done with them."""
    for step in batches:
        yield _moved(step, device).samples


def _moved(step: StepBatch, device: torch.device) -> StepBatch:
    parts = [Part(Batch(*(tensor.to(device) for tensor in part.batch)), part.weight) for part in step.parts]
    return StepBatch(step.samples, parts)


def _training(plan: Plan, batches: Iterator[StepBatch], device: torch.device) -> Iterator[int]:
    """Whole steps at learning rate 0: the same work, and a loss that stays finite."""
    recipe = plan.recipe
    network = build_network(recipe).to(device).to(memory_format=torch.channels_last)
    loss, optimiser = build_loss(recipe.loss), build_optimiser(recipe.optimiser, network)
    steps = train_epoch(network, loss, optimiser, batches, repeat(0.0), 0, device=device, bf16=plan.bf16, averaged=None)
    yield from (step.samples for step in steps)


def _rate(activity: Iterator[int], seconds: float, device: torch.device, watch_gpu: Callable[[float], object]) -> float:
    """Samples a second; the first step warms up and is not counted."""
    next(activity)
    _synchronise(device)
    began, samples = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        samples += next(activity)
        busy = _gpu_busy(device)
        if busy is not None:
            watch_gpu(busy)
    _synchronise(device)
    return samples / (time.perf_counter() - began)


def _gpu_busy(device: torch.device) -> float | None:
    if device.type != "cuda":
        return None
    try:
        return float(torch.cuda.utilization(device))
    except ModuleNotFoundError:  # nvidia-ml-py is not there
        return None


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
