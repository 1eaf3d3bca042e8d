"""Step 2 of the search: the signatures that a dialect has over given operand types.

They depend on types and hints only, so that searches share them.
"""

from __future__ import annotations

from dataclasses import dataclass

from exalift.affine import Affine, Apply, Load
from exalift.dialects import Dialect, Hints, OpDefinition, TensorType

from .static_checks import Signature, StaticChecks

_COMMUTATIVE = frozenset({"add", "multiply", "maximum", "minimum", "and", "or", "xor"})


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a grammar has over one tuple of operand types: signatures, and how many a check ended."""

    signatures: tuple[Signature, ...]
    refused: int


class Grammar:
    """The signatures of a dialect for given hints, derived once for each tuple of operand types."""

    def __init__(self, dialect: Dialect, checks: StaticChecks, hints: Hints) -> None:
        self._checks = checks
        self._hints = hints
        self._known: dict[tuple[TensorType, ...], Drawn] = {}
        self._by_arity: dict[int, list[OpDefinition]] = {}
        for definition in dialect.definitions:
            if definition.search:
                self._by_arity.setdefault(definition.arity, []).append(definition)

    @property
    def arities(self) -> tuple[int, ...]:
        """The numbers of operands that ops of the dialect have."""
        return tuple(sorted(self._by_arity))

    def over(self, operands: tuple[TensorType, ...]) -> Drawn:
        """Every signature with these operand types."""
        drawn = self._known.get(operands)
        if drawn is None:
            drawn = self._derive(operands)
            self._known[operands] = drawn
        return drawn

    def _derive(self, operands: tuple[TensorType, ...]) -> Drawn:
        found: list[Signature] = []
        refused = 0
        for definition in self._by_arity.get(len(operands), ()):
            domain = 0
            for attributes in definition.attributes(operands, self._hints):
                domain += 1
                signature = self._checks.signature(definition, operands, attributes)
                if signature is None:
                    refused += 1
                else:
                    found.append(signature)
            # An op that has no attributes for these types is refused as a whole.
            refused += not domain
        return Drawn(tuple(found), refused)


def is_commutative(signature: Signature) -> bool:
    """Whether the op is an element-wise function that does not mind the order of its two operands."""
    return elementwise_function(signature) in _COMMUTATIVE and signature.operands[0] == signature.operands[1]


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
