"""The commands that need torch; `service.cli` hands them over when they are called."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from model.add_program import add_program
from model.benchmark_train import Plan, describe_rates, measure_rates
from model.checkpoint import CheckpointError
from model.config import RecipeError, read_recipe
from model.contact_sheet import write_contact_sheet
from model.contract.coco import AnnotationError, write_results
from model.contract.spec import BundleError
from model.cost_report import count_published, report
from model.data.cli import app as data_app
from model.data.dataset import DataError
from model.data.feed import CropsFrom
from model.detector.cli import ERRORS as DETECTOR_ERRORS
from model.detector.cli import app as detector_app
from model.engine import DeviceError, DivergedError
from model.export import Identity, export_run
from model.graph import ParityError
from model.interruption import InterruptedRunError
from model.latency import measure_latency
from model.measure import Measurement, measure_model
from model.notes import parse_notes
from model.remeasure import measure_bundle, record
from model.reproduce.cli import reproduce_command
from model.reproduce.jobs import RECIPES, find_setting
from model.train import TrainingOptions, train

ZOO = Path(__file__).parent / "zoo"
ERRORS = (
    *(RecipeError, AnnotationError, DataError, CheckpointError, BundleError, ParityError, DeviceError, DivergedError),
    *DETECTOR_ERRORS,
    OSError,  # a full disk, an output folder that is a file: the system names it
)

app = typer.Typer(help="Training, evaluation and export of pose networks.", pretty_exceptions_enable=False)

app.add_typer(detector_app, name="detector")
app.add_typer(data_app, name="data")
app.command("reproduce")(reproduce_command)

DataFolder = Annotated[Path, typer.Option(help="Folder that the recipe's paths are relative to.")]


@app.command("train")
def train_command(
    recipe: Annotated[str, typer.Option(help="Name of a recipe of model/recipes, or a TOML file.")],
    data: DataFolder,
    output: Annotated[Path, typer.Option(help="Folder for checkpoints, metrics.jsonl and TensorBoard events.")],
    setting: Annotated[
        str | None,
        typer.Option(
            help="Name of a setting of model/recipes/settings, or a TOML file: its keys replace the recipe's.",
            show_default="the recipe as it is",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    bf16: Annotated[bool, typer.Option("--bf16", help="Autocast to bfloat16.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Loader processes; 0 loads in the training process.")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of the network; 0 is torch's choice.")] = 0,
    crops: Annotated[
        CropsFrom,
        typer.Option(
            help="loader: OpenCV cuts them in the loader's processes; resident: the device cuts them and keeps all "
            "photographs; auto: resident on a GPU that holds them, else loader."
        ),
    ] = "auto",
    resident_gib: Annotated[
        float, typer.Option(min=0, help="Memory of the device for --crops resident, GiB; 0: half of what is free.")
    ] = 0.0,
    image_cache_gib: Annotated[
        float, typer.Option(min=0, help="Memory for decoded photographs of --crops loader, GiB.")
    ] = 4.0,
    disk_cache: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps decoded photographs, about 1 MB each.", show_default="none"),
    ] = None,
    checkpoint_steps: Annotated[int, typer.Option(min=1, help="Optimiser steps between checkpoints.")] = 200,
    initial_weights: Annotated[
        Path | None,
        typer.Option(help="A bundle, or a safetensors file of a network or a torchvision trunk.", show_default="none"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the output folder's last checkpoint.")] = False,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Embedded bundle or bundle folder that a recipe's [distillation] learns from.", show_default="none"
        ),
    ] = None,
    sync_batch_norm: Annotated[
        bool, typer.Option("--sync-batch-norm", help="Under torchrun: batch norms over all processes' samples.")
    ] = False,
) -> None:
    """Train a pose network by a recipe; torchrun starts it on several processes."""
    options = TrainingOptions(
        data=data,
        output=output,
        device=device,
        bf16=bf16,
        workers=workers,
        threads=threads,
        crops=crops,
        resident_gib=resident_gib,
        image_cache_gib=image_cache_gib,
        disk_cache=disk_cache,
        checkpoint_steps=checkpoint_steps,
        initial_weights=initial_weights,
        resume=resume,
        teacher=None if teacher is None else find_bundle(teacher),
        sync_batch_norm=sync_batch_norm,
    )
    train(read_recipe(find_recipe(recipe), find_setting(setting)), options, Console())


@app.command("evaluate")
def evaluate_command(
    model: Annotated[Path, typer.Option(help="A bundle folder, or the output folder of a training run.")],
    annotations: Annotated[Path, typer.Option(help="COCO keypoint annotation file, or MPII's JSON list.")],
    images: Annotated[Path, typer.Option(help="Folder of its photographs.")],
    detections: Annotated[
        Path | None,
        typer.Option(help="COCO detections file (boxes and scores).", show_default="the annotations' own boxes"),
    ] = None,
    flip_test: Annotated[bool, typer.Option("--flip-test", help="Average with the mirrored crop.")] = False,
    precision: Annotated[Literal["fp32", "bf16", "int8"], typer.Option(help="Graph of a bundle.")] = "fp32",
    results: Annotated[
        Path | None, typer.Option(help="Write the COCO results here.", show_default="not written")
    ] = None,
    metric: Annotated[
        Literal["coco", "pckh"], typer.Option(help="coco: AP and PCK@0.2; pckh: MPII's, of its JSON list.")
    ] = "coco",
    ground_truth: Annotated[
        Path | None, typer.Option(help="MPII's gt_valid.mat, for --metric pckh.", show_default="none")
    ] = None,
    report_folder: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Write report.html here: joints, curves, worst cases.", show_default="not written"
        ),
    ] = None,
    contact_sheet: Annotated[
        Path | None,
        typer.Option(help="Write a picture of 24 people, estimate beside label.", show_default="not written"),
    ] = None,
    blank: Annotated[bool, typer.Option("--blank", help="Leave the photographs out of the contact sheet.")] = False,
) -> None:
    """Measure a pose network: COCO AP (ten figures) and PCK@0.2 on a COCO annotation file, or PCKh on MPII."""
    if (metric == "pckh") != (ground_truth is not None):
        raise typer.BadParameter("--metric pckh and --ground-truth gt_valid.mat go together")
    if blank and contact_sheet is None:
        raise typer.BadParameter("--blank is about the picture that --contact-sheet writes")
    task = Measurement(
        model, annotations, images, detections, flip_test=flip_test, precision=precision, ground_truth=ground_truth
    )
    measured = measure_model(task)
    if results is not None:
        write_results(results, measured.results)
    if report_folder is not None:
        from model.report import write_report  # noqa: PLC0415 - matplotlib takes a second to import

        write_report(task, measured, report_folder)
    if contact_sheet is not None:
        write_contact_sheet(measured, contact_sheet, blank=blank)
    typer.echo(json.dumps({name: round(value, 4) for name, value in measured.figures.items()}, indent=1))


@app.command("measure")
def measure_command(
    model: Annotated[Path, typer.Option(help="A bundle folder.")],
    data: DataFolder,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of the timing; 0: one per core.")] = 0,
    detector: Annotated[
        str | None,
        typer.Option(
            help="Detector, embedded or a bundle folder: measure with its boxes too, and count the network's cost.",
            show_default="own boxes alone",
        ),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Record the figures in the bundle's spec.")] = False,
) -> None:
    """Measure each precision that this CPU computes in on the recipe's validation files, and its time."""
    measured = measure_bundle(model, data, threads, None if detector is None else find_bundle(detector))
    for precision, figures in measured.accuracy.items():
        typer.echo(f"{precision}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
        for count, times in measured.times.items():
            took = times[precision]
            typer.echo(f"{precision}: {count} crop(s) in {took.best:.1f} ms at best, {took.median:.1f} in the median")
        if measured.facts is not None:
            found = measured.facts["on_detections"][precision]
            typer.echo(f"{precision}: AP {found['AP']:.4g} with the boxes of {measured.facts['detector']}")
    if write:
        record(model, measured)


@app.command("export")
def export_command(
    run: Annotated[Path, typer.Option(help="Output folder of a training run.")],
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Bundle folder to write.")],
    name: Annotated[str, typer.Option(help="Name of the bundle.")],
    version: Annotated[str, typer.Option(help="Version of the bundle.")],
    licence: Annotated[str, typer.Option(help="SPDX expression of the weights' licence.")],
    note: Annotated[
        list[str] | None, typer.Option(help="KEY=TEXT for the spec's training facts; may repeat.", show_default="none")
    ] = None,
    pt2: Annotated[bool, typer.Option("--pt2", help="Write model.pt2 too, for CUDA, and measure fp16.")] = False,
) -> None:
    """Write a trained network as a bundle: ONNX, int8 ONNX, accuracy on the recipe's validation files, spec."""
    export_run(run, data, out, Identity(name, version, licence, parse_notes(note)), Console(), pt2=pt2)


@app.command("add-pt2")
def add_pt2_command(
    bundle: Annotated[str, typer.Option(help="Name of an embedded bundle, or a bundle folder.")],
    out: Annotated[Path, typer.Option(help="Folder for the copy with model.pt2; not there yet.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Measure fp16 and bf16 on it: the recipe's data folder, or a detector's folder of person boxes.",
            show_default="not measured, so that --precision auto stays with fp32 on CUDA",
        ),
    ] = None,
) -> None:
    """Copy a bundle and add model.pt2, which a server runs on CUDA."""
    typer.echo(json.dumps(add_program(find_bundle(bundle), out, data), indent=1))


@app.command("cost")
def cost_command(
    only: Annotated[str, typer.Option(help="Part of a network's name.", show_default="all networks")] = "",
    latency: Annotated[
        bool, typer.Option("--latency", help="Time one crop too: OpenVINO on this CPU, eager torch on a GPU.")
    ] = False,
) -> None:
    """Print what networks cost: published, counted as published, in multiply-adds, and where the figures disagree."""
    rows = count_published(only)
    if not rows:
        raise typer.BadParameter(
            f"no network's name contains {only!r}; `fasterpose cost` prints them", param_hint="--only"
        )
    typer.echo(report(rows, [measure_latency(row.published) for row in rows] if latency else None))


@app.command("benchmark-train", hidden=True)  # `fasterpose benchmark train` comes here
def benchmark_train_command(
    recipe: Annotated[str, typer.Option(help="Name of a recipe of model/recipes, or a TOML file.")],
    data: DataFolder,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    bf16: Annotated[bool, typer.Option("--bf16", help="Autocast to bfloat16.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="Measured time of each of five activities, s.")] = 10.0,
    workers: Annotated[int, typer.Option(min=0, help="Loader processes; 0 loads in the training process.")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of the network; 0 is torch's choice.")] = 0,
    people: Annotated[int, typer.Option(min=0, help="How many people take part; 0: all of the recipe's.")] = 512,
) -> None:
    """Time a recipe's training, crops of the loader beside resident ones, and each part alone."""
    plan = Plan(read_recipe(find_recipe(recipe)), data, device, bf16, seconds, workers, threads, people)
    typer.echo(describe_rates(plan, measure_rates(plan)))


def find_recipe(name: str) -> Path:
    """The file of a recipe given by its name in model/recipes or by its path."""
    named = RECIPES / f"{name}.toml"
    return named if named.is_file() else Path(name)


def find_bundle(name: str) -> Path:
    """The folder of a bundle given by its name among the embedded ones or by its path."""
    embedded = ZOO / name
    return embedded if embedded.is_dir() else Path(name)


def main(arguments: list[str]) -> None:
    """Run a command; an error that the user can act on is one line and exit code 2, a signal 130 or 143."""
    try:
        app(arguments, prog_name="fasterpose")
    except InterruptedRunError as interruption:
        typer.echo(f"fasterpose: {interruption}", err=True)
        sys.exit(interruption.exit_code)
    except ERRORS as error:
        typer.echo(f"fasterpose: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
