"""The commands `fasterpose benchmark ...`. Without a subcommand: the stages of one photograph."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from service.flags import Config, DetectorName, Device, Model, PrecisionName, RuntimeName, ThreadCount, read_settings

app = typer.Typer(rich_markup_mode=None)

Json = Annotated[Path | None, typer.Option("--json", help="Write every figure into this file too.", show_default=False)]


@app.callback(invoke_without_command=True)
def benchmark(
    context: typer.Context,
    *,
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

    Eager torch needs the train extra; without it only the served path is timed. The subcommands measure the graphs,
    the server under load, and other servers beside it.
    """
    if context.invoked_subcommand is not None:
        _refuse_flags_before(context, context.invoked_subcommand)
        return
    from service.bench.eager import open_eager  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.bench.stages import print_stages, run_benchmark  # noqa: PLC0415
    from service.engine import load_pipeline  # noqa: PLC0415

    settings = read_settings(
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
        times = asyncio.run(run_benchmark(pipeline, rounds, open_eager(settings)))
        print_stages(pipeline, times, rounds)
    finally:
        pipeline.close()


@app.command("runtime")
def runtime_command(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Measured rounds.")] = 10,
    batches: Annotated[str, typer.Option(help="Batch sizes.")] = "1,2,4,8,16",
    json: Json = None,
    config: Config = None,
    model: Model = None,
    detector: DetectorName = None,
    device: Device = None,
    threads: ThreadCount = None,
) -> None:
    """Time both graphs in eager torch and in every precision that the machine and the bundles have, by batch size.

    Eager torch needs the train extra; without it the graphs are compared with their fp32.
    """
    from service.bench.eager import open_eager  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.bench.report import write_json  # noqa: PLC0415
    from service.bench.runtime import open_graphs, print_timings, time_graphs, timings_content  # noqa: PLC0415

    sizes = _numbers(batches, "--batches")
    settings = read_settings(config, model=model, detector=detector, device=device, threads=threads)
    graphs = open_graphs(settings, open_eager(settings))
    timings = time_graphs(graphs, sizes, rounds)
    print_timings(graphs, timings, rounds)
    write_json(json, timings_content(timings, rounds))


def _refuse_flags_before(context: typer.Context, subcommand: str) -> None:
    """A flag before a subcommand would be ignored."""
    given = [name for name in context.params if _is_flag(context, name)]
    if given:
        flag = f"--{given[0].replace('_', '-')}"
        raise typer.BadParameter(f"{flag} belongs behind the subcommand: fasterpose benchmark {subcommand} {flag} ...")


def _is_flag(context: typer.Context, name: str) -> bool:
    """Whether a parameter came from the command line, not from a default or the environment."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _numbers(text: str, flag: str) -> tuple[int, ...]:
    """`1,8,32` -> its numbers."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{flag} is {text!r}; write whole numbers and commas, for example 1,8,32") from error
    if min(numbers) < 1:
        raise typer.BadParameter(f"{flag} is {text!r}; every number must be at least 1")
    return numbers


def _names(text: str, known: tuple[str, ...], flag: str) -> tuple[str, ...]:
    """`raw,grpc` -> its names, in the order in which they are known."""
    chosen = text.split(",")
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise typer.BadParameter(f"{flag} has no {unknown[0]!r}; choose from {','.join(known)}")
    return tuple(name for name in known if name in chosen)
