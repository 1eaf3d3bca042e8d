"""Whether a program at concrete sizes is an instance of one with symbolic sizes.

This is what lets a statement about all sizes say something about the module at hand, so it is written to
be read: both programs are walked side by side, and everything must be the same once the sizes are put in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from exalift.affine import Affine
from exalift.dialects import (
    ArrayValue,
    Attributes,
    AttributeValue,
    ConstantValue,
    IndexScalar,
    Node,
    Operation,
    Step,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
)

# Integers up to this are numbers of every floating-point type of 32 bits and more.
_EXACT = 1 << 24


def is_instance(general: TensorProgram, sizes: Mapping[str, int], concrete: TensorProgram) -> bool:
    """Whether `general` at `sizes` is `concrete`, op by op.

    `concrete` has no sizes. A constant of it may be a converted index expression of `general` with the
    same value. Names of functions are not compared; names of arrays and counters are.
    """
    if concrete.sizes or set(general.sizes) - set(sizes):
        return False
    check = _Check({name: Affine.of(value) for name, value in sizes.items()})
    left = [(a.name, check.type(a.type)) for a in (*general.arguments, *general.locals)]
    right = [(a.name, a.type) for a in (*concrete.arguments, *concrete.locals)]
    if left != right or len(general.arguments) != len(concrete.arguments):
        return False
    results = [(r.name, r.array, check.type(r.type)) for r in general.results]
    if results != [(r.name, r.array, r.type) for r in concrete.results]:
        return False
    return check.steps(general.body, concrete.body)


class _Check:
    """One comparison, with sizes as constants."""

    def __init__(self, sizes: Mapping[str, Affine]) -> None:
        self.sizes = sizes
        self._same: set[tuple[int, int]] = set()

    def affine(self, value: Affine) -> Affine:
        return value.substitute(self.sizes)

    def type(self, type: TensorType) -> TensorType:
        return TensorType(tuple(self.affine(extent) for extent in type.shape), type.dtype)

    def steps(self, general: Sequence[Step], concrete: Sequence[Step]) -> bool:
        """Loops nest as deep as the module's own do, so this recursion is short."""
        if len(general) != len(concrete):
            return False
        for left, right in zip(general, concrete, strict=True):
            match left, right:
                case Update(), Update():
                    if left.array != right.array or not self.nodes(left.value, right.value):
                        return False
                case TensorLoop(), TensorLoop():
                    lower = tuple(self.affine(bound) for bound in left.lower)
                    upper = tuple(self.affine(bound) for bound in left.upper)
                    if (left.iv, lower, upper) != (right.iv, right.lower, right.upper):
                        return False
                    if not self.steps(left.body, right.body):
                        return False
                case _:
                    return False
        return True

    def nodes(self, general: Node, concrete: Node) -> bool:
        """Whether two DAGs are the same; every pair of nodes is looked at once."""
        pending = [(general, concrete)]
        while pending:
            left, right = pending.pop()
            if (id(left), id(right)) in self._same:
                continue
            below = self.node(left, right)
            if below is None:
                return False
            self._same.add((id(left), id(right)))
            pending += below
        return True

    def node(self, left: Node, right: Node) -> list[tuple[Node, Node]] | None:
        """The pairs of operands that must be the same; None where the nodes themselves differ."""
        if self.type(left.type) != right.type:
            return None
        match left, right:
            case ArrayValue(name), ArrayValue(other):
                return [] if name == other else None
            case ConstantValue(value), ConstantValue(other):
                # `is` for NaN; True and 1 are told apart by their types, which are equal here.
                return [] if value == other or value is other else None
            case IndexScalar(index), IndexScalar(other):
                return [] if self.affine(index) == other else None
            case Operation(), Operation():
                if left.name != right.name or len(left.operands) != len(right.operands):
                    return None
                if self.attributes(left.attributes) != right.attributes:
                    return None
                return list(zip(left.operands, right.operands, strict=True))
            case _, ConstantValue(value):
                number = self.number(left)
                return [] if number is not None and Fraction(number) == value else None
            case _:
                return None

    def number(self, node: Node) -> int | None:
        """The value of an index expression that is used as data, at these sizes."""
        if isinstance(node, Operation) and node.name == "stablehlo.convert":
            (node,) = node.operands
        if not isinstance(node, IndexScalar):
            return None
        index = self.affine(node.index)
        return index.constant if index.is_constant and abs(index.constant) <= _EXACT else None

    def attributes(self, attributes: Attributes) -> Attributes:
        return tuple((name, self.value(value)) for name, value in attributes)

    def value(self, value: AttributeValue) -> AttributeValue:
        match value:
            case Affine():
                return self.affine(value)
            case tuple():
                return tuple(self.value(item) for item in value)
            case _:
                return value
