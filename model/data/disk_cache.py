"""Decoded photographs on disk, so that epochs after the first decode nothing.

They are kept whole and at full size. A crop out of a photograph that was made smaller first is sampled twice and is not
the crop that the server cuts; out of these it is the same, byte for byte.
"""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np

from model.contract.arrays import ImageArray

RESERVE_BYTES = 2 * 2**30
"""Left free on the disk; beyond it nothing more is kept."""


class DiskCache:
    """A folder of decoded photographs, each under a name made of its path, size and time of change.

    Several processes may use one folder: a file is written beside, then renamed.
    """

    def __init__(self, folder: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Use a folder; it is made if it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.reserve_bytes = folder, reserve_bytes

    def get(self, path: Path) -> ImageArray | None:
        """The photograph, mapped into memory and not writable; None if it is not kept or was changed since."""
        try:
            return np.asarray(np.load(self._entry(path), mmap_mode="r"))
        except (OSError, ValueError):  # not there; cut short
            return None

    def put(self, path: Path, image: ImageArray) -> None:
        """Keep a decoded photograph, unless the disk is nearly full."""
        if shutil.disk_usage(self.folder).free - image.nbytes < self.reserve_bytes:
            return
        entry = self._entry(path)
        beside = entry.with_suffix(f".{os.getpid()}.part")
        with beside.open("wb") as file:
            np.save(file, image)
        beside.replace(entry)

    def _entry(self, path: Path) -> Path:
        status = path.stat()
        identity = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
        return self.folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.npy"
