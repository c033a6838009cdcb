"""The CPU time of a server and all of its workers, as Linux counts it."""

import os
from pathlib import Path

PROCESSES = Path("/proc")
SESSION, USER, SYSTEM = 3, 11, 12
"""Fields of /proc/PID/stat, counted behind the name of the program (man 5 proc)."""


def session_cpu_seconds(session: int) -> float | None:
    """User and system time of all living processes of a session, seconds; None where there is no /proc.

    Args:
        session: the process id of the session's first process.
    """
    if not PROCESSES.is_dir():
        return None
    ticks = 0
    for stat in PROCESSES.glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if int(fields[SESSION]) == session:
            ticks += int(fields[USER]) + int(fields[SYSTEM])
    return ticks / os.sysconf("SC_CLK_TCK")
