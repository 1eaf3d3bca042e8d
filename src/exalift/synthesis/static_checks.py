"""What is known of a candidate before its value: step 4 of the search, cheapest check first.

The answer depends on op, operand types and attributes only, so it is asked once and kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exalift.affine import Formula
from exalift.dialects import Attributes, OpDefinition, TensorType

from .costs import elements, op_cost
from .environment import Environment


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """No candidate has more elements than this at nominal sizes."""

    elements: int

    @staticmethod
    def of(types: Sequence[TensorType], nominal: Mapping[str, int], factor: int = 4) -> SizeLimit:
        """`factor` times the largest of some types."""
        return SizeLimit(factor * max((elements(type, nominal) for type in types), default=1))


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """An op with everything fixed but its operands' values; `number` is its place in its table."""

    number: int
    definition: OpDefinition
    operands: tuple[TensorType, ...]
    attributes: Attributes
    type: TensorType
    formula: Formula
    cost: float


@dataclass
class StaticChecks:
    """Signatures, each derived and checked once."""

    environment: Environment
    nominal: Mapping[str, int]
    limit: SizeLimit | None = None
    signatures: list[Signature] = field(default_factory=lambda: [])
    _known: dict[tuple[str, tuple[TensorType, ...], Attributes], Signature | None] = field(
        default_factory=lambda: {}
    )

    def signature(
        self, definition: OpDefinition, operands: tuple[TensorType, ...], attributes: Attributes
    ) -> Signature | None:
        """The signature, or None where a check ends it."""
        key = (definition.name, operands, attributes)
        if key not in self._known:
            self._known[key] = self._derive(definition, operands, attributes)
        return self._known[key]

    def _derive(
        self, definition: OpDefinition, operands: tuple[TensorType, ...], attributes: Attributes
    ) -> Signature | None:
        if len(operands) != definition.arity or definition.formula is None:
            return None
        type = definition.result_type(operands, attributes)
        if type is None or any(extent <= 0 for extent in self.environment.shape(type)):
            return None
        if self.limit is not None and elements(type, self.nominal) > self.limit.elements:
            return None
        formula = definition.formula(operands, attributes, type)
        cost = op_cost(formula, operands, self.nominal)
        signature = Signature(len(self.signatures), definition, operands, attributes, type, formula, cost)
        self.signatures.append(signature)
        return signature
