"""The functions that a file defines, read when they are first called."""

from __future__ import annotations

from dataclasses import dataclass, field

from .reader import Reader
from .syntax import (
    AddressOf,
    Assignment,
    Function,
    Name,
    Step,
    all_expressions,
)


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """What the text of a function says: variables whose address is taken, and those ever assigned."""

    addressed: frozenset[str]
    assigned: frozenset[str]


@dataclass
class Library:
    reader: Reader
    functions: dict[str, Function] = field(default_factory=dict[str, Function])

    def find(self, name: str) -> Function | None:
        """A function by its name, None where the file has none. Raises Refusal when it cannot be read."""
        known = self.functions.get(name)
        if known is None:
            node = self.reader.unit.definitions.get(name)
            if node is None:
                return None
            known = self.reader.function(node)
            self.functions[name] = known
        return known


def facts_of(function: Function) -> FunctionFacts:
    addressed: set[str] = set()
    assigned: set[str] = set()
    for expression in all_expressions(function.body):
        match expression:
            case AddressOf(Name(declaration)):
                addressed.add(declaration.key)
            case Assignment(target=Name(declaration)) | Step(target=Name(declaration)):
                assigned.add(declaration.key)
            case _:
                pass
    return FunctionFacts(frozenset(addressed), frozenset(assigned))
