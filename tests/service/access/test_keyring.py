"""The keys of a running server follow their file."""

from pathlib import Path

import pytest

from service.access.key_file import read_keys, write_keys
from service.access.keyring import LOOK_EVERY_S, Keyring
from service.access.keys import KeyRecord, Limits, make_key
from service.errors import ForbiddenError, RateLimitedError, UnauthenticatedError
from service.settings import SettingsError
from tests.service.access.test_allowance import Clock


class KeysOnDisk:
    """A file of keys, and the keys themselves."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.records: list[KeyRecord] = []
        write_keys(path, [])

    def add(self, name: str, *scopes: str, limits: Limits | None = None) -> str:
        text, record = make_key(name, scopes or ("pose",), limits or Limits())  # type: ignore[arg-type]
        self.write([*self.records, record])
        return text

    def write(self, records: list[KeyRecord]) -> None:
        self.records = records
        write_keys(self.path, records)
        self.clock.now += LOOK_EVERY_S

    def ring(self) -> Keyring:
        return Keyring(self.path, self.clock)


@pytest.fixture
def disk(tmp_path: Path) -> KeysOnDisk:
    return KeysOnDisk(tmp_path / "keys.json")


def test_a_key_tells_its_owner(disk: KeysOnDisk) -> None:
    first, second = disk.add("first"), disk.add("second")
    ring = disk.ring()
    assert (ring.identify(first).name, ring.identify(second).name) == ("first", "second")


@pytest.mark.parametrize("text", [None, "", "nonsense", "fp_00000000_" + "a" * 43])
def test_nobody_else_gets_in(disk: KeysOnDisk, text: str | None) -> None:
    disk.add("first")
    with pytest.raises(UnauthenticatedError):
        disk.ring().identify(text)


def test_the_right_id_with_a_wrong_secret_does_not_get_in(disk: KeysOnDisk) -> None:
    text = disk.add("first")
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    with pytest.raises(UnauthenticatedError) as error:
        disk.ring().identify(wrong)
    assert error.value.headers["WWW-Authenticate"] == 'Bearer realm="fasterpose", error="invalid_token"'
    assert wrong not in error.value.detail


def test_scopes_are_apart(disk: KeysOnDisk) -> None:
    text = disk.add("operator", "admin")
    owner = disk.ring().identify(text)
    owner.require("admin")
    with pytest.raises(ForbiddenError, match="no scope 'pose'; it has: admin"):
        owner.require("pose")


def test_a_new_key_counts_and_a_revoked_one_no_more(disk: KeysOnDisk) -> None:
    old = disk.add("old")
    ring = disk.ring()
    owner = ring.identify(old)
    new = disk.add("new")
    assert ring.identify(new).name == "new"
    disk.write([record for record in disk.records if record.name != "old"])
    with pytest.raises(UnauthenticatedError, match="was revoked"):
        owner.use()  # of a stream that is still open
    with pytest.raises(UnauthenticatedError, match="not one of this server's"):
        ring.identify(old)


def test_other_keys_keep_their_count_when_the_file_changes(disk: KeysOnDisk) -> None:
    text = disk.add("busy", limits=Limits(max_in_flight=1))
    ring = disk.ring()
    owner = ring.identify(text)
    with owner.use():
        disk.add("another")
        with pytest.raises(RateLimitedError), ring.identify(text).use():
            pass
    disk.write([record.model_copy(update={"limits": Limits(max_in_flight=2)}) for record in disk.records])
    with ring.identify(text).use(), ring.identify(text).use():
        owner.use()  # the same secret: not revoked


def test_a_broken_file_changes_nothing_and_is_logged(disk: KeysOnDisk, caplog: pytest.LogCaptureFixture) -> None:
    text = disk.add("first")
    ring = disk.ring()
    disk.path.write_text("{")
    disk.clock.now += LOOK_EVERY_S
    assert ring.identify(text).name == "first"
    assert "the API keys stay as they were" in caplog.text
    disk.path.unlink()
    disk.clock.now += LOOK_EVERY_S
    assert ring.identify(text).name == "first"


def test_a_server_does_not_start_on_a_broken_file(disk: KeysOnDisk) -> None:
    disk.path.write_text("{")
    with pytest.raises(SettingsError):
        disk.ring()


def test_the_file_is_looked_at_once_a_second_only(disk: KeysOnDisk) -> None:
    text = disk.add("first")
    ring = disk.ring()
    write_keys(disk.path, [])
    assert read_keys(disk.path) == ()
    assert ring.identify(text).name == "first"
    disk.clock.now += LOOK_EVERY_S
    with pytest.raises(UnauthenticatedError):
        ring.identify(text)
