"""Reading trees of plain data (JSON, msgpack) that strangers made: every field with its type checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeVar, cast

from .errors import UsageError

T = TypeVar("T")

_SHOWN = 60


class Fields:
    """An object of a tree, read field by field; `what` names it in messages.

    Every method raises UsageError for a field that is missing or of another type. `done` refuses fields
    that nobody asked for, so that a misspelt or newer one is not passed over.
    """

    def __init__(self, content: object, what: str) -> None:
        self.what = what
        if not isinstance(content, dict):
            raise UsageError(f"{what}: expected an object, got {shown(content)}")
        items = cast(dict[object, object], content)
        self._content = {as_text(name, f"{what}: a name"): value for name, value in items.items()}
        self._asked: set[str] = set()

    def has(self, name: str) -> bool:
        return name in self._content

    def field(self, name: str) -> object:
        if name not in self._content:
            raise UsageError(f"{self.what}: {name!r} is missing")
        self._asked.add(name)
        return self._content[name]

    def text(self, name: str, longest: int = 4096) -> str:
        return as_text(self.field(name), f"{self.what}: {name!r}", longest)

    def data(self, name: str, longest: int) -> bytes:
        value = self.field(name)
        if not isinstance(value, bytes) or len(value) > longest:
            raise UsageError(f"{self.what}: {name!r} is not a string of at most {longest} bytes")
        return value

    def integer(self, name: str, least: int = -(1 << 62), most: int = 1 << 62) -> int:
        return as_integer(self.field(name), f"{self.what}: {name!r}", least, most)

    def number(self, name: str) -> float:
        """An integer or a float, finite."""
        value = self.field(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise UsageError(f"{self.what}: {name!r} is not a number: {shown(value)}")
        return float(value)

    def truth(self, name: str) -> bool:
        value = self.field(name)
        if not isinstance(value, bool):
            raise UsageError(f"{self.what}: {name!r} is not true or false")
        return value

    def list(self, name: str, longest: int = 1 << 20) -> list[object]:
        return as_list(self.field(name), f"{self.what}: {name!r}", longest)

    def object(self, name: str) -> Fields:
        return Fields(self.field(name), f"{self.what}: {name!r}")

    def each(self, name: str, longest: int, read: Callable[[Fields], T]) -> tuple[T, ...]:
        """A list of objects, each read by a function."""
        items = self.list(name, longest)
        return tuple(read(Fields(item, f"{self.what}: {name!r} {i}")) for i, item in enumerate(items))

    def names(self) -> Iterable[str]:
        """All names, in the order of the file."""
        return tuple(self._content)

    def done(self) -> None:
        unknown = [name for name in self._content if name not in self._asked]
        if unknown:
            raise UsageError(f"{self.what}: unknown field {shown(unknown[0])}")


def as_text(value: object, what: str, longest: int = 4096) -> str:
    """A string of at most `longest` characters; UsageError for anything else."""
    if not isinstance(value, str) or len(value) > longest:
        raise UsageError(f"{what}: expected a string of at most {longest} characters, got {shown(value)}")
    return value


def as_integer(value: object, what: str, least: int = -(1 << 62), most: int = 1 << 62) -> int:
    """An integer in a range (both ends in); UsageError for anything else, truth values included."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"{what}: expected an integer from {least} to {most}, got {shown(value)}")
    return value


def as_list(value: object, what: str, longest: int = 1 << 20) -> list[object]:
    """A list of at most `longest` items; UsageError for anything else."""
    items = cast(list[object], value) if isinstance(value, list) else None
    if items is None or len(items) > longest:
        raise UsageError(
            f"{what}: expected a list of at most {longest} items, got {shown(cast(object, value))}"
        )
    return items


def shown(value: object) -> str:
    """A value for a message, cut short."""
    if isinstance(value, int) and abs(value) >= 1 << 128:
        return "a very large integer"
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
