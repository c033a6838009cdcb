"""Training a recipe: read the data, build, resume, then epochs of training, validation and checkpoints."""

import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from safetensors.torch import load_file, save
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from model.build import build_loss, build_network, build_optimiser, load_initial_weights
from model.checkpoint import CheckpointError, Progress, load_checkpoint, save_checkpoint
from model.config import Recipe, RecipeError
from model.contract.arrays import FloatArray, ImageArray
from model.data.dataset import EpochSampler
from model.data.feed import CropsFrom, Feed, FeedOptions, open_feed
from model.data.shares import Shares
from model.data.sources import read_training_samples
from model.engine import Averaged, Step, learning_rates, open_device, predictor, train_epoch
from model.interruption import InterruptedRunError, Interruption
from model.metrics_file import Entry, append_metrics, forget_metrics_after
from model.ranks import Ranks, join_ranks
from model.sync_norm import synchronise_norms
from model.teacher import open_teacher
from model.unfold import load_bundle
from model.validation import Validation, read_validations
from model.whole_file import write_whole

LAST = "last.pt"
WEIGHTS = "weights.safetensors"
BEST_WEIGHTS = "best.safetensors"
STATISTICS_CROPS = 256
"""How many crops the batch norms of a bundle, folded there, are measured on."""


@dataclass(frozen=True)
class TrainingOptions:
    """How a recipe is run on this machine.

    None of it changes the result, but for bf16, the initial weights and the teacher; another device or number of
    threads or processes rounds otherwise, resident crops round some pixels otherwise, and batch norms that are not
    synchronised see their process's samples alone.

    Attributes:
        data: folder that the recipe's paths are relative to.
        output: folder for checkpoints, metrics.jsonl, TensorBoard events, the (averaged) weights of the last epoch and
            those of the epoch that validated best.
        device: `cpu` or `cuda`.
        bf16: autocast to bfloat16.
        workers: loader processes; 0 loads in the training process.
        threads: CPU threads of the network; 0 leaves torch's choice.
        crops, resident_gib, image_cache_gib: where crops are cut, and its memory; see `FeedOptions`.
        disk_cache: folder that keeps decoded photographs, for sets that memory does not hold.
        checkpoint_steps: a checkpoint every so many steps, and at each epoch's end.
        initial_weights: a safetensors file or a bundle to start from.
        resume: go on from the output folder's last checkpoint.
        teacher: the bundle that a recipe with `[distillation]` learns from.
        sync_batch_norm: under torchrun, batch norms over the samples of all processes.
    """

    data: Path
    output: Path
    device: str = "cpu"
    bf16: bool = False
    workers: int = 1
    threads: int = 0
    crops: CropsFrom = "auto"
    resident_gib: float = 0.0
    image_cache_gib: float = 4.0
    disk_cache: Path | None = None
    checkpoint_steps: int = 200
    initial_weights: Path | None = None
    resume: bool = False
    teacher: Path | None = None
    sync_batch_norm: bool = False

    @property
    def feed(self) -> FeedOptions:
        """Those that say how crops are made."""
        return FeedOptions(self.crops, self.workers, self.image_cache_gib, self.resident_gib, self.disk_cache)


