"""What a dialect is: a list of op definitions. A definition is data and a few pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from exalift.affine import Affine, Formula
from exalift.base import DType

from .graph import Node
from .types import Attributes, TensorType


@dataclass(frozen=True, slots=True)
class Hints:
    """What a source region suggests to the enumeration of attributes; it orders and bounds, by data alone.

    offsets: constants and affine distances seen in subscripts and bounds (0 is among them).
    strides: coefficients seen in subscripts (1 is among them).
    extents: affine extents of arrays, axes and domains.
    functions: names of scalar functions seen, reductions included.
    goal: the type searched for, where one is known.
    corners: where whole windows begin, one (offset, stride) a dimension: tried before the offsets are
        combined, which at rank 3 are too many.
    """

    offsets: tuple[Affine, ...] = (Affine(),)
    strides: tuple[int, ...] = (1,)
    extents: tuple[Affine, ...] = ()
    functions: frozenset[str] = frozenset()
    goal: TensorType | None = None
    corners: tuple[tuple[tuple[Affine, int], ...], ...] = ()


def no_attributes(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """The attribute domain of an op without attributes: the empty assignment."""
    del operands, hints
    return ((),)


@dataclass(frozen=True, slots=True)
class OpDefinition:
    """An op: how many operands, which attributes, which result type, what it means.

    name: the full MLIR name, "stablehlo.transpose".
    arity: number of operands (an op with a variadic operand has one definition per count it is searched at).
    attributes(operand_types, hints): the attribute assignments worth trying, likely ones first.
    result_type(operand_types, attributes): the type, or None where the op's constraints do not hold
        (for affine shapes: do not hold for all sizes).
    formula(operand_types, attributes, result_type): the meaning; loads name operands "0", "1", ...
        None for ops that have no formula and are known by running them only.
    search: whether the enumerator uses it (as opposed to printing and evaluating it only).
    """

    name: str
    arity: int
    result_type: Callable[[Sequence[TensorType], Attributes], TensorType | None]
    formula: Callable[[Sequence[TensorType], Attributes, TensorType], Formula] | None
    attributes: Callable[[Sequence[TensorType], Hints], Iterable[Attributes]] = no_attributes
    search: bool = True


class Elements(Protocol):
    """How single elements are computed in a dialect: nodes of rank 0, made without any search.

    It is what is left where a search finds nothing. Each method raises VerificationError where the
    dialect has no op for what is asked.
    """

    def apply(self, function: str, operands: Sequence[Node]) -> Node:
        """A scalar function of `affine.functions`, comparisons and `select` among them."""
        ...

    def convert(self, operand: Node, dtype: DType) -> Node:
        """The operand as `affine.Cast` converts it."""
        ...

    def read(self, array: Node, indices: Sequence[Affine]) -> Node:
        """The element at `indices`; 0 (false) where that is out of bounds."""
        ...

    def write(self, array: Node, indices: Sequence[Affine], value: Node) -> Node:
        """The array with `value` at `indices`; as it was where that is out of bounds."""
        ...


@dataclass(frozen=True)
class Dialect:
    """A named table of definitions; names are unique. `elements` is None where a dialect computes with
    whole tensors only."""

    name: str
    definitions: tuple[OpDefinition, ...]
    elements: Elements | None = None
    by_name: Mapping[str, OpDefinition] = field(init=False)

    def __post_init__(self) -> None:
        table = {definition.name: definition for definition in self.definitions}
        if len(table) != len(self.definitions):
            raise ValueError(f"dialect {self.name} defines an op twice")
        object.__setattr__(self, "by_name", table)

    def __getitem__(self, name: str) -> OpDefinition:
        return self.by_name[name]
