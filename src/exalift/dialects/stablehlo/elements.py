"""Single elements in StableHLO: scalars by element-wise ops, array elements by windows of extent 1."""

from __future__ import annotations

from collections.abc import Sequence

from exalift.affine import FUNCTIONS, Affine, Kind
from exalift.base import DType, VerificationError

from ..definition import OpDefinition
from ..graph import Node, Operation
from ..types import Attributes
from .attribute_values import canonical


class StablehloElements:
    """See `dialects.Elements`. It is given the definitions, since the dialect is made of both."""

    def __init__(self, definitions: Sequence[OpDefinition]) -> None:
        self._definitions = {definition.name: definition for definition in definitions}

    def _op(self, name: str, operands: Sequence[Node], attributes: Attributes = ()) -> Operation:
        attributes = canonical(attributes)
        types = tuple(operand.type for operand in operands)
        result = self._definitions[name].result_type(types, attributes)
        if result is None:
            raise VerificationError(f"{name} does not take ({', '.join(map(str, types))})")
        return Operation(name, tuple(operands), attributes, result)

    def apply(self, function: str, operands: Sequence[Node]) -> Node:
        if FUNCTIONS[function].kind is Kind.COMPARISON:
            direction = function.removeprefix("compare_").upper()
            return self._op("stablehlo.compare", operands, (("comparison_direction", direction),))
        if function == "abs" and operands[0].type.dtype.is_integer and not operands[0].type.dtype.is_signed:
            return operands[0]
        prefix = "stablehlo" if f"stablehlo.{function}" in self._definitions else "chlo"
        return self._op(f"{prefix}.{function}", operands)

    def convert(self, operand: Node, dtype: DType) -> Node:
        if operand.type.dtype is dtype:
            return operand
        return self._op("stablehlo.convert", (operand,), (("dtype", str(dtype)),))

    def _reshape(self, operand: Node, rank: int) -> Node:
        """One element as a tensor of that rank."""
        return self._op("stablehlo.reshape", (operand,), (("shape", (Affine.of(1),) * rank),))

    def read(self, array: Node, indices: Sequence[Affine]) -> Node:
        if not indices:
            return array
        window: Attributes = (("slice_sizes", (Affine.of(1),) * len(indices)), ("starts", tuple(indices)))
        return self._reshape(self._op("stablehlo.dynamic_slice", (array,), window), 0)

    def write(self, array: Node, indices: Sequence[Affine], value: Node) -> Node:
        if not indices:
            return value
        update = self._reshape(value, len(indices))
        return self._op("stablehlo.dynamic_update_slice", (array, update), (("starts", tuple(indices)),))
