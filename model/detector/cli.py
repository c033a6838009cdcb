"""`fasterpose detector train`, `evaluate` and `export`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from model.contract.crop import Size
from model.contract.letterbox import Letterbox
from model.contract.spec import DetectorSpec, load_detector_spec
from model.detector.boxes import BoxDataError, read_person_boxes
from model.detector.evaluate import measure_graphs
from model.detector.export import DetectorExport, export_detector
from model.detector.network import WeightsError
from model.notes import parse_notes
from model.precisions import noise, open_precisions, record_accuracy, time_side_by_side

PHOTOGRAPH = (1280, 720)

ERRORS = (BoxDataError, WeightsError)
"""What a user can act on; the caller of `app` prints it as one line."""

app = typer.Typer(help="Training, measuring and export of the person detector.", pretty_exceptions_enable=False)

Weights = Annotated[Path, typer.Option(help="YOLO11n as safetensors, of 80 classes or of persons alone.")]
Data = Annotated[Path, typer.Option(help="Folder of person boxes, or COCO 2017 as downloaded.")]


@app.command("train")
def train_command(
    data: Annotated[list[Path], typer.Option(help="Folder of person boxes; may be given several times.")],
    weights: Weights,
    out: Annotated[Path, typer.Option(help="Folder for the converted data, the logs and person.safetensors.")],
    image_side: Annotated[int, typer.Option(min=32, help="Side of the training images in pixels.")] = 512,
    epochs: Annotated[int, typer.Option(min=1)] = 3,
    batch: Annotated[int, typer.Option(min=1)] = 16,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="AdamW's.")] = 1e-4,
    frozen_layers: Annotated[int, typer.Option(min=0, help="Leading layers kept as they are; 11: backbone.")] = 11,
    images_per_set: Annotated[int, typer.Option(min=0, help="At most so many of each folder; 0: all.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, or the number of a CUDA device.")] = "cpu",
) -> None:
    """Fine-tune on person boxes, with ultralytics' trainer."""
    # ultralytics' trainer takes seconds to import.
    from model.detector.train import DetectorTraining, train_detector  # noqa: PLC0415

    training = DetectorTraining(
        image_side=image_side,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        frozen_layers=frozen_layers,
        images_per_set=images_per_set,
        threads=threads,
    )
    Console().print(f"weights in {train_detector(data, weights, out, training, device)}")


@app.command("evaluate")
def evaluate_command(
    bundle: Annotated[Path, typer.Option(help="Bundle folder.")],
    data: Data,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    write: Annotated[bool, typer.Option("--write", help="Record the figures in the bundle's spec.")] = False,
) -> None:
    """Measure each precision that this CPU computes in on the validation boxes, and its time, best and median."""
    spec = load_detector_spec(bundle)
    graphs = open_precisions(bundle, threads)
    accuracy = measure_graphs(graphs, read_person_boxes(data, "val"), spec)
    sizes = timed_sizes(spec)
    times = [time_side_by_side(graphs, noise(1, size)) for size in sizes]
    columns = [f"ms, {width}x{height}" for width, height in sizes]
    table = Table("precision", "AP", "AP50", "recall@0.3", *columns, title=f"{threads} thread(s)")
    for precision, figures in accuracy.items():
        took = [f"{of_size[precision].best:.1f} / {of_size[precision].median:.1f}" for of_size in times]
        table.add_row(precision, *(f"{value:.4f}" for value in figures.values()), *took)
    Console().print(table)
    if write:
        record_accuracy(bundle, spec, accuracy)


@app.command("export")
def export_command(
    weights: Weights,
    data: Data,
    out: Annotated[Path, typer.Option(help="Bundle folder to write; its name becomes the bundle's.")],
    version: Annotated[str, typer.Option(help="Version of the bundle.")],
    input_size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the letterboxed image, multiples of 32.")],
    int8: Annotated[bool, typer.Option("--int8/--no-int8", help="Make an int8 graph too.")] = True,
    note: Annotated[list[str] | None, typer.Option(help="KEY=TEXT for the spec's training facts.")] = None,
    pt2: Annotated[
        bool, typer.Option("--pt2", help="Write model.pt2 too, for CUDA, and measure fp16 and bf16.")
    ] = False,
) -> None:
    """Write a bundle: fp32 and int8 ONNX, weights, spec with measured accuracy."""
    facts: dict[str, Any] = parse_notes(note)
    export = DetectorExport(weights, data, parse_size(input_size), version, facts, int8, pt2)
    report = export_detector(out, export)
    console = Console()
    console.print(f"relative L2 to torch: {report.parity:.1e}")
    for precision, figures in report.accuracy.items():
        console.print(f"{precision}: {figures}")
    if int8 and not report.int8_kept:
        console.print("int8 loses too much here: the bundle holds the fp32 graph alone")


def timed_sizes(spec: DetectorSpec) -> list[Size]:
    """(width, height) of the detector's largest input, and of that of a 720p photograph where it differs."""
    of_photograph = Letterbox.within(PHOTOGRAPH, spec.input_size, spec.stride).input_size
    return list(dict.fromkeys([spec.input_size, of_photograph]))


def parse_size(text: str) -> Size:
    """`640x384` to (640, 384).

    Raises:
        typer.BadParameter: not two multiples of 32.
    """
    parts = text.split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) > 0 and int(part) % 32 == 0 for part in parts):
        raise typer.BadParameter(f"{text!r} is not WIDTHxHEIGHT in multiples of 32, for example 640x640")
    return int(parts[0]), int(parts[1])