def train(recipe: Recipe, options: TrainingOptions, console: Console) -> dict[str, float]:
    """Train a recipe to its end.

    Returns:
        The last validation's figures, `source/metric` -> value; empty on processes that do not lead.

    Raises:
        RecipeError, AnnotationError, DataError, CheckpointError: before the first epoch, naming the file.
        DivergedError: the loss is not finite; the last checkpoint stays.
        OSError: a file cannot be written, the disk is full, say; the last checkpoint stays.
        InterruptedRunError: Ctrl-C or SIGTERM; the checkpoint is that of the last step.
    """
    torch.manual_seed(recipe.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
    _check_output(options)
    ranks = join_ranks(options.device)
    try:
        return _run(Run(recipe, options, console if ranks.leads else Console(quiet=True), ranks))
    finally:
        ranks.leave()


def _run(run: "Run") -> dict[str, float]:
    figures: dict[str, float] = {}
    with run.interruption:
        run.start()
        while run.progress.epoch < run.epochs:
            run.train_one_epoch()
            figures = run.validate()
            run.finish_epoch(figures)
    return figures


class Run:
    """A training run under way, on one of the processes that share it."""

    def __init__(self, recipe: Recipe, options: TrainingOptions, console: Console, ranks: Ranks) -> None:
        """Read the data and build the network; see `train` for the errors."""
        self.recipe, self.options, self.console, self.ranks = recipe, options, console, ranks
        self.interruption = Interruption()
        self.epochs = recipe.schedule.epochs * recipe.schedule.rounds
        self.device = open_device(ranks.device)
        self.teacher = open_teacher(recipe, options.teacher)
        self.feed, self.sampler, self.validations = self._read_data()
        self.loss = build_loss(recipe.loss)
        self.network = build_network(recipe).to(self.device)
        self.network.to(memory_format=torch.channels_last)
        if options.initial_weights is not None:
            console.print(self._load_initial(options.initial_weights))
        if options.sync_batch_norm and ranks.world > 1:
            synchronise_norms(self.network)
        self.optimiser = build_optimiser(recipe.optimiser, self.network)
        self.averaged = self._build_average()
        self.progress = Progress()

    def start(self) -> None:
        """Resume when asked to, and forget what was written after the checkpoint, or by a run that had none yet."""
        if self.options.resume:
            self._restore(self.options.output / LAST)
        if self.ranks.leads:
            self.options.output.mkdir(parents=True, exist_ok=True)
            forget_metrics_after(self.options.output, self.progress)
            SummaryWriter(str(self.options.output), purge_step=self.progress.step + 1).close()

    def train_one_epoch(self) -> None:
        """Train the rest of the current epoch, with a progress bar, metrics and checkpoints."""
        began = time.monotonic() - self.progress.seconds
        self.sampler.epoch, self.sampler.skip = self.progress.epoch, self.progress.samples
        with _progress_bar(self.console) as bar, self._board() as board:
            task = bar.add_task(
                f"epoch {self.progress.epoch + 1}/{self.epochs}",
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
                if board is not None:
                    self._record(board, step, rate)
                self._stop_when_asked()
        self.save()

    def validate(self) -> dict[str, float]:
        """Figures of every validation source for the averaged network (or the network itself), which is written too.

        The first process does it alone; the others get none.
        """
        figures = self._figures() if self.ranks.leads else {}
        self._stop_when_asked()
        if self.ranks.leads:
            self._write_validation(figures)
        return figures

    def finish_epoch(self, figures: dict[str, float]) -> None:
        """Go on to the next epoch; only now, so that a run that is killed while it validates validates again."""
        best = max(
            (value for value in (self.progress.best, self._deciding(figures)) if value is not None), default=None
        )
        self.progress = replace(self.progress, epoch=self.progress.epoch + 1, samples=0, best=best)
        self.ranks.highest(0)  # the others wait here for the first one's files
        if self.progress.epoch < self.epochs and self.progress.epoch % self.recipe.schedule.epochs == 0:
            self._begin_round()
        self.save()

    def save(self) -> None:
        """Write the last checkpoint; the first process does."""
        if not self.ranks.leads:
            return
        states: dict[str, Any] = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.averaged.average.state_dict() if self.averaged else None,
        }
        save_checkpoint(self.options.output / LAST, self.recipe, self.progress, states)

    def _stop_when_asked(self) -> None:
        """End on all processes when a signal came to any of them."""
        number = self.ranks.highest(self.interruption.number)
        if not number:
            return
        self.save()
        name = signal.Signals(number).name
        place = f"epoch {self.progress.epoch + 1}, step {self.progress.step}"
        raise InterruptedRunError(
            number, f"stopped by {name} at {place}; {self.options.output / LAST} is written, go on with --resume"
        )

    def _figures(self) -> dict[str, float]:
        predict = predictor(self._evaluated(), self.loss, self.device)

        def predict_until_stopped(crops: ImageArray) -> FloatArray:
            if self.interruption.number:
                raise _ValidationStopped
            return predict(crops)

        figures: dict[str, float] = {}
        with suppress(_ValidationStopped):
            for validation in self.validations:
                figures |= validation.figures(predict_until_stopped)
        return figures

    def _evaluated(self) -> nn.Module:
        return self.averaged.average if self.averaged else self.network

    def _deciding(self, figures: dict[str, float]) -> float | None:
        """The figure that says which weights are best: AP or PCK@0.2 of the recipe's first validation source."""
        return next(iter(figures.values()), None)

    def _write_validation(self, figures: dict[str, float]) -> None:
        append_metrics(self.options.output, {"epoch": self.progress.epoch + 1, "step": self.progress.step} | figures)
        with SummaryWriter(str(self.options.output)) as board:
            for name, value in figures.items():
                board.add_scalar(name, value, self.progress.step)
        weights = save({name: tensor.contiguous() for name, tensor in self._evaluated().state_dict().items()})
        write_whole(self.options.output / WEIGHTS, weights)
        figure, best = self._deciding(figures), self.progress.best
        if figure is not None and (best is None or figure > best):
            write_whole(self.options.output / BEST_WEIGHTS, weights)
        self.console.print("  ".join(f"{name} {value:.4f}" for name, value in figures.items()))

    def _begin_round(self) -> None:
        """Start the schedule anew from the best weights so far, as LPN's iterative training does."""
        best = load_file(self.options.output / BEST_WEIGHTS)
        for network in (self.network, self._evaluated()):
            network.load_state_dict(best)
        self.optimiser = build_optimiser(self.recipe.optimiser, self.network)
        self.console.print(f"round {self.progress.epoch // self.recipe.schedule.epochs + 1}: on from the best weights")

    @contextmanager
    def _board(self) -> Generator[SummaryWriter | None]:
        """TensorBoard's writer; processes that do not lead have none."""
        if not self.ranks.leads:
            yield None
            return
        with SummaryWriter(str(self.options.output)) as board:
            yield board

    def _goes_on_from(self, old: Recipe, steps: int) -> bool:
        """Whether `old` gave the first `steps` steps as this recipe does: they may differ in epochs still to come."""
        length = self.recipe.schedule.model_dump(include={"epochs", "cooldown_epochs"})
        same_but_length = old.model_copy(update={"schedule": old.schedule.model_copy(update=length)}) == self.recipe
        theirs, ours = (list(islice(self._rates(recipe, 0), steps)) for recipe in (old, self.recipe))
        return same_but_length and theirs == ours

    def _rates(self, recipe: Recipe, first_step: int) -> Iterator[float]:
        steps_per_epoch = -(-self.sampler.count // recipe.schedule.batch_size)
        return learning_rates(recipe.optimiser, recipe.schedule, steps_per_epoch, first_step)

    def _steps(self) -> Iterator[Step]:
        rates = self._rates(self.recipe, self.progress.step)
        return train_epoch(
            self.network,
            self.loss,
            self.optimiser,
            self.feed.steps(),
            rates,
            self.progress.step,
            device=self.device,
            bf16=self.options.bf16,
            averaged=self.averaged,
            seed=self.recipe.seed,
            clip_norm=self.recipe.optimiser.clip_norm,
            teacher=self.teacher,
            ranks=self.ranks,
        )

    def _record(self, board: SummaryWriter, step: Step, rate: float) -> None:
        board.add_scalar("train/loss", step.loss, step.step)
        board.add_scalar("train/learning_rate", step.learning_rate, step.step)
        entry: Entry = {"step": step.step, "loss": step.loss, "learning_rate": step.learning_rate, "rate": rate}
        append_metrics(self.options.output, entry)
        if step.step % self.options.checkpoint_steps == 0:
            self.save()

    def _read_data(self) -> tuple[Feed, EpochSampler, list[Validation]]:
        recipe, options = self.recipe, self.options
        samples = read_training_samples(options.data, recipe.training, recipe.skeleton.build(), self._tell)
        validations = read_validations(options.data, recipe, tell=self._tell) if self.ranks.leads else []
        sampler = EpochSampler(len(samples), recipe.seed, recipe.schedule.epoch_samples)
        schedule, ranks = recipe.schedule, self.ranks
        shares = Shares(sampler, schedule.batch_size, schedule.accumulate, ranks.rank, ranks.world)
        with self.console.status(f"decoding photographs of {len(samples)} samples"):
            feed = open_feed(recipe, samples, shares, options.feed, self.device)
        if feed.told:
            self.console.print(feed.told)
        return feed, sampler, validations

    def _tell(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False)

    def _load_initial(self, path: Path) -> str:
        if not path.is_dir():
            return load_initial_weights(self.network, path)
        return load_bundle(self.network, path, self.feed.first_crops(STATISTICS_CROPS).to(self.device))

    def _build_average(self) -> Averaged | None:
        decay = self.recipe.schedule.ema_decay
        return None if decay is None else Averaged(self.network, build_network(self.recipe).to(self.device), decay)

    def _restore(self, path: Path) -> None:
        recipe, progress, states = load_checkpoint(path)
        if not self._goes_on_from(recipe, progress.step):
            raise RecipeError(f"{path} was made by another recipe than {self.recipe.name}; choose another --output")
        self.network.load_state_dict(states["network"])
        self.optimiser.load_state_dict(states["optimiser"])
        if self.averaged:
            self.averaged.average.load_state_dict(states["average"])
        self.progress = progress
        self.console.print(f"resuming at epoch {progress.epoch + 1}, step {progress.step}")


class _ValidationStopped(Exception):  # noqa: N818 - no error: a signal came
    pass


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
