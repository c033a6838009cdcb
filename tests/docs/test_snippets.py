"""The documentation's requests and Python snippets, against a server on stand-in networks.

`make test-docs` runs them, and all other commands, against the embedded networks.
"""

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.docs.fences import Block, all_blocks
from tests.docs.sandbox import SCRIPT_START, with_ports
from tests.docs.shell import commands_of
from tests.service.fakes import FIGURE, SPOT

QUICK = {"curl", "jq", "base64", "tr"}
EARLIER = re.compile(r"kites|\$KEY|service/static")
"""What the blocks before one made."""
REQUESTS = [
    block
    for block in all_blocks("bash")
    if not block.reason
    and not block.with_torch
    and "8000" in block.text
    and not EARLIER.search(block.text)
    and {command.words[0] for command in commands_of(block.text) if command.words} <= QUICK
]
SNIPPETS = [block for block in all_blocks("python") if not block.reason]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with photographs of two people that the stand-in networks see."""
    scene = np.full((240, 320, 3), 230, np.uint8)
    for left in (40, 220):
        scene[60:200, left : left + 60] = FIGURE
        scene[100:116, left + 20 : left + 36] = SPOT
    encoded = cv2.imencode(".jpg", scene[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    for name in ("photo.jpg", "a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(encoded)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_snippets_and_requests_were_found() -> None:
    assert {"README.md", "docs/client.md", "docs/serving.md", "docs/websocket.md"} <= {each.page for each in SNIPPETS}
    assert {"README.md", "docs/api.md", "docs/quick-start.md"} <= {block.page for block in REQUESTS}


@pytest.mark.parametrize("block", SNIPPETS, ids=lambda block: block.name)
def test_a_snippet_runs_and_says_something(
    block: Block, ports: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(with_ports(block.text, ports), block.page, "exec"), {})
    assert capsys.readouterr().out.strip()


@pytest.mark.skipif(not all(map(shutil.which, ["bash", *QUICK])), reason="needs bash, curl, jq, base64 and tr")
@pytest.mark.parametrize("block", REQUESTS, ids=lambda block: block.name)
def test_a_request_is_answered(block: Block, ports: dict[str, int], folder: Path) -> None:
    ended = subprocess.run(
        ["bash", "-c", SCRIPT_START + with_ports(block.text, ports)],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    answers = [command.words for command in commands_of(block.text) if "-o" not in command.words]
    asked = sum("/v1/pose" in " ".join(words) for words in answers)
    assert ended.stdout.count(b'"keypoints"') >= asked  # the snippets' two people, whatever the options
    for drawn in folder.glob("drawn.*"):
        assert drawn.read_bytes()[:3] in {b"\xff\xd8\xff", b"\x89PN"}
