"""The machine that a figure was measured on."""

import platform
from pathlib import Path

PROCESSOR_FACTS = Path("/proc/cpuinfo")


def processor_name() -> str:
    """The processor's name as Linux gives it, else what Python knows."""
    names = [line.split(":", 1)[1].strip() for line in _lines(PROCESSOR_FACTS) if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []
