"""`fasterpose data check` and `skeleton`."""

from pathlib import Path
from typing import Annotated

import typer

from model.data.check import check_set, describe, write_sheet
from model.data.sources import read_annotations
from model.skeleton_recipe import as_toml, skeleton_of_file

app = typer.Typer(help="Look at a data set before it is trained on.", pretty_exceptions_enable=False)

Annotations = Annotated[Path, typer.Option(help="COCO-format keypoint annotation file.")]


@app.command("check")
def check_command(
    annotations: Annotations,
    images: Annotated[Path, typer.Option(help="Folder of its photographs.")],
    sheet: Annotated[
        Path | None, typer.Option(help="Draw people into this .png or .jpg file.", show_default="not drawn")
    ] = None,
) -> None:
    """Count a set and name what is broken or suspect; exit code 1 if something is broken."""
    checked = check_set(annotations, images)
    typer.echo(describe(checked))
    if sheet is not None:
        write_sheet(checked, images, sheet)
    if checked.broken:
        raise typer.Exit(1)


@app.command("skeleton")
def skeleton_command(
    annotations: Annotations,
    name: Annotated[
        str | None, typer.Option(help="What to call it.", show_default="the annotation file's name")
    ] = None,
) -> None:
    """Write a recipe's [skeleton] for an annotation file: flip pairs by name, COCO's sigmas for COCO's keypoints."""
    found = read_annotations(annotations)
    typer.echo(as_toml(skeleton_of_file(name or annotations.stem, found.keypoint_names, found.edges)))
