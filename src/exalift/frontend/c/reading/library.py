"""The functions that a file defines, read when they are first called."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..terms import math_functions
from .reader import Reader
from .syntax import AddressOf, Assignment, Call, Function, Name, Refusal, Step, Storage, all_expressions


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """What the text of a function says: variables whose address is taken, and those ever assigned."""

    addressed: frozenset[str]
    assigned: frozenset[str]


@dataclass
class Library:
    reader: Reader
    functions: dict[str, Function] = field(default_factory=dict[str, Function])
    known_facts: dict[str, FunctionFacts] = field(default_factory=dict[str, FunctionFacts])
    quiet: dict[str, bool] = field(default_factory=dict[str, bool])

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

    def called(self, name: str) -> frozenset[str]:
        """The functions that a function of the file calls by name, known or not; none for one that cannot
        be read."""
        try:
            function = self.find(name)
        except Refusal:
            function = None
        if function is None:
            return frozenset()
        return frozenset(e.function for e in all_expressions(function.body) if isinstance(e, Call))

    def facts(self, function: Function) -> FunctionFacts:
        if function.name not in self.known_facts:
            self.known_facts[function.name] = _facts_of(function)
        return self.known_facts[function.name]

    def is_quiet(self, function: Function) -> bool:
        """Whether a function changes nothing but its own variables. (One that calls itself is not quiet.)"""
        known = self.quiet.get(function.name)
        if known is None:
            self.quiet[function.name] = False
            known = self._changes_nothing(function)
            self.quiet[function.name] = known
        return known

    def _changes_nothing(self, function: Function) -> bool:
        for expression in all_expressions(function.body):
            match expression:
                case Assignment(target=target) | Step(target=target):
                    if not isinstance(target, Name) or target.declaration.storage is Storage.GLOBAL:
                        return False
                case Call(name):
                    inner = self.find(name)
                    if inner is None and math_functions.find(name) is None:
                        return False
                    if inner is not None and not self.is_quiet(inner):
                        return False
                case _:
                    pass
        return True


def _facts_of(function: Function) -> FunctionFacts:
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
