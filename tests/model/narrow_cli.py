"""The commands with narrow trunks, for torchrun: `torchrun ... -m tests.model.narrow_cli train ...`."""

import sys

import pytest

from model.cli import main
from tests.model.narrow import use_narrow_trunks

if __name__ == "__main__":
    use_narrow_trunks(pytest.MonkeyPatch())
    main(sys.argv[1:])
