"""A server and all of its workers, also those that left its process group, and their CPU time; as Linux counts it."""

import os
from collections.abc import Iterable
from pathlib import Path

PROCESSES = Path("/proc")
PARENT, USER, SYSTEM = 1, 11, 12
"""Fields of /proc/PID/stat, counted behind the name of the program (man 5 proc)."""


def family(pid: int) -> set[int]:
    """A process and all that descend from it; the process alone where there is no /proc."""
    parents = {int(stat.parent.name): int(fields[PARENT]) for stat, fields in _stats(PROCESSES.glob("[0-9]*/stat"))}
    members = {pid}
    while more := {child for child, parent in parents.items() if parent in members} - members:
        members |= more
    return members


def cpu_seconds(pids: Iterable[int]) -> float | None:
    """User and system time of all of these that live, seconds; None where there is no /proc."""
    if not PROCESSES.is_dir():
        return None
    stats = _stats(PROCESSES / str(pid) / "stat" for pid in pids)
    return sum(int(fields[USER]) + int(fields[SYSTEM]) for _, fields in stats) / os.sysconf("SC_CLK_TCK")


def _stats(paths: Iterable[Path]) -> list[tuple[Path, list[str]]]:
    found: list[tuple[Path, list[str]]] = []
    for path in paths:
        try:
            found.append((path, path.read_text().rpartition(")")[2].split()))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return found
