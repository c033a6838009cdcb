"""Training a recipe: read the data, build, resume, then epochs of training, validation and checkpoints."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from safetensors.torch import save_file
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from model.build import build_loss, build_network, build_optimiser, load_initial_weights
from model.checkpoint import CheckpointError, Progress, load_checkpoint, save_checkpoint
from model.config import Recipe, RecipeError
from model.data.augment import Augmentation
from model.data.dataset import Batch, EpochSampler, ImageStore, PoseDataset
from model.data.disk_cache import DiskCache
from model.data.sources import read_training_samples
from model.engine import Averaged, Step, learning_rates, open_device, predictor, train_epoch
from model.validation import Validation, read_validations

LAST = "last.pt"
METRICS = "metrics.jsonl"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class TrainingOptions:
    """How a recipe is run on this machine; but for bf16 and the initial weights, none of it changes the result.

    Attributes:
        data: folder that the recipe's paths are relative to.
        output: folder for checkpoints, metrics.jsonl, TensorBoard events and the (averaged) weights of the last epoch.
        device: `cpu` or `cuda`.
        bf16: autocast to bfloat16.
        workers: loader processes; 0 loads in the training process.
        threads: CPU threads of the network; 0 leaves torch's choice.
        image_cache_gib: memory for decoded photographs, GiB.
        disk_cache: folder that keeps decoded photographs, for sets that memory does not hold.
        checkpoint_steps: a checkpoint every so many steps, and at each epoch's end.
        initial_weights: a safetensors file to start from.
        resume: go on from the output folder's last checkpoint.
    """

    data: Path
    output: Path
    device: str = "cpu"
    bf16: bool = False
    workers: int = 1
    threads: int = 0
    image_cache_gib: float = 4.0
    disk_cache: Path | None = None
    checkpoint_steps: int = 200
    initial_weights: Path | None = None
    resume: bool = False


def train(recipe: Recipe, options: TrainingOptions, console: Console) -> dict[str, float]:
    """Train a recipe to its end.

    Returns:
        The last validation's figures, `source/metric` -> value.

    Raises:
        RecipeError, AnnotationError, DataError, CheckpointError: before the first epoch, naming the file.
        DivergedError: the loss is not finite; the last checkpoint stays.
    """
    torch.manual_seed(recipe.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
    _check_output(options)
    run = Run(recipe, options, console)
    run.start()
    figures: dict[str, float] = {}
    while run.progress.epoch < recipe.schedule.epochs:
        run.train_one_epoch()
        figures = run.validate()
        run.finish_epoch()
    return figures


class Run:
    """A training run under way."""

    def __init__(self, recipe: Recipe, options: TrainingOptions, console: Console) -> None:
        """Read the data and build the network; see `train` for the errors."""
        self.recipe, self.options, self.console = recipe, options, console
        self.device = open_device(options.device)
        self.loader, self.sampler, self.validations = self._read_data()
        self.loss = build_loss(recipe.loss)
        self.network = build_network(recipe).to(self.device)
        self.network.to(memory_format=torch.channels_last)
        if options.initial_weights is not None:
            console.print(load_initial_weights(self.network, options.initial_weights))
        self.optimiser = build_optimiser(recipe.optimiser, self.network)
        self.averaged = self._build_average()
        self.progress = Progress()

    def start(self) -> None:
        """Resume when asked to."""
        if self.options.resume:
            self._restore(self.options.output / LAST)
        self.options.output.mkdir(parents=True, exist_ok=True)

    def train_one_epoch(self) -> None:
        """Train the rest of the current epoch, with a progress bar, metrics and checkpoints."""
        began = time.monotonic() - self.progress.seconds
        self.sampler.epoch, self.sampler.skip = self.progress.epoch, self.progress.samples
        with SummaryWriter(str(self.options.output)) as board, _progress_bar(self.console) as bar:
            task = bar.add_task(
                f"epoch {self.progress.epoch + 1}/{self.recipe.schedule.epochs}",
                total=self.sampler.count,
                completed=self.progress.samples,
                loss=0.0,
                rate=0.0,
            )
            first, epoch_began = self.progress.samples, time.monotonic()
            for step in self._steps():
                used = self.progress.samples + step.samples
                self.progress = replace(self.progress, samples=used, step=step.step, seconds=time.monotonic() - began)
                rate = (used - first) / (time.monotonic() - epoch_began)
                bar.update(task, completed=used, loss=step.loss, rate=rate)
                self._record(board, step, rate)
        self.save()

    def validate(self) -> dict[str, float]:
        """Figures of every validation source for the averaged network (or the network itself), which is written too."""
        network = self.averaged.average if self.averaged else self.network
        predict = predictor(network, self.loss, self.device)
        figures: dict[str, float] = {}
        for validation in self.validations:
            figures |= validation.figures(predict)
        self._write_metrics({"epoch": self.progress.epoch + 1, "step": self.progress.step} | figures)
        with SummaryWriter(str(self.options.output)) as board:
            for name, value in figures.items():
                board.add_scalar(name, value, self.progress.step)
        weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        save_file(weights, self.options.output / WEIGHTS)
        self.console.print("  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
        return figures

    def finish_epoch(self) -> None:
        """Go on to the next epoch; only now, so that a run that is killed while it validates validates again."""
        self.progress = replace(self.progress, epoch=self.progress.epoch + 1, samples=0)
        self.save()

    def save(self) -> None:
        """Write the last checkpoint."""
        states: dict[str, Any] = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.averaged.average.state_dict() if self.averaged else None,
        }
        save_checkpoint(self.options.output / LAST, self.recipe, self.progress, states)

    def _steps(self) -> Iterator[Step]:
        count, batch = self.sampler.count, self.recipe.schedule.batch_size
        rates = learning_rates(self.recipe.optimiser, self.recipe.schedule, -(-count // batch), self.progress.step)
        return train_epoch(
            self.network,
            self.loss,
            self.optimiser,
            self.loader,
            rates,
            self.progress.step,
            device=self.device,
            bf16=self.options.bf16,
            averaged=self.averaged,
        )

    def _record(self, board: SummaryWriter, step: Step, rate: float) -> None:
        board.add_scalar("train/loss", step.loss, step.step)
        board.add_scalar("train/learning_rate", step.learning_rate, step.step)
        self._write_metrics({"step": step.step, "loss": step.loss, "learning_rate": step.learning_rate, "rate": rate})
        if step.step % self.options.checkpoint_steps == 0:
            self.save()

    def _write_metrics(self, entry: dict[str, Any]) -> None:
        with (self.options.output / METRICS).open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def _read_data(self) -> tuple["DataLoader[Batch]", EpochSampler, list[Validation]]:
        recipe, options = self.recipe, self.options
        skeleton = recipe.skeleton.build()
        samples = read_training_samples(options.data, recipe.training, skeleton)
        validations = read_validations(options.data, recipe)
        budget = int(options.image_cache_gib * 2**30)
        with self.console.status(f"decoding photographs of {len(samples)} samples"):
            disk = None if options.disk_cache is None else DiskCache(options.disk_cache)
            images = ImageStore((sample.image_path for sample in samples), budget, disk)
        dataset = PoseDataset(
            samples,
            images,
            recipe.codec.build(),
            skeleton,
            recipe.codec.box_padding,
            Augmentation(recipe.augmentation, skeleton),
            recipe.seed,
        )
        sampler = EpochSampler(len(samples), recipe.seed)
        loader = DataLoader(
            dataset,
            recipe.schedule.batch_size,
            sampler=sampler,
            num_workers=options.workers,
            pin_memory=options.device == "cuda",
            persistent_workers=options.workers > 0,
        )
        return loader, sampler, validations

    def _build_average(self) -> Averaged | None:
        decay = self.recipe.schedule.ema_decay
        return None if decay is None else Averaged(self.network, build_network(self.recipe).to(self.device), decay)

    def _restore(self, path: Path) -> None:
        recipe, progress, states = load_checkpoint(path)
        if recipe != self.recipe:
            raise RecipeError(f"{path} was made by another recipe than {self.recipe.name}; choose another --output")
        self.network.load_state_dict(states["network"])
        self.optimiser.load_state_dict(states["optimiser"])
        if self.averaged:
            self.averaged.average.load_state_dict(states["average"])
        self.progress = progress
        self.console.print(f"resuming at epoch {progress.epoch + 1}, step {progress.step}")


def _check_output(options: TrainingOptions) -> None:
    path = options.output / LAST
    if options.resume and not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path} to resume from")
    if path.exists() and not options.resume:
        raise CheckpointError(f"{path} exists: go on with --resume, or choose another --output folder")


def _progress_bar(console: Console) -> Bar:
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.6f}"),
        TextColumn("{task.fields[rate]:.1f} samples/s"),
        TimeRemainingColumn(),
        console=console,
    )
