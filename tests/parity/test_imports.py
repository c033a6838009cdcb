"""The rule of the house: who may import whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OF_THE_TORCH_RUNTIME = {"torch_graph.py", "torch_network.py", "torch_errors.py", "cuda_graphs.py"}
"""Files of `service/runtime` that are imported only when `--runtime torch` is asked for."""
CONTRACT_MAY_IMPORT = {"numpy", "cv2", "model"} | set(sys.stdlib_module_names)


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


PEERS = ROOT / "service/bench/peers"
"""Other servers, programs that other interpreters run: no line of the service imports them."""


def files_of(package: str) -> list[Path]:
    files = [path for path in sorted((ROOT / package).rglob("*.py")) if not path.is_relative_to(PEERS)]
    assert files
    return files


@pytest.mark.parametrize("path", files_of("service"), ids=lambda path: path.stem)
def test_the_service_imports_only_the_contract_of_model(path: Path) -> None:
    for name in imports_of(path):
        assert not name.startswith("model") or name == "model.contract" or name.startswith("model.contract."), name
        allowed = {"torch"} if path.name in OF_THE_TORCH_RUNTIME else set[str]()
        assert name.split(".")[0] not in {"torch", "torchvision", "ultralytics"} - allowed, name
        assert not name.startswith("service.bench.peers"), name


@pytest.mark.parametrize("path", files_of("model/contract"), ids=lambda path: path.stem)
def test_the_contract_imports_numpy_and_opencv_only(path: Path) -> None:
    for name in imports_of(path):
        assert name.split(".")[0] in CONTRACT_MAY_IMPORT, name
        assert not name.startswith("model") or name.startswith("model.contract"), name


@pytest.mark.parametrize("path", files_of("model"), ids=lambda path: path.stem)
def test_model_does_not_import_the_service(path: Path) -> None:
    assert not [name for name in imports_of(path) if name.split(".")[0] == "service"]


def test_the_running_service_loads_neither_torch_nor_ultralytics() -> None:
    modules = "service.app, service.cli, service.serve, service.predict.command, service.batch.command"
    code = f"import sys, {modules}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "service.app" in loaded
    assert not {"torch", "torchvision", "ultralytics", "ray"} & set(loaded)
    assert [name for name in loaded if name.startswith("model.") and not name.startswith("model.contract")] == []
