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
    Config,
    DetectorName,
    Device,
    FlipTest,
    KeypointThreshold,
    MaxPersons,
    Model,
    PersonThreshold,
    PrecisionName,
    RuntimeName,
    StreamCount,
    ThreadCount,
    read_settings,
    setting,
)
from service.runtime.base import RuntimeUnavailableError
from service.settings import SettingsError
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
def serve(
    *,
    config: Config = None,
    host: Annotated[str | None, setting("host")] = None,
    http_port: Annotated[int | None, setting("http_port")] = None,
    grpc_port: Annotated[int | None, setting("grpc_port")] = None,
    model: Model = None,
    detector: DetectorName = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    device: Device = None,
    threads: ThreadCount = None,
    streams: StreamCount = None,
    log_format: Annotated[str | None, setting("log_format")] = None,
    max_header_bytes: Annotated[int | None, setting("max_header_bytes")] = None,
    read_timeout_s: Annotated[int | None, setting("read_timeout_s")] = None,
    keep_alive_s: Annotated[int | None, setting("keep_alive_s")] = None,
    max_body_bytes: Annotated[int | None, setting("max_body_bytes")] = None,
    grpc_max_message_bytes: Annotated[int | None, setting("grpc_max_message_bytes")] = None,
    grpc_stream_window: Annotated[int | None, setting("grpc_stream_window")] = None,
    stream_window: Annotated[int | None, setting("stream_window")] = None,
    max_streams: Annotated[int | None, setting("max_streams")] = None,
    max_pixels: Annotated[int | None, setting("max_pixels")] = None,
    max_images: Annotated[int | None, setting("max_images")] = None,
    max_boxes: Annotated[int | None, setting("max_boxes")] = None,
    max_in_flight: Annotated[int | None, setting("max_in_flight")] = None,
    max_in_flight_bytes: Annotated[int | None, setting("max_in_flight_bytes")] = None,
    max_queue_ms: Annotated[int | None, setting("max_queue_ms")] = None,
    max_queue_items: Annotated[int | None, setting("max_queue_items")] = None,
    max_queue_bytes: Annotated[int | None, setting("max_queue_bytes")] = None,
    detector_batch: Annotated[int | None, setting("detector_batch")] = None,
    pose_batch: Annotated[int | None, setting("pose_batch")] = None,
    timeout_ms: Annotated[int | None, setting("timeout_ms")] = None,
    drain_s: Annotated[int | None, setting("drain_s")] = None,
    when_lost: Annotated[str | None, setting("when_lost")] = None,
    drain_delay_s: Annotated[int | None, setting("drain_delay_s")] = None,
    tls_cert: Annotated[Path | None, setting("tls_cert")] = None,
    tls_key: Annotated[Path | None, setting("tls_key")] = None,
    tls_client_ca: Annotated[Path | None, setting("tls_client_ca")] = None,
    keys_file: Annotated[Path | None, setting("keys_file")] = None,
    metrics_key: Annotated[bool | None, setting("metrics_key")] = None,
    admin_port: Annotated[int | None, setting("admin_port")] = None,
    admin_host: Annotated[str | None, setting("admin_host")] = None,
    bundles_dir: Annotated[Path | None, setting("bundles_dir")] = None,
    cors_origins: Annotated[str | None, setting("cors_origins")] = None,
) -> None:
    """Start the server. A flag wins over FASTERPOSE_<NAME>, that over --config, that over the default."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # read at import; grpc's core writes past the log and its format
    from service.serve import serve as run_server  # noqa: PLC0415 - `--help` must not wait for the runtime

    settings = read_settings(
        config,
        host=host,
        http_port=http_port,
        grpc_port=grpc_port,
        model=model,
        detector=detector,
        runtime=runtime,
        precision=precision,
        device=device,
        threads=threads,
        streams=streams,
        log_format=log_format,
        max_header_bytes=max_header_bytes,
        read_timeout_s=read_timeout_s,
        keep_alive_s=keep_alive_s,
        max_body_bytes=max_body_bytes,
        grpc_max_message_bytes=grpc_max_message_bytes,
        grpc_stream_window=grpc_stream_window,
        stream_window=stream_window,
        max_streams=max_streams,
        max_pixels=max_pixels,
        max_images=max_images,
        max_boxes=max_boxes,
        max_in_flight=max_in_flight,
        max_in_flight_bytes=max_in_flight_bytes,
        max_queue_ms=max_queue_ms,
        max_queue_items=max_queue_items,
        max_queue_bytes=max_queue_bytes,
        detector_batch=detector_batch,
        pose_batch=pose_batch,
        timeout_ms=timeout_ms,
        drain_s=drain_s,
        when_lost=when_lost,
        drain_delay_s=drain_delay_s,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        keys_file=keys_file,
        metrics_key=metrics_key,
        admin_port=admin_port,
        admin_host=admin_host,
        bundles_dir=bundles_dir,
        cors_origins=cors_origins,
    )
    raise typer.Exit(run_server(settings))


@app.command(epilog=f"Exit codes: {EXIT_CODES}")
def predict(
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
        int | None, typer.Option(min=1, help="Stop a video, camera or stream after so many frames.", show_default=False)
    ] = None,
    config: Config = None,
    person_threshold: PersonThreshold = 0.3,
    keypoint_threshold: KeypointThreshold = 0.2,
    max_persons: MaxPersons = 100,
    flip_test: FlipTest = False,
    model: Model = None,
    detector: DetectorName = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    device: Device = None,
    threads: ThreadCount = None,
    streams: StreamCount = None,
) -> None:
    """Find people in photographs and videos, without a server. With no output named, JSON lines go to stdout.

    A file that cannot be answered is named on stderr, and the others are answered.
    """
    from service.jobs import PoseOptions  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.predict.asked import Wanted  # noqa: PLC0415
    from service.predict.command import Choices  # noqa: PLC0415
    from service.predict.command import predict as predict_sources  # noqa: PLC0415
    from service.tracking.options import TrackingOptions  # noqa: PLC0415

    settings = read_settings(
        config,
        model=model,
        detector=detector,
        runtime=runtime,
        precision=precision,
        device=device,
        threads=threads,
        streams=streams,
    )
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
def batch(
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
    config: Config = None,
    person_threshold: PersonThreshold = 0.3,
    keypoint_threshold: KeypointThreshold = 0.2,
    max_persons: MaxPersons = 100,
    flip_test: FlipTest = False,
    model: Model = None,
    detector: DetectorName = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    device: Device = None,
    threads: ThreadCount = None,
    streams: StreamCount = None,
) -> None:
    """Find people in any number of photographs; killed at any moment, the same command goes on where it was.

    A line is {"image": {"id": PATH, "width": ..., "height": ...}, "results": [...]} as a server answers, or has an
    "error" instead of the size. Exit code 0: all are answered; 1: some lines are errors; 3: the workers or the disk
    gave up; 130, 143: stopped by Ctrl-C, SIGTERM.
    """
    from service.batch.command import run_command  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.batch.job import BatchJob  # noqa: PLC0415
    from service.jobs import PoseOptions  # noqa: PLC0415

    settings = read_settings(
        config,
        model=model,
        detector=detector,
        runtime=runtime,
        precision=precision,
        device=device,
        threads=threads,
        streams=streams,
    )
    options = PoseOptions(
        person_threshold=person_threshold,
        keypoint_threshold=keypoint_threshold,
        max_persons=max_persons,
        flip_test=flip_test,
    )
    raise typer.Exit(run_command(BatchJob(sources, output, retry_errors), options, settings, workers, with_ray=ray))


@app.command(epilog="Exit codes: 0 a server could serve; 1 it could not.")
def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")] = False,
    config: Config = None,
    host: Annotated[str | None, setting("host")] = None,
    http_port: Annotated[int | None, setting("http_port")] = None,
    grpc_port: Annotated[int | None, setting("grpc_port")] = None,
    model: Model = None,
    detector: DetectorName = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    device: Device = None,
    threads: ThreadCount = None,
    streams: StreamCount = None,
) -> None:
    """Say what a server would use here and why, and what is wrong. All settings of `serve` count.

    Runtime, precision, networks and their licences, threads, ports; each network is loaded and computed once.
    """
    from service.doctor.command import doctor as run_doctor  # noqa: PLC0415 - `--help` must not wait for the runtime

    flags = {
        "host": host,
        "http_port": http_port,
        "grpc_port": grpc_port,
        "model": model,
        "detector": detector,
        "runtime": runtime,
        "precision": precision,
        "device": device,
        "threads": threads,
        "streams": streams,
    }
    raise typer.Exit(run_doctor(lambda: read_settings(config, **flags), as_json=as_json))


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
