"""The keys of a running server: they follow their file without a restart."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from service.access.allowance import Allowance
from service.access.key_file import read_keys
from service.access.keys import KeyRecord, Limits, Scope, make_key, read_key
from service.errors import ForbiddenError, UnauthenticatedError
from service.settings import SettingsError

LOOK_EVERY_S = 1.0
"""So soon a new or revoked key counts."""

logger = logging.getLogger("fasterpose.access")


class KeyOwner:
    """The caller with a key.

    Attributes:
        record: what is kept of the key.
        allowance: what it may still use.
        revoked: it is no longer in the file.
    """

    def __init__(self, record: KeyRecord, allowance: Allowance, refresh: Callable[[], None]) -> None:
        self.record = record
        self.allowance = allowance
        self.revoked = False
        self._refresh = refresh

    @property
    def name(self) -> str:
        """Of the key."""
        return self.record.name

    def require(self, scope: Scope) -> None:
        """Let the caller pass if the key has a scope.

        Raises:
            ForbiddenError: it has not.
        """
        if scope not in self.record.scopes:
            raise ForbiddenError(f"This key has no scope {scope!r}; it has: {', '.join(self.record.scopes)}.")

    def use(self) -> AbstractContextManager[None]:
        """Count one request or frame while the context lasts.

        Raises:
            UnauthenticatedError: the key was revoked meanwhile.
        """
        self._refresh()
        if self.revoked:
            raise UnauthenticatedError("This API key was revoked.", given=True)
        return self.allowance.use()


class Keyring:
    """All keys of a file. A file that cannot be read any more changes nothing: the log says so, the last keys hold."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the keys.

        Raises:
            SettingsError: the file is none of keys.
        """
        self._path = path
        self._clock = clock
        self._owners: dict[str, KeyOwner] = {}
        self._seen = _signature(path)
        self._looked = clock()
        self._nobody = KeyOwner(make_key("nobody", (), Limits())[1], Allowance(Limits()), lambda: None)
        self._take(read_keys(path))

    def identify(self, text: str | None) -> KeyOwner:
        """Whose key this is.

        Raises:
            UnauthenticatedError: there is none, or it is none of these.
        """
        self.refresh()
        if not text:
            raise UnauthenticatedError("This server asks for an API key: send Authorization: Bearer KEY or X-API-Key.")
        key = read_key(text)
        owner = self._owners.get(key.id, self._nobody) if key else self._nobody
        if key is None or not owner.record.matches(key.secret):  # an unknown id costs as long as a wrong secret
            raise UnauthenticatedError("The API key is not one of this server's.", given=True)
        return owner

    def refresh(self) -> None:
        """Look once a second whether the file changed, and take its keys if it did."""
        now = self._clock()
        if now - self._looked < LOOK_EVERY_S:
            return
        self._looked = now
        seen = _signature(self._path)
        if seen != self._seen:
            self._seen = seen
            self.reload()

    def reload(self) -> None:
        """Take the keys of the file as they are now."""
        try:
            self._take(read_keys(self._path))
        except SettingsError:
            logger.exception("the API keys stay as they were")
            return
        logger.info("the file of API keys changed: %d keys", len(self._owners))

    def _take(self, records: tuple[KeyRecord, ...]) -> None:
        """Who keeps a key unchanged keeps the count of its requests too."""
        before, self._owners = self._owners, {record.id: self._owner(record) for record in records}
        for owner in before.values():
            owner.revoked = not self._still_there(owner.record)

    def _owner(self, record: KeyRecord) -> KeyOwner:
        known = self._owners.get(record.id)
        if known is not None and known.record == record:
            return known
        kept = known is not None and known.record.limits == record.limits
        return KeyOwner(record, known.allowance if known and kept else Allowance(record.limits), self.refresh)

    def _still_there(self, record: KeyRecord) -> bool:
        """Whether the same secret still lets somebody in, be it under another name, scope or limit."""
        now = self._owners.get(record.id)
        return now is not None and now.record.sha256 == record.sha256


def _signature(path: Path) -> tuple[int, int, int] | None:
    """What tells that a file was written anew; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
