"""One entry of a COCO file: its values by type, or an error that names the file, the entry and what is wrong."""

from pathlib import Path
from typing import cast

MOST = 1e15
"""Greatest number that is taken for a coordinate, an area or a score."""


class AnnotationError(ValueError):
    """An annotation or detections file that cannot be used; the message names the file and the entry."""


class Entry:
    """A JSON object of a file, read key by key."""

    def __init__(self, path: Path, label: str, value: object) -> None:
        """An entry of `path`, called `label` in errors.

        Raises:
            AnnotationError: it is no JSON object.
        """
        self.path = path
        self.label = label
        if not isinstance(value, dict):
            raise self.error(f"it is {_kind(value)}; it must be an object")
        self.values = cast("dict[str, object]", value)

    def error(self, what: str) -> AnnotationError:
        """The error that says `what` of this entry."""
        return AnnotationError(f"{self.path}: {self.label}: {what}")

    def entries(self, key: str, label: str) -> list["Entry"]:
        """The objects of a list, each called `label` and its id."""
        return [Entry(self.path, _label(label, item, at), item) for at, item in enumerate(self._list(key))]

    def number(self, key: str) -> float:
        """A finite number."""
        return self._finite(key, self._value(key))

    def numbers(self, key: str, count: int) -> list[float]:
        """A list of `count` finite numbers."""
        values = self._list(key)
        if len(values) != count:
            raise self.error(f"its {key} has {len(values)} numbers; it must have {count}")
        return [self._finite(key, value) for value in values]

    def number_rows(self, key: str, count: int, length: int) -> list[list[float]]:
        """A list of `count` lists of `length` finite numbers."""
        rows = self._list(key)
        if len(rows) != count:
            raise self.error(f"its {key} has {len(rows)} rows; it must have {count}")
        return [Entry(self.path, self.label, {key: row}).numbers(key, length) for row in rows]

    def whole_number(self, key: str, default: int | None = None) -> int:
        """A whole number; `default`, where one is given, if the key is absent."""
        if default is not None and key not in self.values:
            return default
        return self._whole(key, self._value(key))

    def whole_numbers(self, key: str) -> list[int]:
        """A list of whole numbers; empty if the key is absent."""
        return [self._whole(key, value) for value in self._list(key)] if key in self.values else []

    def whole_number_rows(self, key: str, length: int) -> list[list[int]]:
        """A list of lists of `length` whole numbers; empty if the key is absent."""
        rows = self._list(key) if key in self.values else []
        found = [Entry(self.path, self.label, {key: row}).whole_numbers(key) for row in rows]
        if any(len(row) != length for row in found):
            raise self.error(f"its {key} must be a list of lists of {length} whole numbers")
        return found

    def text(self, key: str) -> str:
        """A text."""
        return self._text(key, self._value(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(self._text(key, value) for value in self._list(key))

    def _value(self, key: str) -> object:
        if key not in self.values:
            raise self.error(f"the key {key!r} is missing")
        return self.values[key]

    def _list(self, key: str) -> list[object]:
        value = self._value(key)
        if not isinstance(value, list):
            raise self.error(f"its {key} is {_kind(value)}; it must be a list")
        return cast("list[object]", value)

    def _finite(self, key: str, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and -MOST <= value <= MOST:
            return float(value)
        raise self.error(f"its {key} holds {value!r}, which is not a finite number")

    def _whole(self, key: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(f"its {key} holds {value!r}, which is not a whole number")
        return value

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str):
            raise self.error(f"its {key} holds {value!r}, which is not a text")
        return value


def _kind(value: object) -> str:
    names = {"dict": "an object", "list": "a list", "str": "a text", "bool": "true or false", "NoneType": "null"}
    return names.get(value.__class__.__name__, "a number")


def _label(label: str, item: object, at: int) -> str:
    """`annotation 17` by its id, or by its place in the list where it has none."""
    identity = cast("dict[str, object]", item).get("id") if isinstance(item, dict) else None
    return f"{label} number {at}" if identity is None else f"{label} {identity}"
