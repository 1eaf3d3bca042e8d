"""A parsed module as plain typed data: what the translation needs of MLIR's memory form, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from exalift.base import DType, Span


@dataclass(frozen=True, slots=True)
class ScalarType:
    """`index`, an integer or a float. `index` counts as i64; signless integers as signed ones."""

    dtype: DType
    is_index: bool = False

    def __str__(self) -> str:
        return "index" if self.is_index else str(self.dtype)


@dataclass(frozen=True, slots=True)
class MemRefType:
    """A memref of identity layout in the default memory space; None is an extent that is not known."""

    element: ScalarType
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class OtherType:
    """A type that is not taken, with the reason."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class TensorType(OtherType):
    """A tensor of static shape. Where loops are read it is one of the types that are not taken."""

    element: ScalarType
    shape: tuple[int, ...]


Type = ScalarType | MemRefType | OtherType


@dataclass(eq=False, slots=True)
class Value:
    """An SSA value: `name` as the text has it, `uses` the number of operands that it is."""

    name: str
    type: Type
    span: Span
    uses: int = 0


Instruction = tuple[str, int]
"""A step in reverse Polish notation: ("dim" | "symbol" | "constant", number) pushes, and
("add" | "mul" | "mod" | "floordiv" | "ceildiv", 0) combines the two topmost values."""


@dataclass(frozen=True, slots=True)
class AffineMap:
    """`(d0, ...)[s0, ...] -> results`."""

    dims: int
    symbols: int
    results: tuple[tuple[Instruction, ...], ...]


@dataclass(frozen=True, slots=True)
class IntegerSet:
    """Results of the map that are at least 0, or 0 where `equalities` says so."""

    map: AffineMap
    equalities: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Dense:
    """A dense constant: one number for all elements (`splat`), or all numbers in row-major order."""

    splat: int | float | None
    values: tuple[int | float, ...] = ()


@dataclass(frozen=True, slots=True)
class AffineMaps:
    """A list of maps, as `indexing_maps` is."""

    maps: tuple[AffineMap, ...]


Attribute = bool | int | float | str | AffineMap | IntegerSet | AffineMaps | Dense | tuple[int | str, ...]
"""What is not one of these is kept as its text."""


@dataclass(eq=False, slots=True)
class Block:
    arguments: tuple[Value, ...]
    operations: tuple[Operation, ...]


@dataclass(eq=False, slots=True)
class Operation:
    """An operation with its regions, each a tuple of blocks."""

    name: str
    operands: tuple[Value, ...]
    results: tuple[Value, ...]
    attributes: dict[str, Attribute]
    regions: tuple[tuple[Block, ...], ...]
    span: Span

    def walk(self) -> Iterator[Operation]:
        """This operation and all those inside it, in order."""
        pending = [self]
        while pending:
            operation = pending.pop()
            yield operation
            pending += [
                inner
                for region in reversed(operation.regions)
                for block in reversed(region)
                for inner in reversed(block.operations)
            ]


@dataclass(eq=False, slots=True)
class Function:
    """A `func.func`; `blocks` is empty for a declaration."""

    name: str
    results: tuple[Type, ...]
    blocks: tuple[Block, ...]
    span: Span
    arguments: tuple[Value, ...] = field(default=())
    is_public: bool = True
