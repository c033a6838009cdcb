"""Files of API keys for tests."""

from pathlib import Path

from service.access.key_file import read_keys, write_keys
from service.access.keys import Limits, Scope, make_key


class Keys:
    """Makes keys in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        write_keys(path, [])

    def new(self, name: str, *scopes: Scope, limits: Limits | None = None) -> str:
        text, record = make_key(name, scopes or ("pose",), limits or Limits())
        write_keys(self.path, [*read_keys(self.path), record])
        return text
