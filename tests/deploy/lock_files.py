"""What the lock files of docker/requirements pin."""

import re
from pathlib import Path


def pinned(path: Path) -> dict[str, str]:
    """Version by package name, as PyPI normalises names."""
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", path.read_text(), re.MULTILINE))
