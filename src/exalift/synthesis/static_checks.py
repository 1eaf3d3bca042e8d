"""What is known of a candidate before its value: step 4 of the search, cheapest check first.

The answer depends on op, operand types and attributes only, so it is asked once and kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

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


class Signature:
    """An op with everything fixed but its operands' values; `number` is its place in its table.

    Formula and cost are derived when they are asked for: most signatures are never used.
    """

    def __init__(
        self,
        number: int,
        definition: OpDefinition,
        operands: tuple[TensorType, ...],
        attributes: Attributes,
        type: TensorType,
        nominal: Mapping[str, int],
    ) -> None:
        self.number = number
        self.definition = definition
        self.operands = operands
        self.attributes = attributes
        self.type = type
        self._nominal = nominal

    @cached_property
    def formula(self) -> Formula:
        """The op's meaning, with operands named "0", "1", ..."""
        make = self.definition.formula
        assert make is not None, "an op without a formula has no signature"
        return make(self.operands, self.attributes, self.type)

    @cached_property
    def cost(self) -> float:
        """What the op adds to a graph's cost; positive."""
        return op_cost(self.formula, self.operands, self._nominal)


@dataclass
class StaticChecks:
    """Signatures, each derived and checked once; types have numbers here."""

    environment: Environment
    nominal: Mapping[str, int]
    limit: SizeLimit | None = None
    signatures: list[Signature] = field(default_factory=lambda: [])
    _numbers: dict[TensorType, int] = field(default_factory=lambda: {})
    _fits: list[bool] = field(default_factory=lambda: [])
    _known: dict[tuple[str, tuple[int, ...], Attributes], Signature | None] = field(
        default_factory=lambda: {}
    )

    def number(self, type: TensorType) -> int:
        """A small number for a type; types that are equal have the same one."""
        number = self._numbers.get(type)
        if number is None:
            number = len(self._numbers)
            self._numbers[type] = number
            empty = any(extent <= 0 for extent in self.environment.shape(type))
            large = self.limit is not None and elements(type, self.nominal) > self.limit.elements
            self._fits.append(not empty and not large)
        return number

    def signature(
        self, definition: OpDefinition, operands: tuple[TensorType, ...], attributes: Attributes
    ) -> Signature | None:
        """The signature, or None where a check ends it."""
        key = (definition.name, tuple(self.number(type) for type in operands), attributes)
        if key not in self._known:
            self._known[key] = self._derive(definition, operands, attributes)
        return self._known[key]

    def _derive(
        self, definition: OpDefinition, operands: tuple[TensorType, ...], attributes: Attributes
    ) -> Signature | None:
        if len(operands) != definition.arity or definition.formula is None:
            return None
        type = definition.result_type(operands, attributes)
        if type is None or not self._fits[self.number(type)]:
            return None
        number = len(self.signatures)
        signature = Signature(number, definition, operands, attributes, type, self.nominal)
        self.signatures.append(signature)
        return signature
