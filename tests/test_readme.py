"""The README's commands, flags, requests and figures are checked against the code."""

import ast
import asyncio
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from service.app import create_app
from service.settings import ServiceSettings
from tests.conftest import REPOSITORY
from tests.service.fakes import FIGURE, SPOT, make_pipeline

README = (REPOSITORY / "README.md").read_text()
SHOWN = re.sub(r"<!--.*?-->", "", README, flags=re.DOTALL)
MAKEFILE = (REPOSITORY / "Makefile").read_text()


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


LINES = [line for block in blocks("bash") for line in block.splitlines()]
CURLS = [line for line in LINES if line.startswith("curl ")]
FASTERPOSE = [line for line in LINES if "fasterpose " in line]
MAKES = [line for line in LINES if re.match(r"([A-Z_]+=\S+ )?make ", line)]


def flags_of(command: str) -> set[str]:
    """The flags of a command of `service.cli` or `model.cli`, read from the source: the latter needs torch."""
    for file in ("service/cli.py", "model/cli.py"):
        for node in ast.parse((REPOSITORY / file).read_text()).body:
            if isinstance(node, ast.FunctionDef) and command in (node.name, _registered_name(node)):
                arguments = [*node.args.args, *node.args.kwonlyargs]
                return {flag for argument in arguments for flag in _flags_of_argument(argument)}
    pytest.fail(f"there is no command `fasterpose {command}`")


def _flags_of_argument(argument: ast.arg) -> set[str]:
    """By its name, and those that its annotation spells out."""
    spelt = {
        node.value for node in ast.walk(argument) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {f"--{argument.arg.replace('_', '-')}", *(text for text in spelt if text.startswith("--"))}


def _registered_name(function: ast.FunctionDef) -> str | None:
    """`train` of a function under `@app.command("train")`."""
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(args=[ast.Constant(value=str(name)), *_]):
                return name
            case _:
                continue
    return None


def test_all_bash_lines_are_checked() -> None:
    assert set(LINES) == {*CURLS, *FASTERPOSE, *MAKES}
    assert len(CURLS) >= 3
    assert {"make serve", "make test"} <= set(MAKES)


@pytest.mark.parametrize("line", MAKES)
def test_make_targets_exist(line: str) -> None:
    assert re.search(rf"^{re.escape(line.rsplit(maxsplit=1)[-1])}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("name", re.findall(r"`make ([a-z-]+)", README + (REPOSITORY / "CONTRIBUTING.md").read_text()))
def test_make_targets_of_the_prose_exist(name: str) -> None:
    assert re.search(rf"^{name}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("line", FASTERPOSE)
def test_flags_exist(line: str) -> None:
    _, command, *words = shlex.split(line)
    assert {word for word in words if word.startswith("--")} <= flags_of(command)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"FASTERPOSE_([A-Z_]+)", README))))
def test_settings_exist(name: str) -> None:
    assert name.lower() in ServiceSettings.model_fields


@pytest.mark.parametrize("name", re.findall(r"--recipe (\S+)", "\n".join(LINES)))
def test_recipes_exist(name: str) -> None:
    assert (REPOSITORY / f"model/recipes/{name}.toml").is_file()


@pytest.mark.parametrize("path", re.findall(r"`((?:service|model|docs|tests)/[\w/.-]+)`|\]\((?!http)([^)]+)\)", SHOWN))
def test_named_files_exist(path: tuple[str, str]) -> None:
    assert (REPOSITORY / (path[0] or path[1])).exists()


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`photo.jpg` in the working folder, with two people that the stand-in networks see."""
    scene = np.full((240, 320, 3), 230, np.uint8)
    for left in (40, 220):
        scene[60:200, left : left + 60] = FIGURE
        scene[100:116, left + 20 : left + 36] = SPOT
    encoded = cv2.imencode(".jpg", scene[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1]
    (tmp_path / "photo.jpg").write_bytes(encoded.tobytes())
    monkeypatch.chdir(tmp_path)


def post(url: str, **request: Any) -> httpx.Response:
    """Ask an application on stand-in networks."""

    async def ask() -> httpx.Response:
        app = create_app(ServiceSettings(), make_pipeline)
        async with app.router.lifespan_context(app):
            await app.state.loading
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
                return await client.post(url, **request)

    return asyncio.run(ask())


def request(client: httpx.Client, method: str, path: str, **arguments: Any) -> httpx.Response:
    """What a blocking client asks, asked of an application on stand-in networks."""
    assert method == "POST"
    return post(str(client.base_url.join(path)), **arguments)


def send(line: str) -> httpx.Response:
    """Send the request of a curl line whose flags are -F, -H, -o and --data-binary."""
    words = shlex.split(line.split("|", maxsplit=1)[0])[1:]
    files: list[tuple[str, Any]] = []
    request: dict[str, Any] = {"headers": {}}
    url = ""
    while words:
        match words.pop(0):
            case "-F":
                name, value = words.pop(0).split("=", 1)
                file = (value[1:], Path(value[1:]).read_bytes()) if value.startswith("@") else (None, value)
                files.append((name, file))
            case "-H":
                name, value = words.pop(0).split(": ", 1)
                request["headers"][name] = value
            case "--data-binary":
                request["content"] = Path(words.pop(0).removeprefix("@")).read_bytes()
            case "-o":
                words.pop(0)
            case word:
                assert not word.startswith("-"), f"unknown curl flag {word}"
                url = f"http://{word}"
    return post(url, files=files or None, **request)


@pytest.mark.parametrize("line", CURLS)
@pytest.mark.usefixtures("photo")
def test_curl_lines_are_answered(line: str) -> None:
    response = send(line)
    assert response.status_code == httpx.codes.OK, response.text
    if "Accept: image/jpeg" in line:
        assert response.content.startswith(b"\xff\xd8")
    else:
        assert response.json()["results"]


@pytest.mark.parametrize("snippet", blocks("python"))
@pytest.mark.usefixtures("photo")
def test_python_snippets_run(snippet: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(httpx, "post", post)
    monkeypatch.setattr(httpx.Client, "request", request)
    exec(compile(snippet, "README.md", "exec"), {})
    assert capsys.readouterr().out.count("nose at (") == 2


def test_accuracy_table_is_that_of_the_bundles() -> None:
    header = ["| bundle | precision | measured |", "|---|---|---|"]
    expected = "\n".join([*header, *accuracy_rows()])
    shown = re.search(r"<!-- accuracy: .*?-->\n(.*?)\n<!-- accuracy: end -->", README, re.DOTALL)
    assert shown
    assert shown[1] == expected, f"the README's table must read:\n{expected}"


def accuracy_rows() -> Iterator[str]:
    for path in sorted((REPOSITORY / "model/zoo").glob("*/spec.json")):
        for precision, figures in json.loads(path.read_text())["provenance"]["accuracy"].items():
            measured = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            yield f"| {path.parent.name} | {precision} | {measured} |"
