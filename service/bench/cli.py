"""The commands `fasterpose benchmark ...`. Without a subcommand: the stages of one photograph."""

import asyncio
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from service.bench.folder_command import folder_command
from service.bench.soak_command import soak_command
from service.bench.video_command import video_command
from service.flags import NETWORKS, ReadSettings, with_settings
from service.training import FORWARDED, run_training

Name = TypeVar("Name", bound=str)

app = typer.Typer(rich_markup_mode=None)
app.command("folder")(folder_command)
app.command("soak")(soak_command)
app.command("video")(video_command)

Json = Annotated[Path | None, typer.Option("--json", help="Write every figure into this file too.", show_default=False)]


@app.callback(invoke_without_command=True)
@with_settings(*NETWORKS)
def benchmark(
    read_settings: ReadSettings,
    context: typer.Context,
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Measured rounds; the medians are printed.")] = 20,
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

    settings = read_settings()
    pipeline = load_pipeline(settings)
    try:
        times = asyncio.run(run_benchmark(pipeline, rounds, open_eager(settings)))
        print_stages(pipeline, times, rounds)
    finally:
        pipeline.close()


@app.command("runtime")
@with_settings("model", "detector", "device", "threads", "streams")
def runtime_command(
    read_settings: ReadSettings,
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Measured rounds.")] = 10,
    batches: Annotated[str, typer.Option(help="Batch sizes.")] = "1,2,4,8,16",
    json: Json = None,
) -> None:
    """Time both graphs in eager torch and in every precision that the machine and the bundles have, by batch size.

    Eager torch needs the train extra; without it the graphs are compared with their fp32.
    """
    from service.bench.eager import open_eager  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.bench.report import write_json  # noqa: PLC0415
    from service.bench.runtime import open_graphs, print_timings, time_graphs, timings_content  # noqa: PLC0415

    sizes = _numbers(batches, "--batches")
    settings = read_settings()
    graphs = open_graphs(settings, open_eager(settings))
    timings = time_graphs(graphs, sizes, rounds)
    print_timings(graphs, timings, rounds)
    write_json(json, timings_content(timings, rounds))


@app.command("serve")
@with_settings(*NETWORKS)
def serve_command(
    read_settings: ReadSettings,
    *,
    transports: Annotated[str, typer.Option(help="How requests are sent.")] = "raw,multipart,json,grpc,grpc-stream",
    concurrency: Annotated[str, typer.Option(help="Requests under way at any time.")] = "1,8,32",
    seconds: Annotated[float, typer.Option(min=0.1, help="Measured time of each load in each round, s.")] = 1.0,
    rounds: Annotated[int, typer.Option(min=1, help="Every load is measured so often; medians are printed.")] = 3,
    url: Annotated[
        str | None, typer.Option(help="A server that runs already, http://HOST:PORT; without it one is started.")
    ] = None,
    grpc: Annotated[str | None, typer.Option(help="Its gRPC address, HOST:PORT.")] = None,
    json: Json = None,
) -> None:
    """Load the server with photographs of 1 and of 5 people, and compare it with its networks alone.

    A server is started on free ports of loopback, the load generator is a third process. Each load begins when the
    one before was answered entirely.
    """
    from service.bench import serve, serve_report  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.bench.networks import load_networks  # noqa: PLC0415
    from service.bench.report import print_targets, write_json  # noqa: PLC0415
    from service.bench.requests import TRANSPORTS  # noqa: PLC0415

    plan = serve.ServePlan(
        _names(transports, TRANSPORTS, "--transports"), _numbers(concurrency, "--concurrency"), seconds, rounds
    )
    settings = read_settings()
    networks = load_networks(settings)
    loads = serve.plan_loads(plan, networks)
    with serve.server_to_load(settings, url, grpc, plan) as address:
        serve.check_networks(address, networks)
        serve.run_loads(plan, loads, address, networks)
    serve_report.print_loads(loads, networks, plan)
    serve_report.print_raw(loads)
    print_targets(serve_report.serve_targets(loads))
    write_json(json, serve_report.loads_content(loads, networks, plan))


@app.command("peers")
@with_settings(*NETWORKS)
def peers_command(
    read_settings: ReadSettings,
    *,
    parts: Annotated[str, typer.Option(help="With the networks, and with a stand-in of 1 ms.")] = "networks,stand-in",
    concurrency: Annotated[str, typer.Option(help="Requests under way at any time.")] = "1,8,32",
    seconds: Annotated[float, typer.Option(min=0.1, help="Measured time of each load in each round, s.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="Every load is measured so often; medians are printed.")] = 3,
    people: Annotated[int, typer.Option(min=1, max=5, help="People in the photograph for the networks.")] = 1,
    peers_python: Annotated[
        Path, typer.Option(help="An interpreter that has LitServe, BentoML, OpenVINO and pydantic-settings.")
    ] = Path(".venv-peers/bin/python"),
    train_python: Annotated[Path, typer.Option(help="An interpreter that has the train extra.")] = Path(
        ".venv-train/bin/python"
    ),
    json: Json = None,
) -> None:
    """Load other servers around the same networks, and ours, in turns.

    FastAPI with ultralytics and eager torch; LitServe and BentoML with the same graphs. In a clone, `make
    benchmark-peers` installs what they need.
    """
    from service.bench import contenders, contest  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.bench.report import print_targets, write_json  # noqa: PLC0415

    turns = contest.Turns(_numbers(concurrency, "--concurrency"), seconds, rounds)
    settings = read_settings()
    interpreters = contenders.find_interpreters(peers_python.absolute(), train_python.absolute())
    contests = contenders.plan_contests(_names(parts, contenders.PARTS, "--parts"), settings, people, interpreters)
    entries = contest.run_contests(contests, turns)
    contest.print_entries(contests, entries, turns)
    print_targets(contest.contest_targets(entries))
    write_json(json, contest.entries_content(contests, entries, turns))


@app.command("train", add_help_option=False, context_settings=FORWARDED)
def train_command(context: typer.Context) -> None:
    """Time a recipe's training, crops of the loader beside resident ones. Needs the train extra."""
    run_training("benchmark-train", context.args, shown_as="benchmark train")


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


def _names(text: str, known: tuple[Name, ...], flag: str) -> tuple[Name, ...]:
    """`raw,grpc` -> its names, in the order in which they are known."""
    chosen = text.split(",")
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise typer.BadParameter(f"{flag} has no {unknown[0]!r}; choose from {','.join(known)}")
    return tuple(name for name in known if name in chosen)
