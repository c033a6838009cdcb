"""The code blocks and the inline code of README.md, CONTRIBUTING.md and docs/*.md.

A block is run unless a comment before it says why not: `<!-- not run: needs a GPU -->`. Its flags are checked
even then.
`<!-- runs in .venv-train: ... -->` marks one that needs torch.
"""

import re
from pathlib import Path
from typing import NamedTuple

from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
SHELL = {"bash", "sh", "console"}
FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
WITH_TORCH = re.compile(r"<!-- runs in \.venv-train: .+ -->")


class Block(NamedTuple):
    """A fenced code block.

    Attributes:
        page: relative to the repository.
        line: where the fence is.
        language: behind the fence; empty: none.
        text: what stands between the fences.
        reason: why it is not run; empty: it is.
        with_torch: it needs the environment of training.
    """

    page: str
    line: int
    language: str
    text: str
    reason: str
    with_torch: bool

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.page}:{self.line}"


def blocks_of(path: Path) -> list[Block]:
    """The code blocks of a page, in their order."""
    content = path.read_text()
    return [_block(path, content, fence) for fence in FENCE.finditer(content)]


def all_blocks(*languages: str) -> list[Block]:
    """The code blocks of all pages in these languages; without any, of every language."""
    found = [block for path in PAGES for block in blocks_of(path)]
    return [block for block in found if not languages or block.language in languages]


def inline_code(path: Path) -> list[str]:
    """What stands between single backticks outside of code blocks and comments."""
    text = re.sub(r"<!--.*?-->", "", FENCE.sub("", path.read_text()), flags=re.DOTALL)
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]


def _block(path: Path, content: str, fence: re.Match[str]) -> Block:
    before = content[: fence.start()]
    marker = before.rstrip("\n").rpartition("\n")[2]
    reason = NOT_RUN.fullmatch(marker)
    return Block(
        str(path.relative_to(REPOSITORY)),
        before.count("\n") + 1,
        fence["language"],
        fence["text"],
        reason[1] if reason else "",
        WITH_TORCH.fullmatch(marker) is not None,
    )
