"""What reading a module that somebody else wrote gives, whatever dialect it is in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from exalift.base import Span, UsageError

from .graph import TensorProgram
from .types import TensorType

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or a result of a module's function: its type, and what the text calls it, if anything."""

    type: TensorType
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ModuleSignature:
    """A function of a module. `span` is where it stands."""

    name: str
    arguments: tuple[Parameter, ...]
    results: tuple[Parameter, ...]
    span: Span

    def named(
        self, arguments: Sequence[str] | None, results: Sequence[str] | None
    ) -> tuple[list[str], list[str]]:
        """Names of arguments and results in order: those given, else `arg0`, ... and `result0`, ....

        Raises UsageError where they are too few or too many, or a name is used twice.
        """
        given = list(arguments or (f"arg{k}" for k in range(len(self.arguments))))
        named = list(results or (f"result{k}" for k in range(len(self.results))))
        for what, names, wanted in (
            ("takes", given, len(self.arguments)),
            ("gives", named, len(self.results)),
        ):
            if len(names) != wanted:
                raise UsageError(f"{self.name} {what} {wanted} tensors, but {len(names)} are named")
            if len(set(names)) != len(names):
                raise UsageError(f"{self.name}: a name is used twice in {', '.join(names)}")
        return given, named


@dataclass(frozen=True, slots=True)
class Imported:
    """A module's function as a program without size parameters, in the dialect `stablehlo.IMPORTED`.

    assumptions: sentences on which the reading relies beyond the specification.
    """

    program: TensorProgram
    assumptions: tuple[str, ...]


def only_function(found: Sequence[T], name: str | None, known: Iterable[str], filename: str) -> T:
    """The function asked for (the only public one, where None); UsageError where there is not exactly one."""
    if len(found) != 1:
        wanted = "exactly one public function" if name is None else f"a function {name}"
        raise UsageError(f"{filename} must have {wanted}; its functions: {', '.join(known) or 'none'}")
    return found[0]


def free_name(name: str, taken: set[str]) -> str:
    """The name, or it with the first number behind it that nothing has yet; it is taken from now on."""
    found, count = name, 1
    while found in taken:
        found, count = f"{name}_{count}", count + 1
    taken.add(found)
    return found
