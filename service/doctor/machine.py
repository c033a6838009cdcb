"""The machine: instructions of the CPU, cores and what a container may use of them, file descriptors."""

import math
import platform
from pathlib import Path

from model.contract.machine import processor_name
from service.doctor.finding import Finding
from service.settings import ServiceSettings

CGROUP = Path("/sys/fs/cgroup")
PROCESSOR_FACTS = Path("/proc/cpuinfo")
INT8 = ("amx_int8", "avx512_vnni", "avx_vnni", "asimddp", "i8mm")
BF16 = ("amx_bf16", "avx512_bf16", "bf16")
"""As Linux calls the instructions, on x86 and on ARM."""
OWN_DESCRIPTORS = 128
"""Files, sockets and pipes of a server that nobody asks."""


def cpu_flags(path: Path = PROCESSOR_FACTS) -> frozenset[str] | None:
    """The CPU's instructions as Linux names them; None where it does not tell."""
    if not path.is_file():
        return None
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            return frozenset(value.split())
    return None


def check_instructions(flags: frozenset[str] | None) -> Finding:
    """Whether the CPU has arithmetic of its own for int8 and bf16."""
    name = f"{processor_name()} ({platform.machine()})"
    if flags is None:
        return Finding("CPU", "note", f"{name}; this system does not tell its instructions", facts={"processor": name})
    found = {kind: next((flag for flag in known if flag in flags), None) for kind, known in _KINDS.items()}
    missing = [kind for kind, flag in found.items() if flag is None]
    has = ", ".join(f"{kind} by {flag}" for kind, flag in found.items() if flag) or "neither int8 nor bf16"
    facts = {"processor": name, **found}
    if not missing:
        return Finding("CPU", "ok", f"{name} computes {has}", facts=facts)
    return Finding(
        "CPU",
        "note",
        f"{name} has no instructions for {' and '.join(missing)} (it computes {has}); networks take longer on it",
        "compare --precision fp32 and int8 with `fasterpose benchmark runtime`",
        facts,
    )


_KINDS = {"int8": INT8, "bf16": BF16}


def cpu_quota(root: Path = CGROUP) -> float | None:
    """The cores' worth of time that a container may use; None: all there is. Of cgroup v2, else of v1."""
    try:
        if (root / "cpu.max").is_file():
            quota, period = (root / "cpu.max").read_text().split()
            return None if quota == "max" else int(quota) / int(period)
        quota = int((root / "cpu/cpu.cfs_quota_us").read_text())
        return None if quota < 0 else quota / int((root / "cpu/cpu.cfs_period_us").read_text())
    except (OSError, ValueError, ZeroDivisionError):
        return None


def check_cores(cores: int, quota: float | None, settings: ServiceSettings) -> Finding:
    """Whether the threads that compute are as many as may run.

    Args:
        cores: that this process may run on.
        quota: cores' worth of time that its container may use, if it is bounded.
        settings: threads, if they are set.
    """
    threads = settings.threads or cores
    facts = {"cores": cores, "quota": quota, "threads": threads}
    usable = min(cores, math.ceil(quota)) if quota is not None else cores
    why = "as --threads says" if settings.threads else "one per core"
    if threads > usable:
        bound = (
            f"the container's CPU quota is {quota:g} cores" if quota and quota < cores else f"there are {cores} cores"
        )
        return Finding(
            "threads",
            "note",
            f"{threads} threads would compute ({why}), but {bound}: they wait for each other",
            f"set --threads {usable} (FASTERPOSE_THREADS={usable})",
            facts,
        )
    return Finding("threads", "ok", f"{threads} of {cores} cores compute, {why}", facts=facts)


def check_descriptors(soft_limit: int, settings: ServiceSettings) -> Finding:
    """Whether all requests that the settings let in can have a socket. A negative limit is none."""
    needed = settings.max_in_flight + settings.max_streams + OWN_DESCRIPTORS
    facts = {"limit": soft_limit, "needed": needed}
    if 0 <= soft_limit < needed:
        return Finding(
            "open files",
            "wrong" if soft_limit < OWN_DESCRIPTORS else "note",
            f"ulimit -n is {soft_limit}; --max-in-flight {settings.max_in_flight} and {settings.max_streams} "
            f"WebSockets want {needed}",
            f"raise it (ulimit -n {max(4096, needed)}) or lower --max-in-flight",
            facts,
        )
    shown = "unlimited" if soft_limit < 0 else str(soft_limit)
    return Finding("open files", "ok", f"ulimit -n is {shown}; at most about {needed} are wanted", facts=facts)
