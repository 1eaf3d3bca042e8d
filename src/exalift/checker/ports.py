"""Ports that are checked: a module as it stands, or a JAX function that is traced at any sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exalift.affine import Array, Program, Role
from exalift.base import TensorShape, UsageError
from exalift.dialects import ModuleSignature

from .judgement import Sizes
from .languages import Language, language_of
from .signatures import Match, match_signature

if TYPE_CHECKING:
    from exalift.devices import JaxFunction


@dataclass(frozen=True, slots=True)
class ModulePort:
    """A module's text. `names` say which C parameter each argument is, where the caller knows."""

    text: str
    filename: str
    function: str | None = None
    names: tuple[str, ...] | None = None

    @property
    def label(self) -> str:
        return self.filename

    @property
    def language(self) -> Language:
        return language_of(self.text)

    def signature(self) -> ModuleSignature:
        """Raises RefusedError and UsageError as `read_signature`."""
        return self.language.signature(self.text, self.function, self.filename)

    def match(self, source: Program, given: Sizes) -> Match:
        """Raises UsageError where the signature does not fit the source."""
        return match_signature(source, self.signature(), given, self.names)


@dataclass(frozen=True, slots=True)
class FunctionPort:
    """A JAX function, which takes its parameters by the C names."""

    function: JaxFunction

    @property
    def label(self) -> str:
        return self.function.name

    def trace(self, source: Program, sizes: Sizes) -> ModulePort:
        """The function at given sizes. `source` has a value for each of its sizes in `sizes`.

        Raises UsageError for parameters that the C function does not have, and where tracing fails.
        """
        tensors: dict[str, TensorShape] = {}
        numbers: dict[str, int] = {}
        arrays = {array.name: array for array in source.arrays if array.role is Role.PARAMETER}
        for name in self.function.parameters:
            if name in arrays:
                tensors[name] = _shape(arrays[name], sizes)
            elif name in sizes:
                numbers[name] = sizes[name]
            elif name not in self.function.optional:
                known = ", ".join((*arrays, *(size.name for size in source.sizes if size.is_parameter)))
                raise UsageError(
                    f"{source.name} has no parameter {name!r} as {self.label} takes; it has {known}"
                )
        text = self.function.trace(tensors, numbers)
        return ModulePort(text, f"<{self.label}>", None, tuple(tensors))


def _shape(array: Array, sizes: Mapping[str, int]) -> TensorShape:
    return TensorShape(tuple(max(0, extent.at(sizes)) for extent in array.shape), array.dtype)


Port = ModulePort | FunctionPort


def listed(tuples: Sequence[Sizes]) -> str:
    """Tuples of sizes in words, a few of them."""
    few = [", ".join(f"{n} = {v}" for n, v in sizes.items()) for sizes in tuples[:3]]
    more = f" and {len(tuples) - 3} more" if len(tuples) > 3 else ""
    return "; ".join(few) + more
