"""The file of keys: written whole, and every mistake in it is named."""

import stat
from pathlib import Path

import pytest

from service.access.key_file import read_keys, write_keys
from service.access.keys import Limits, make_key
from service.settings import SettingsError


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    records = [make_key(name, ("pose", "admin"), Limits(requests_per_second=2.5))[1] for name in ("a", "b")]
    write_keys(path, records)
    assert read_keys(path) == tuple(records)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        ("", "is not a file of API keys"),
        ('{"version": 2}', "version: Input should be 1"),
        ('{"keys": [{"name": "a"}]}', "keys.0.id: Field required"),
        ('{"kees": []}', "kees: Extra inputs are not permitted"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=message):
        read_keys(path)


def test_two_keys_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_keys(path, [make_key("a", ("pose",), Limits())[1] for _ in range(2)])
    with pytest.raises(SettingsError, match="two API keys have the name a"):
        read_keys(path)


def test_a_mistake_in_the_file_does_not_show_its_hashes(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    _, record = make_key("a", ("pose",), Limits())
    path.write_text(f'{{"keys": [{record.model_copy(update={"id": "zz"}).model_dump_json()}]}}')
    with pytest.raises(SettingsError) as error:
        read_keys(path)
    assert record.sha256 not in str(error.value)
    assert record.salt not in str(error.value)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        write_keys(tmp_path / "none" / "keys.json", [])
