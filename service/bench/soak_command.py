"""The command `fasterpose benchmark soak`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from service.flags import ReadSettings, with_settings


@with_settings("model", "detector", "runtime", "precision", "device")
def soak_command(
    read_settings: ReadSettings,
    *,
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes of traffic, the warm-up among them.")] = 35.0,
    warm_up_minutes: Annotated[float, typer.Option(min=0, help="Minutes at the start that do not count.")] = 5.0,
    rate: Annotated[float, typer.Option(min=0.1, help="Requests a second.")] = 5.0,
    interval: Annotated[float, typer.Option(min=0.05, help="Seconds of traffic between two samples.")] = 15.0,
    seed: Annotated[int, typer.Option(help="Of the shapes, the order and the moments of the requests.")] = 0,
    url: Annotated[
        str | None, typer.Option(help="A server that runs already, http://HOST:PORT; without it one is started.")
    ] = None,
    grpc: Annotated[str | None, typer.Option(help="Its gRPC address, HOST:PORT.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw memory and descriptors into this PNG file.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write every sample into this file.")] = None,
) -> None:
    """Send good, bad, cancelled and streamed requests for a long time, and see whether the server grows.

    The slopes of its resident memory and of its open file descriptors after the warm-up are printed with their 95%
    confidence intervals. Each sample is taken when all that was sent is answered: under way it would tell how busy the
    machine is. Exit code 1 if one lies above zero, a request was answered wrongly, or something is left in
    the queues at the end. The server's figures are those of its own /metrics.
    """
    from service.bench.report import write_json  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.bench.soak import SoakPlan, print_soak, run_soak, server_to_soak, soak_content  # noqa: PLC0415
    from service.bench.soak_plot import plot_soak  # noqa: PLC0415

    plan = SoakPlan(minutes, warm_up_minutes, rate, interval, seed)
    settings = read_settings()
    with server_to_soak(settings, url, grpc) as address:
        soak = asyncio.run(run_soak(address, plan))
    print_soak(soak)
    if plot is not None:
        plot_soak(soak, plot)
    write_json(json, soak_content(soak))
    raise typer.Exit(0 if soak.passed else 1)
