"""`fasterpose keys` as an operator calls it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.access.commands import app
from service.access.key_file import read_keys
from service.access.keyring import Keyring
from service.settings import SettingsError


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_key_is_printed_once_and_lets_in_until_it_is_revoked(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = run("new", "lab", "--file", str(path), "--scope", "pose", "--scope", "admin", "--max-in-flight", "3")
    assert Keyring(path).identify(key.strip()).name == "lab"
    listed = run("list", "--file", str(path))
    assert "lab" in listed
    assert "pose+admin  3 in flight" in listed
    secret = key.strip().split("_", 2)[2]
    assert secret not in listed + path.read_text()
    run("revoke", "lab", "--file", str(path))
    assert read_keys(path) == ()


def test_a_key_can_be_revoked_by_its_id(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    run("new", "a", "--file", str(path))
    run("new", "b", "--file", str(path))
    run("revoke", read_keys(path)[0].id, "--file", str(path))
    assert [key.name for key in read_keys(path)] == ["b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new", "lab"], "has a key 'lab' already"),
        (["new", "x", "--scope", "root"], "--scope has no 'root'; choose from pose, metrics, admin"),
        (["new", "x", "--burst", "3"], "--burst goes with --requests-per-second"),
        (["new", "x", "--requests-per-second", "0"], "requests_per_second is 0"),
        (["new", "two words"], "name is 'two words'"),
        (["revoke", "x"], "has no key 'x'; it has: lab"),
    ],
)
def test_what_cannot_be_done_is_named_and_changes_nothing(tmp_path: Path, arguments: list[str], message: str) -> None:
    path = tmp_path / "keys.json"
    run("new", "lab", "--file", str(path))
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=message):
        run(*arguments, "--file", str(path))
    assert path.read_bytes() == before
