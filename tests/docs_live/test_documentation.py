"""Every page is followed block by block: what is documented runs, on the embedded networks. `make test-docs`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.fences import PAGES, SHELL, Block, blocks_of
from tests.docs.sandbox import TRAIN_PYTHON, make_sandbox
from tests.docs_live.walk import Server, Walk, common_server

RUN = {
    path: [block for block in blocks_of(path) if block.language in {*SHELL, "python"} and not block.reason]
    for path in PAGES
}


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on the embedded networks."""
    with common_server(make_sandbox(tmp_path_factory.mktemp("common"))) as server:
        yield server


@pytest.mark.parametrize("path", [path for path, blocks in RUN.items() if blocks], ids=lambda path: path.name)
def test_a_page_can_be_followed(path: Path, common: Server, tmp_path: Path) -> None:
    walk = Walk(make_sandbox(tmp_path), common)
    left_out: list[Block] = []
    try:
        for block in RUN[path]:
            if block.with_torch and not TRAIN_PYTHON.exists():
                left_out.append(block)
            elif not left_out:
                walk.follow(block)
    finally:
        walk.end()
    if left_out:
        pytest.skip(f"the rest, from {left_out[0].name} on, needs .venv-train: make train-env")
