"""`fasterpose reproduce`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from model.notes import parse_notes
from model.reproduce.jobs import Scale, find_setting, plan_jobs
from model.reproduce.run import Machine, reproduce
from model.reproduce.tables import TABLES, TableName
from model.train import TrainingOptions


def reproduce_command(
    table: Annotated[TableName, typer.Argument(help="A table of the paper, or its convergence figure.")],
    data: Annotated[Path, typer.Option(help="Folder that the recipes' paths are relative to.")],
    output: Annotated[Path, typer.Option(help="Folder for all trainings and the report; tables may share it.")],
    setting: Annotated[
        str | None,
        typer.Option(
            help="Name of a setting of model/recipes/settings, or a TOML file: its keys replace those of every recipe.",
            show_default="the recipes as they are",
        ),
    ] = None,
    row: Annotated[
        list[str] | None, typer.Option(help="Recipe of a row to run; may repeat.", show_default="all rows")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each row.")] = 1,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs, milestones moved along.", show_default="the recipes'")
    ] = None,
    people: Annotated[int | None, typer.Option(min=1, help="People of each training file.", show_default="all")] = None,
    initial_weights: Annotated[
        list[str] | None,
        typer.Option(help="TRUNK=FILE, resnet50=FILE, say; may repeat.", show_default="fresh weights"),
    ] = None,
    detections: Annotated[
        Path | None,
        typer.Option(help="COCO detections file for the final AP.", show_default="the annotations' own boxes"),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    bf16: Annotated[bool, typer.Option("--bf16", help="Autocast to bfloat16.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Loader processes; 0 loads in the training process.")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of the network; 0 is torch's choice.")] = 0,
    image_cache_gib: Annotated[float, typer.Option(min=0, help="Memory for decoded photographs, GiB.")] = 4.0,
    disk_cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps decoded photographs.", show_default="none")
    ] = None,
    checkpoint_steps: Annotated[int, typer.Option(min=1, help="Optimiser steps between checkpoints.")] = 200,
) -> None:
    """Train the rows of a published table and print them beside what the paper prints.

    Finished trainings are not run again and an interrupted one resumes: call the same command once more.
    """
    scale = Scale(find_setting(setting), epochs, people, seeds, tuple(row or ()))
    training = TrainingOptions(
        data=data,
        output=output,
        device=device,
        bf16=bf16,
        workers=workers,
        threads=threads,
        image_cache_gib=image_cache_gib,
        disk_cache=disk_cache,
        checkpoint_steps=checkpoint_steps,
    )
    weights = {trunk: Path(file) for trunk, file in parse_notes(initial_weights).items()}
    chosen = TABLES[table]
    path = reproduce(chosen, plan_jobs(chosen, scale, output), Machine(training, weights, detections), Console())
    typer.echo(path.read_text())
