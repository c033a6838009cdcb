"""The command `fasterpose benchmark video`."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.flags import ReadSettings, with_settings

if TYPE_CHECKING:
    from service.bench.video_report import Rounds
    from service.pipeline import Pipeline


@with_settings("model", "detector", "runtime", "precision", "device", "threads")
def video_command(
    read_settings: ReadSettings,
    *,
    photographs: Annotated[
        Path | None,
        typer.Option(help="Folder of photographs; those with several people are filmed. Default: the packaged sample."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="Of each shot, s; 30 frames a second.")] = 3.0,
    most_people: Annotated[int, typer.Option(min=2, help="Photographs that show more are left out.")] = 6,
    rounds: Annotated[int, typer.Option(min=1, help="The film is answered so often in each way, in turns.")] = 2,
) -> None:
    """Track people in a film of a camera over photographs: ids, jitter, rate. Needs the video extra.

    The people stand still in the photographs, so that an id that changes, a keypoint that trembles and one that lags
    behind can be measured. Frame by frame, tracked, and tracked and smoothed take turns on the same file.
    """
    from service.bench.photographs import SAMPLES  # noqa: PLC0415 - `--help` must not wait for the runtime
    from service.engine import load_pipeline  # noqa: PLC0415

    settings = read_settings()
    paths = sorted(path for path in (photographs or SAMPLES).iterdir() if path.is_file())
    pipeline = load_pipeline(settings)
    try:
        asyncio.run(_measure(pipeline, paths, round(seconds * 30), most_people, rounds))
    finally:
        pipeline.close()


async def _measure(pipeline: "Pipeline", paths: list[Path], frames: int, most: int, count: int) -> None:
    from service.bench.moving_crop import write_film  # noqa: PLC0415 - as above
    from service.bench.video import WAYS, answer_film, plan_shots  # noqa: PLC0415
    from service.bench.video_report import print_video  # noqa: PLC0415

    shots = await plan_shots(pipeline, paths, frames, most)
    if not shots:
        raise typer.BadParameter(
            f"none of {len(paths)} photographs shows 2 to {most} people", param_hint="--photographs"
        )
    rounds: Rounds = []
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        write_film(shots, film)
        for number in range(count):
            rounds.append({way: await answer_film(pipeline, film, shots, options) for way, options in WAYS.items()})
            sys.stderr.write(f"round {number + 1} of {count}\n")
    print_video(shots, rounds)
