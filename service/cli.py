"""The command `fasterpose`."""

import asyncio
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from typer.models import OptionInfo

from model.contract.spec import BundleError, load_pose_spec
from service.errors import ServiceError
from service.runtime.base import RuntimeUnavailableError
from service.settings import ServiceSettings, SettingsError, load_settings
from service.zoo import describe_zoo, find_bundle

if TYPE_CHECKING:
    from service.benchmark import EagerNetworks

USAGE_ERROR = 2

app = typer.Typer(
    help="Human pose as a service: a photograph in, COCO keypoints out.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def setting(name: str) -> OptionInfo:
    """A flag for a setting; its help and its default come from the setting itself."""
    field = ServiceSettings.model_fields[name]
    default = "none" if field.default is None else field.default
    text = f"{field.description}  [default: {default}]"  # the flag's own default is None: not given
    return cast(OptionInfo, typer.Option(f"--{name.replace('_', '-')}", help=text, show_default=False))


Config = Annotated[
    Path | None,
    typer.Option(help="TOML file with settings.", envvar="FASTERPOSE_CONFIG", show_default=False),
]
Model = Annotated[str | None, setting("model")]
DetectorName = Annotated[str | None, setting("detector")]
RuntimeName = Annotated[str | None, setting("runtime")]
PrecisionName = Annotated[str | None, setting("precision")]
Device = Annotated[str | None, setting("device")]
ThreadCount = Annotated[int | None, setting("threads")]


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
    log_format: Annotated[str | None, setting("log_format")] = None,
    max_body_bytes: Annotated[int | None, setting("max_body_bytes")] = None,
    grpc_max_message_bytes: Annotated[int | None, setting("grpc_max_message_bytes")] = None,
    grpc_stream_window: Annotated[int | None, setting("grpc_stream_window")] = None,
    max_pixels: Annotated[int | None, setting("max_pixels")] = None,
    max_images: Annotated[int | None, setting("max_images")] = None,
    max_boxes: Annotated[int | None, setting("max_boxes")] = None,
    max_in_flight: Annotated[int | None, setting("max_in_flight")] = None,
    max_in_flight_bytes: Annotated[int | None, setting("max_in_flight_bytes")] = None,
    max_queue_items: Annotated[int | None, setting("max_queue_items")] = None,
    max_queue_bytes: Annotated[int | None, setting("max_queue_bytes")] = None,
    detector_batch: Annotated[int | None, setting("detector_batch")] = None,
    pose_batch: Annotated[int | None, setting("pose_batch")] = None,
    timeout_ms: Annotated[int | None, setting("timeout_ms")] = None,
    drain_s: Annotated[int | None, setting("drain_s")] = None,
    tls_cert: Annotated[Path | None, setting("tls_cert")] = None,
    tls_key: Annotated[Path | None, setting("tls_key")] = None,
    tls_client_ca: Annotated[Path | None, setting("tls_client_ca")] = None,
) -> None:
    """Start the server. A flag wins over FASTERPOSE_<NAME>, that over --config, that over the default."""
    from service.serve import serve as run_server  # noqa: PLC0415 - `--help` must not wait for the runtime

    settings = _settings(
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
        log_format=log_format,
        max_body_bytes=max_body_bytes,
        grpc_max_message_bytes=grpc_max_message_bytes,
        grpc_stream_window=grpc_stream_window,
        max_pixels=max_pixels,
        max_images=max_images,
        max_boxes=max_boxes,
        max_in_flight=max_in_flight,
        max_in_flight_bytes=max_in_flight_bytes,
        max_queue_items=max_queue_items,
        max_queue_bytes=max_queue_bytes,
        detector_batch=detector_batch,
        pose_batch=pose_batch,
        timeout_ms=timeout_ms,
        drain_s=drain_s,
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
    )
    raise typer.Exit(run_server(settings))


