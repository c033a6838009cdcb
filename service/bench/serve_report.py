"""What `fasterpose benchmark serve` measured, as tables, as JSON, and against the speeds to reach."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from service.bench.figures import image_rate, median_ratio, percentile
from service.bench.networks import Networks
from service.bench.report import Target, cell, errors_cell, machine_line, print_table
from service.bench.serve import Load, ServePlan, name_boxes

SERVED_SHARE = 0.9
EXTRA_PERSON = 1.1
STREAM_FRAMES = 30.0
BUSY = 8
"""The concurrency at which the server is held against its networks."""


def print_loads(loads: Sequence[Load], networks: Networks, plan: ServePlan) -> None:
    """Print one row for each load."""
    title = f"{networks.describe()}; medians of {plan.rounds} rounds of {plan.seconds:g} s; {machine_line()}"
    table = Table("photograph", "transport", title=title)
    for column in (
        "concurrency",
        "images/s",
        "people/s",
        "p50 ms",
        "p99 ms",
        "errors",
        "networks alone, images/s",
        "and decoding",
        "served share",
        "with decoding",
    ):
        table.add_column(column, justify="right")
    for load in loads:
        figures = load.figures
        table.add_row(
            load.photograph.name,
            load.transport,
            str(load.concurrency),
            cell(figures.images_per_second),
            cell(figures.people_per_second),
            cell(figures.p50_ms),
            cell(figures.p99_ms),
            errors_cell(figures.errors),
            cell(statistics.median(load.raw_rates)),
            cell(statistics.median(load.decoded_rates)),
            cell(load.served_share, 2),
            cell(median_ratio([image_rate(result) for result in load.results], load.decoded_rates), 2),
        )
    print_table(table)


def print_raw(loads: Sequence[Load]) -> None:
    """Print what the networks do alone, by batch size."""
    crowd = max(loads, key=lambda load: len(load.inputs.crops))
    table = Table("network alone", "batch", title="The networks called back to back in the same run, medians")
    for column in ("items/s", "ms an item"):
        table.add_column(column, justify="right")
    for name, rounds in (
        ("detector", [rates.detector for rates in crowd.raw]),
        ("pose", [rates.pose for rates in crowd.raw]),
    ):
        for batch in rounds[0]:
            rate = statistics.median(rates[batch] for rates in rounds)
            table.add_row(name, str(batch), cell(rate), cell(1000 / rate, 2))
    print_table(table)


def serve_targets(loads: Sequence[Load]) -> list[Target]:
    """The speeds to reach; those whose loads were not chosen are left out."""
    crowd = max(len(load.inputs.crops) for load in loads)
    targets = [
        Target(
            f"{load.transport}, {name_boxes(crowd)}, c{BUSY}: served share of the pose rate",
            load.served_share,
            SERVED_SHARE,
        )
        for load in loads
        if not load.detect and load.concurrency == BUSY and len(load.inputs.crops) == crowd
    ]
    for detect in (False, True):
        for few in (load for load in loads if load.detect is detect and load.concurrency == 1):
            targets += _extra_person(few, loads)
    targets += [
        Target(f"grpc-stream, 1 person, c{BUSY}: frames a second", load.figures.images_per_second, STREAM_FRAMES)
        for load in loads
        if load.detect and load.transport == "grpc-stream" and load.concurrency == BUSY and len(load.inputs.crops) == 1
    ]
    return targets


def loads_content(loads: Sequence[Load], networks: Networks, plan: ServePlan) -> dict[str, object]:
    """Every figure for a JSON file."""
    return {
        "benchmark": "serve",
        "networks": networks.describe(),
        "plan": asdict(plan),
        "loads": [_load_content(load) for load in loads],
        "targets": [asdict(target) | {"met": target.met} for target in serve_targets(loads)],
    }


def _load_content(load: Load) -> dict[str, object]:
    rounds = [
        {
            "images_per_second": image_rate(result),
            **asdict(result),
            "networks_alone": alone,
            "networks_and_decoding": decoded,
        }
        for result, alone, decoded in zip(load.results, load.raw_rates, load.decoded_rates, strict=True)
    ]
    return {
        "photograph": load.photograph.name,
        "transport": load.transport,
        "concurrency": load.concurrency,
        "figures": asdict(load.figures),
        "served_share": load.served_share,
        "rounds": rounds,
    }


def _extra_person(few: Load, loads: Sequence[Load]) -> list[Target]:
    """What one more person costs over the same transport, in crops of the network alone at that batch size."""
    many = next((load for load in loads if _is_crowd_of(load, few)), None)
    if many is None:
        return []
    count, base = len(many.inputs.crops), len(few.inputs.crops)
    latencies = zip(many.results, few.results, strict=True)
    costs = [
        ((percentile(more, 50) or 0.0) - (percentile(less, 50) or 0.0)) / (count - base) for more, less in latencies
    ]
    crop_ms = [1000 / rates.pose[count] for rates in many.raw]
    text = f"{few.transport}, {few.photograph.name} to {many.photograph.name}, c1: an extra person / a crop alone"
    return [Target(text, median_ratio(costs, crop_ms), EXTRA_PERSON, at_least=False)]


def _is_crowd_of(load: Load, few: Load) -> bool:
    same = (load.detect, load.transport, load.concurrency) == (few.detect, few.transport, few.concurrency)
    return same and len(load.inputs.crops) > len(few.inputs.crops)
