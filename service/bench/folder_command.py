"""The command `fasterpose benchmark folder`."""

import asyncio
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

import typer

from service.flags import ReadSettings, with_settings


@with_settings("model", "detector", "runtime", "precision", "device", "threads")
def folder_command(
    read_settings: ReadSettings,
    *,
    photographs: Annotated[Path | None, typer.Option(help="Folder of images. Default: the packaged samples.")] = None,
    images: Annotated[int, typer.Option(min=1, help="So many are answered in each turn, some more than once.")] = 48,
    rounds: Annotated[int, typer.Option(min=1, help="Each way of answering takes so many turns.")] = 5,
) -> None:
    """Time `predict` on a folder: several images under way together, as it does, beside one at a time."""
    from service.bench.folder import measure_folder, print_folder  # noqa: PLC0415 - `--help` must not wait
    from service.bench.photographs import SAMPLES  # noqa: PLC0415
    from service.engine import load_pipeline  # noqa: PLC0415
    from service.image_files import files_below, is_image  # noqa: PLC0415

    settings = read_settings()
    paths = [path for path in files_below(str(photographs or SAMPLES), recursive=False) if is_image(path)]
    if not paths:
        raise typer.BadParameter(f"{photographs} holds no file with an image's suffix", param_hint="--photographs")
    pipeline = load_pipeline(settings)
    try:
        print_folder(asyncio.run(measure_folder(pipeline, list(islice(cycle(paths), images)), rounds)))
    finally:
        pipeline.close()
