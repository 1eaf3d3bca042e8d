"""Step 2 of the search: the signatures that a dialect has over given operand types.

They depend on types and hints only, so that searches share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from exalift.affine import Affine, Apply, Load
from exalift.dialects import Dialect, Hints, OpDefinition, TensorType

from .static_checks import Signature, StaticChecks


class Likely(Protocol):
    """What is tried first (see `guide`)."""

    def definition(self, definition: OpDefinition) -> bool:
        """Whether any signature of an op may be likely."""
        ...

    def signature(self, signature: Signature) -> bool: ...


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a grammar has over one tuple of operand types: signatures, and how many a check ended."""

    signatures: tuple[Signature, ...]
    refused: int


_NONE = Drawn((), 1)
_COMMUTATIVE = frozenset({"add", "multiply", "maximum", "minimum", "and", "or", "xor"})


class Grammar:
    """The signatures of a dialect for given hints, derived once for each tuple of operand types."""

    def __init__(self, dialect: Dialect, checks: StaticChecks, hints: Hints) -> None:
        self._checks = checks
        self._hints = hints
        self._known: dict[tuple[int, tuple[int, ...]], Drawn] = {}
        self._views: dict[Likely | None, dict[tuple[int, ...], Drawn]] = {}
        self._by_arity: dict[int, list[tuple[int, OpDefinition]]] = {}
        for number, definition in enumerate(dialect.definitions):
            if definition.search:
                self._by_arity.setdefault(definition.arity, []).append((number, definition))

    @property
    def arities(self) -> tuple[int, ...]:
        """The numbers of operands that ops of the dialect have."""
        return tuple(sorted(self._by_arity))

    def over(self, operands: tuple[TensorType, ...], likely: Likely | None = None) -> Drawn:
        """Every signature with these operand types, or those that are likely."""
        numbers = tuple(self._checks.number(type) for type in operands)
        view = self._views.setdefault(likely, {})
        drawn = view.get(numbers)
        if drawn is None:
            drawn = view[numbers] = self._collect(operands, numbers, likely)
        return drawn

    def _collect(
        self, operands: tuple[TensorType, ...], numbers: tuple[int, ...], likely: Likely | None
    ) -> Drawn:
        found: list[Signature] = []
        refused = 0
        for place, definition in self._by_arity.get(len(operands), ()):
            if likely is not None and not likely.definition(definition):
                continue
            key = (place, numbers)
            drawn = self._known.get(key)
            if drawn is None:
                drawn = self._known[key] = self._derive(definition, operands)
            refused += drawn.refused
            if drawn.signatures:
                found += (s for s in drawn.signatures if likely is None or likely.signature(s))
        return Drawn(tuple(found), refused)

    def _derive(self, definition: OpDefinition, operands: tuple[TensorType, ...]) -> Drawn:
        found: list[Signature] = []
        total = 0
        for attributes in definition.attributes(operands, self._hints):
            total += 1
            signature = self._checks.signature(definition, operands, attributes)
            if signature is not None:
                found.append(signature)
        if not found:
            # An op that has no attributes for these types is refused as a whole.
            return _NONE if total <= 1 else Drawn((), total)
        return Drawn(tuple(found), total - len(found))


def is_commutative(signature: Signature) -> bool:
    """Whether the op is an element-wise function that does not mind the order of its two operands."""
    operands = signature.operands
    return (
        len(operands) == 2
        and not signature.attributes
        and operands[0] == operands[1]
        and elementwise_function(signature) in _COMMUTATIVE
    )


def elementwise_function(signature: Signature) -> str | None:
    """The function, where the formula applies just one to the same element of every operand in order."""
    formula = signature.formula
    match formula.body:
        case Apply(function=function, operands=operands):
            here = tuple(Affine.symbol(axis.name) for axis in formula.axes)
            for place, operand in enumerate(operands):
                if not isinstance(operand, Load) or operand.array != str(place) or operand.indices != here:
                    return None
            return function if len(operands) == len(signature.operands) == 2 else None
        case _:
            return None
