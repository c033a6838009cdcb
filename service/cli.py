"""The command `fasterpose`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from model.contract.coco_entry import AnnotationError
from model.contract.spec import BundleError
from service.access.commands import app as keys
from service.bench.cli import app as benchmark
from service.errors import ServiceError
from service.exit_codes import USAGE_ERROR
from service.flags import (
    NETWORKS,
    FlipTest,
    KeypointThreshold,
    MaxPersons,
    PersonThreshold,
    ReadSettings,
    with_settings,
)
from service.runtime.base import RuntimeUnavailableError
from service.settings import ServiceSettings, SettingsError
from service.training import FORWARDED, run_training
from service.zoo import describe_zoo

EXIT_CODES = (
    "0 all images are answered; 1 some are not; 2 the command, a setting or a bundle cannot be used; "
    "3 an output cannot be written; 130, 143 stopped by Ctrl-C, SIGTERM: what was under way is written; "
    "141 nobody reads stdout any more."
)

app = typer.Typer(
    help="Human pose as a service: a photograph in, COCO keypoints out.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(benchmark, name="benchmark")
app.add_typer(keys, name="keys")


@app.command()
@with_settings(*ServiceSettings.model_fields)
def serve(
    read_settings: ReadSettings,
) -> None:
    """Start the server. A flag wins over FASTERPOSE_<NAME>, that over --config, that over the default."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # read at import; grpc's core writes past the log and its format
    from service.serve import serve as run_server  # noqa: PLC0415 - `--help` must not wait for the runtime

    settings = read_settings()
    raise typer.Exit(run_server(settings))


@app.command(epilog=f"Exit codes: {EXIT_CODES}")
@with_settings(*NETWORKS)
def predict(
    read_settings: ReadSettings,
    *,
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Image and video files, folders, quoted globs, - (an image on stdin), cameras (0, camera:0), rtsp://...",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for overlays, results.json (COCO) and images.json (ids).")
    ] = None,
    overlays: Annotated[
        Path | None, typer.Option(help="Folder for the images with people drawn; -: one JPEG to stdout.")
    ] = None,
    coco: Annotated[
        Path | None, typer.Option(help="File for COCO results; FILE.images.json beside it has the ids. -: stdout.")
    ] = None,
    jsonl: Annotated[
        Path | None, typer.Option(help="File for JSON lines, one an image, as of `fasterpose batch`. -: stdout.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="File for a table, a row a person. -: stdout.")] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(help="COCO annotations, detections or results, whose boxes are answered; no detector runs."),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search the subfolders of folders too.")] = False,
    track: Annotated[bool, typer.Option(help="Follow people through videos and number them.")] = True,
    detect_every: Annotated[
        int, typer.Option(min=1, max=300, help="In videos the detector looks at least at every so many frames.")
    ] = 10,
    smooth: Annotated[bool, typer.Option("--smooth", help="Smooth the keypoints of tracked people over time.")] = False,
    max_frames: Annotated[
        int | None,
        typer.Option(min=1, help="Stop a video, camera or stream after so many answered frames.", show_default=False),
    ] = None,
    person_threshold: PersonThreshold = 0.3,
    keypoint_threshold: KeypointThreshold = 0.2,
    max_persons: MaxPersons = 100,
    flip_test: FlipTest = False,
) -> None:
    """Find people in photographs and videos, without a server. With no output named, JSON lines go to stdout.

    A file that cannot be answered is named on stderr, and the others are answered.
    """
    from service.jobs import PoseOptions  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.predict.asked import Wanted  # noqa: PLC0415
    from service.predict.command import Choices  # noqa: PLC0415
    from service.predict.command import predict as predict_sources  # noqa: PLC0415
    from service.tracking.options import TrackingOptions  # noqa: PLC0415

    settings = read_settings()
    options = PoseOptions(
        person_threshold=person_threshold,
        keypoint_threshold=keypoint_threshold,
        max_persons=max_persons,
        flip_test=flip_test,
    )
    wanted = Wanted(out, overlays, coco, jsonl, csv, boxes)
    tracking = TrackingOptions(detect_every=detect_every, smooth=smooth) if track else None
    choices = Choices(options, tracking, recursive, max_frames)
    raise typer.Exit(predict_sources(sources, wanted, choices, settings))


