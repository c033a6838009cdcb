"""`fasterpose data check`, `skeleton` and `pseudo-label`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from model.contract.spec import load_pose_spec
from model.data.check import check_set, describe, write_sheet
from model.data.movenet import MoveNet
from model.data.pseudo_labels import Agreement, label_people, unlabelled_people, write_labels
from model.data.sources import read_annotations
from model.graph import open_graph
from model.precisions import GRAPH
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


@app.command("pseudo-label")
def pseudo_label_command(
    boxes: Annotated[Path, typer.Option(help="COCO-format file of person boxes.")],
    labelled: Annotated[Path, typer.Option(help="Keypoint file of the same photographs; its people are left out.")],
    images: Annotated[Path, typer.Option(help="Folder of the photographs.")],
    movenet: Annotated[Path, typer.Option(help="movenet_single_pose_lightning_ptq.tflite.")],
    bundle: Annotated[Path, typer.Option(help="A bundle with COCO's 17 keypoints.")],
    output: Annotated[Path, typer.Option(help="The keypoint file to write.")],
) -> None:
    """Label people of whom only a box is known, the joints where MoveNet and a bundle agree."""
    people = unlabelled_people(boxes, labelled)
    both = (load_pose_spec(bundle), open_graph(bundle / GRAPH))
    found = label_people(people, images, MoveNet(movenet), both, Agreement())
    annotations = [entry for entry in track(found, total=len(people), description="people") if entry is not None]
    write_labels(boxes, labelled, annotations, output)
    joints = sum(entry["num_keypoints"] for entry in annotations)
    typer.echo(f"{len(annotations)} of {len(people)} people got {joints} keypoints: {output}")