@app.command()
def predict(
    *,
    photos: Annotated[list[Path], typer.Argument(help="Image files.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the overlays and results.json; made if it is not there.")],
    config: Config = None,
    person_threshold: Annotated[float, typer.Option(min=0, max=1, help="Drop people whose box score is lower.")] = 0.3,
    keypoint_threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Keypoints above it are drawn and count for a person's score.")
    ] = 0.2,
    max_persons: Annotated[int, typer.Option(min=1, help="Keep the highest-scoring people of an image.")] = 100,
    flip_test: Annotated[bool, typer.Option("--flip-test", help="Average with the mirrored crop.")] = False,
    model: Model = None,
    detector: DetectorName = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    device: Device = None,
    threads: ThreadCount = None,
) -> None:
    """Find people in photographs: OUT/<name>.jpg with skeletons, OUT/results.json (COCO), OUT/images.json (ids).

    Exit code 1 if a file could not be answered; the others are still written.
    """
    from service.jobs import PoseOptions  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.predict import predict_files  # noqa: PLC0415

    settings = _settings(
        config,
        model=model,
        detector=detector,
        runtime=runtime,
        precision=precision,
        device=device,
        threads=threads,
    )
    options = PoseOptions(
        person_threshold=person_threshold,
        keypoint_threshold=keypoint_threshold,
        max_persons=max_persons,
        flip_test=flip_test,
    )
    raise typer.Exit(predict_files(photos, out, options, settings))


@app.command()
def models() -> None:
    """List the embedded model bundles."""
    typer.echo(describe_zoo())


@app.command()
def benchmark(
    rounds: Annotated[int, typer.Option(min=1, help="Measured rounds; the medians are printed.")] = 20,
    config: Config = None,
    model: Model = None,
    detector: DetectorName = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    device: Device = None,
    threads: ThreadCount = None,
) -> None:
    """Time the stages of one 720p photograph with 1 and with 5 people, and the networks in eager torch beside them.

    Eager torch needs the train extra; without it only the served path is timed.
    """
    from service.benchmark import print_table, run_benchmark  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.engine import load_pipeline  # noqa: PLC0415

    settings = _settings(
        config,
        model=model,
        detector=detector,
        runtime=runtime,
        precision=precision,
        device=device,
        threads=threads,
    )
    pipeline = load_pipeline(settings)
    try:
        times = asyncio.run(run_benchmark(pipeline, rounds, _eager_networks(settings)))
        print_table(pipeline, times, rounds)
    finally:
        pipeline.close()


def _eager_networks(settings: ServiceSettings) -> "EagerNetworks | None":
    """The bundles' networks in eager torch, or None without the train extra."""
    try:
        eager = importlib.import_module("model.eager")
    except ModuleNotFoundError:
        return None
    pose = load_pose_spec(find_bundle(settings.model))
    return eager.EagerNetworks(pose, find_bundle(settings.detector) / "model.safetensors", settings.threads)


def _forward(context: typer.Context) -> None:
    """Hand a command and its arguments to `model.cli`, which needs the train extra."""
    try:
        training = importlib.import_module("model.cli")
    except ModuleNotFoundError as error:
        typer.echo(
            f"fasterpose {context.info_name} needs {error.name}; install it with: pip install 'fasterpose[train]' "
            "(in a clone: make train-env, then .venv-train/bin/fasterpose)",
            err=True,
        )
        raise typer.Exit(USAGE_ERROR) from error
    training.main([str(context.info_name), *context.args])


for name, text in (
    ("train", "Train a pose network by a recipe."),
    ("evaluate", "Measure a pose network's AP on a COCO annotation file."),
    ("export", "Write a trained network as a bundle."),
    ("cost", "Print what the networks cost, beside what the papers print."),
    ("detector", "Train, evaluate and export the person detector."),
):
    app.command(
        name,
        help=f"{text} Needs the train extra.",
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_forward)


def _settings(config: Path | None, **flags: object) -> ServiceSettings:
    return load_settings(flags, config, os.environ)


def main() -> None:
    """Run the command; an error that the user can act on is one line and exit code 2."""
    try:
        app()
    except (SettingsError, BundleError, RuntimeUnavailableError, ServiceError) as error:
        typer.echo(f"fasterpose: {error}", err=True)
        sys.exit(USAGE_ERROR)


if __name__ == "__main__":
    main()