@app.command()
@with_settings(*NETWORKS)
def batch(
    read_settings: ReadSettings,
    *,
    sources: Annotated[
        list[str],
        typer.Option(
            "--input",
            help="Folder (with its subfolders), quoted glob, list (one path a line) or image; may be repeated.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option(help="JSONL file: a line an image, in no order.", show_default=False)],
    workers: Annotated[
        int, typer.Option(min=0, help="Processes; 0: one for each device, with --ray one for each node.")
    ] = 0,
    ray: Annotated[
        bool, typer.Option("--ray", help="Work on a Ray cluster, whose nodes all see the files. Needs the ray extra.")
    ] = False,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Answer images again whose line is an error.")
    ] = False,
    person_threshold: PersonThreshold = 0.3,
    keypoint_threshold: KeypointThreshold = 0.2,
    max_persons: MaxPersons = 100,
    flip_test: FlipTest = False,
) -> None:
    """Find people in any number of photographs; killed at any moment, the same command goes on where it was.

    A line is {"image": {"id": PATH, "width": ..., "height": ...}, "results": [...]} as a server answers, or has an
    "error" instead of the size. Exit code 0: all are answered; 1: some lines are errors; 3: the workers or the disk
    gave up; 130, 143: stopped by Ctrl-C, SIGTERM.
    """
    from service.batch.command import run_command  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.batch.job import BatchJob  # noqa: PLC0415
    from service.jobs import PoseOptions  # noqa: PLC0415

    settings = read_settings()
    options = PoseOptions(
        person_threshold=person_threshold,
        keypoint_threshold=keypoint_threshold,
        max_persons=max_persons,
        flip_test=flip_test,
    )
    raise typer.Exit(run_command(BatchJob(sources, output, retry_errors), options, settings, workers, with_ray=ray))


@app.command(epilog="Exit codes: 0 a server could serve; 1 it could not.")
@with_settings("host", "http_port", "grpc_port", *NETWORKS)
def doctor(
    read_settings: ReadSettings,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")] = False,
) -> None:
    """Say what a server would use here and why, and what is wrong. All settings of `serve` count.

    Runtime, precision, networks and their licences, threads, ports; each network is loaded and computed once.
    """
    from service.doctor.command import doctor as run_doctor  # noqa: PLC0415 - `--help` must not wait for the runtime

    raise typer.Exit(run_doctor(read_settings, as_json=as_json))


@app.command()
def models() -> None:
    """List the embedded model bundles."""
    typer.echo(describe_zoo())


def _forward(context: typer.Context) -> None:
    """Hand a command and its arguments to `model.cli`, which needs the train extra."""
    run_training(str(context.info_name), context.args)


for name, text in (
    ("train", "Train a pose network by a recipe."),
    ("evaluate", "Measure a pose network's AP on a COCO annotation file."),
    ("measure", "Measure a pose bundle again, in each precision that this CPU computes in."),
    ("export", "Write a trained network as a bundle."),
    ("add-pt2", "Copy a bundle and add what a server runs on CUDA."),
    ("cost", "Print what the networks cost, beside what the papers print."),
    ("data", "Check a data set, and write a recipe's skeleton for it."),
    ("reproduce", "Train a published table's rows and print them beside the paper's."),
    ("detector", "Train, evaluate and export the person detector."),
):
    app.command(
        name,
        help=f"{text} Needs the train extra.",
        add_help_option=False,
        context_settings=FORWARDED,
    )(_forward)


def main() -> None:
    """Run the command; an error that the user can act on is one line and exit code 2."""
    try:
        app()
    except (SettingsError, AnnotationError, BundleError, RuntimeUnavailableError, ServiceError) as error:
        typer.echo(f"fasterpose: {error}", err=True)
        sys.exit(USAGE_ERROR)


if __name__ == "__main__":
    main()
