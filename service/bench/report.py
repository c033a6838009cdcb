"""What was measured, as tables in Markdown, ready to be pasted, and as JSON; and on which machine."""

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import orjson
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from model.contract.machine import processor_name
from service.runtime.devices import available_cores

TABLE_WIDTH = 250
"""Characters: a table in a pipe is not cut."""


@dataclass(frozen=True)
class Target:
    """A speed that is to be reached.

    Attributes:
        text: what is measured.
        measured: the figure; None where nothing could be measured.
        bound: what it is held against.
        at_least: whether the figure must be at least the bound, or at most.
    """

    text: str
    measured: float | None
    bound: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the figure was measured and reaches the bound; a cost below nothing is noise."""
        if self.measured is None or self.measured < 0:
            return False
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def print_table(table: Table) -> None:
    """Print a table in Markdown under its title."""
    title, table.title, table.box = table.title, None, box.MARKDOWN
    console = Console(width=TABLE_WIDTH)
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    sys.stdout.write("\n".join([f"\n{title}\n", *(line for line in lines if line), "\n"]))
    sys.stdout.flush()


def print_targets(targets: Sequence[Target]) -> None:
    """Print what is to be reached, what was, and whether that is enough."""
    table = Table("target", title="Speed to reach")
    for column in ("bound", "measured", "met"):
        table.add_column(column, justify="right")
    for target in targets:
        measured = "-" if target.measured is None else f"{target.measured:.2f}"
        sign = ">=" if target.at_least else "<="
        table.add_row(target.text, f"{sign} {target.bound:g}", measured, "yes" if target.met else "no")
    print_table(table)


def write_json(path: Path | None, content: dict[str, object]) -> None:
    """Write figures, and the machine they are from, where they were asked for."""
    if path is not None:
        path.write_bytes(orjson.dumps({"machine": machine(), **content}, option=orjson.OPT_INDENT_2))
        sys.stdout.write(f"\nEvery figure is in {path}\n")


def cell(value: float | None, digits: int = 1) -> str:
    """A figure in a table."""
    return "-" if value is None else f"{value:.{digits}f}"


def errors_cell(errors: dict[str, int]) -> str:
    """Errors in a table: their number, and what they were."""
    named = ", ".join(f"{count} x {name}" for name, count in sorted(errors.items()))
    return named or "0"


def machine() -> dict[str, object]:
    """The processor, the cores that this process may use, and the versions that matter."""
    return {
        "processor": processor_name(),
        "cores": available_cores(),
        "python": platform.python_version(),
        "openvino": metadata.version("openvino"),
    }


def machine_line() -> str:
    """The machine in words."""
    facts = machine()
    return f"{facts['cores']} cores of {facts['processor']}, Python {facts['python']}, OpenVINO {facts['openvino']}"


def progress_bar() -> Progress:
    """A bar on the error stream, drawn twice a second: it must not take time from what is measured."""
    return Progress(
        TextColumn("{task.description:<44}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        refresh_per_second=2,
    )
