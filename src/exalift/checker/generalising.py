"""From programs at concrete sizes to one with symbolic sizes of which they are instances.

Several programs are compared number by number: what is 5, 7 and 9 where n is 3, 5 and 7 is n + 2. One
program alone is generalised by the values of its numbers. Nothing here is trusted: `is_instance` decides
whether the outcome has the programs as instances, and `proof` whether it is the source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations

from exalift.affine import Affine, FloorDiv
from exalift.base import DType, ExaliftError
from exalift.dialects import (
    Argument,
    ArrayValue,
    Attributes,
    AttributeValue,
    ConstantValue,
    IndexScalar,
    Node,
    Operation,
    Result,
    Step,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
)
from exalift.dialects.stablehlo import IMPORTED, build

Sizes = Mapping[str, int]

_DIVISORS = (2, 3, 4)
SMALL = 3
"""Constants below this stay what they are where there is one program only."""
_FACTORS = (2, 3, 4)
_UNLIKELY = 2
_EXACT = 1 << 24


class NotGeneral(ExaliftError):
    """The programs are not seen to be instances of one."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A program without sizes, and the sizes at which it was made."""

    program: TensorProgram
    sizes: Sizes


def generalise(
    instances: Sequence[Instance],
    names: Sequence[str],
    shapes: Mapping[str, tuple[Affine, ...]],
    *,
    data: bool = True,
    near: int = 2,
) -> TensorProgram:
    """A program in the sizes `names` that is likely to have all `instances` as instances.

    `shapes` are the symbolic shapes of arrays that are known by name. `data` says whether constants in
    computations may stand for sizes (`sum / 5` for `sum / n`), `near` how far from a size a number of one
    program alone may be and still be taken as that size and a bit. Raises NotGeneral where none is seen.
    """
    return _General(instances, tuple(names), shapes, data, near).program()


@dataclass
class _General:
    instances: Sequence[Instance]
    names: tuple[str, ...]
    shapes: Mapping[str, tuple[Affine, ...]]
    data: bool
    near: int
    _types: dict[str, TensorType] = field(default_factory=dict[str, TensorType])
    _made: dict[tuple[int, ...], Node] = field(default_factory=dict[tuple[int, ...], Node])
    _candidates: list[tuple[Affine, int]] = field(default_factory=list[tuple[Affine, int]])
    _numbers: dict[tuple[int, ...], Affine] = field(default_factory=dict[tuple[int, ...], Affine])

    def program(self) -> TensorProgram:
        programs = [instance.program for instance in self.instances]
        first = programs[0]
        self._alike([[(a.name, a.type.dtype, a.type.rank) for a in p.arguments] for p in programs])
        self._alike([[(a.name, a.type.dtype, a.type.rank) for a in p.locals] for p in programs])
        self._alike([[(r.name, r.array, r.type.rank) for r in p.results] for p in programs])
        arrays = [[*p.arguments, *p.locals] for p in programs]
        for declared in zip(*arrays, strict=True):
            self._types[declared[0].name] = self.declared(declared[0].name, [d.type for d in declared])
        body = self.steps([p.body for p in programs])
        return TensorProgram(
            first.name,
            first.dialect,
            self.names,
            tuple(Argument(a.name, self._types[a.name]) for a in first.arguments),
            tuple(Argument(a.name, self._types[a.name]) for a in first.locals),
            body,
            tuple(Result(r.name, r.array, self._types[r.array]) for r in first.results),
        )

    def declared(self, name: str, types: Sequence[TensorType]) -> TensorType:
        known = self.shapes.get(name)
        if known is not None:
            return TensorType(known, types[0].dtype)
        return TensorType(self.affines([type.shape for type in types]), types[0].dtype)

    @staticmethod
    def _alike(values: Sequence[object]) -> None:
        if any(value != values[0] for value in values):
            raise NotGeneral("the traces at different sizes differ in structure")

    def steps(self, bodies: Sequence[Sequence[Step]]) -> tuple[Step, ...]:
        """Loops nest as deep as the module's own do, so this recursion is short."""
        self._alike([len(body) for body in bodies])
        return tuple(self.step(steps) for steps in zip(*bodies, strict=True))

    def step(self, steps: Sequence[Step]) -> Step:
        updates = [step for step in steps if isinstance(step, Update)]
        loops = [step for step in steps if isinstance(step, TensorLoop)]
        if len(updates) == len(steps):
            self._alike([update.array for update in updates])
            value = self.node([update.value for update in updates])
            if value.type != self._types[updates[0].array]:
                raise NotGeneral(f"{updates[0].array} is not seen to keep its shape")
            return Update(updates[0].array, value)
        if len(loops) != len(steps):
            raise NotGeneral("the traces at different sizes differ in structure")
        self._alike([loop.iv for loop in loops])
        lower, upper = self.affines([lp.lower for lp in loops]), self.affines([lp.upper for lp in loops])
        return TensorLoop(loops[0].iv, lower, upper, self.steps([lp.body for lp in loops]), loops[0].reason)

    def node(self, roots: Sequence[Node]) -> Node:
        """One node for those that stand in the same place; iterative, shared nodes once."""
        stack: list[tuple[tuple[Node, ...], bool]] = [(tuple(roots), False)]
        while stack:
            nodes, expanded = stack.pop()
            key = tuple(id(node) for node in nodes)
            if key in self._made:
                continue
            operations = [node for node in nodes if isinstance(node, Operation)]
            if len(operations) != len(nodes):
                self._made[key] = self.leaf(nodes)
                continue
            self._alike([(op.name, len(op.operands), op.type.dtype) for op in operations])
            below = list(zip(*(op.operands for op in operations), strict=True))
            if not expanded:
                stack.append((nodes, True))
                stack.extend((operands, False) for operands in below)
                continue
            made = [self._made[tuple(id(node) for node in operands)] for operands in below]
            self._made[key] = self.operation(operations, made)
        return self._made[tuple(id(node) for node in roots)]

    def operation(self, operations: Sequence[Operation], operands: Sequence[Node]) -> Node:
        first = operations[0]
        attributes = self.attributes([op.attributes for op in operations])
        try:
            return build(IMPORTED, first.name, operands, attributes)
        except ExaliftError as error:
            raise NotGeneral(f"{first.name} is not seen to hold at all sizes: {error}") from error

    def leaf(self, nodes: Sequence[Node]) -> Node:
        first = nodes[0]
        self._alike([(node.type.dtype, node.type.rank) for node in nodes])
        if isinstance(first, ArrayValue):
            self._alike([node.name if isinstance(node, ArrayValue) else "" for node in nodes])
            return ArrayValue(first.name, self._types[first.name])
        constants = [node.value for node in nodes if isinstance(node, ConstantValue)]
        if len(constants) == len(nodes):
            return self.constant(constants, first)
        indices = [_index(node) for node in nodes]
        found = [index for index in indices if index is not None]
        if len(found) != len(nodes):
            raise NotGeneral("the traces at different sizes differ in structure")
        return IndexScalar(self.affine(found), first.type)

    def constant(self, values: Sequence[object], first: Node) -> Node:
        """A constant that is the same everywhere stays, except that one alone may stand for a size."""
        alone = len(self.instances) == 1
        if all(value == values[0] or value is values[0] for value in values) and not (alone and self.data):
            return first
        numbers = [
            int(v) for v in values if isinstance(v, int | Fraction) and v == int(v) and abs(v) < _EXACT
        ]
        if len(numbers) != len(values) or first.type.dtype is DType.I1:
            if all(value == values[0] or value is values[0] for value in values):
                return first
            raise NotGeneral("constants differ in a way that no size explains")
        index = self.number(numbers)
        if index.is_constant:
            return first
        if first.type.dtype.is_integer:
            return IndexScalar(index, first.type)
        scalar = IndexScalar(index, TensorType((), DType.I64))
        return build(IMPORTED, "stablehlo.convert", (scalar,), (("dtype", str(first.type.dtype)),))

    def attributes(self, several: Sequence[Attributes]) -> Attributes:
        self._alike([[name for name, _ in attributes] for attributes in several])
        made: list[tuple[str, AttributeValue]] = []
        for values in zip(*several, strict=True):
            name, concrete = values[0]
            known = self.known_shape(concrete) if name == "shape" and len(several) == 1 else None
            made.append((name, known or self.attribute([value for _, value in values])))
        return tuple(made)

    def known_shape(self, concrete: AttributeValue) -> tuple[Affine, ...] | None:
        """The shape of an array that has these extents: its numbers are not told apart by their values."""
        sizes = self.instances[0].sizes
        for shape in self.shapes.values():
            if shape and tuple(Affine.of(extent.at(sizes)) for extent in shape) == concrete:
                return shape
        return None

    def attribute(self, values: Sequence[AttributeValue]) -> AttributeValue:
        """Attributes nest two deep at most (pairs of paddings)."""
        affines = [value for value in values if isinstance(value, Affine)]
        tuples = [value for value in values if isinstance(value, tuple)]
        if len(affines) == len(values):
            return self.affine(affines)
        if len(tuples) == len(values):
            self._alike([len(value) for value in tuples])
            return tuple(self.attribute(items) for items in zip(*tuples, strict=True))
        self._alike(values)
        return values[0]

    def affines(self, several: Sequence[Sequence[Affine]]) -> tuple[Affine, ...]:
        self._alike([len(values) for values in several])
        return tuple(self.affine(values) for values in zip(*several, strict=True))

    def affine(self, values: Sequence[Affine]) -> Affine:
        """Coefficients of counters and axes must agree; constants may be expressions in sizes."""
        self._alike([[coefficient for _, coefficient in value.terms] for value in values])
        total = self.number([value.constant for value in values])
        for terms in zip(*(value.terms for value in values), strict=True):
            atoms = [atom for atom, _ in terms]
            coefficient = terms[0][1]
            divisions = [atom for atom in atoms if isinstance(atom, FloorDiv)]
            if divisions:
                if len(divisions) != len(atoms):
                    raise NotGeneral("the traces at different sizes differ in structure")
                self._alike([atom.denominator for atom in divisions])
                inner = self.affine([atom.numerator for atom in divisions])
                total = total + (inner // divisions[0].denominator) * coefficient
            else:
                self._alike(atoms)
                total = total + Affine(((atoms[0], 1),)) * coefficient
        return total

    def number(self, values: Sequence[int]) -> Affine:
        key = tuple(values)
        if key not in self._numbers:
            self._numbers[key] = self._one(key) if len(key) == 1 else self._several(key)
        return self._numbers[key]

    def _one(self, values: tuple[int, ...]) -> Affine:
        """A number by its value: a size, an extent of an array, a multiple, or a little more or less.

        Small numbers stay.
        """
        (value,) = values
        if abs(value) < SMALL:
            return Affine.of(value)
        sizes = self.instances[0].sizes
        best: tuple[int, Affine] | None = None
        for affine, penalty in self._likely():
            distance = value - affine.at(sizes)
            rank = abs(distance) + penalty
            if abs(distance) <= self.near and (best is None or rank < best[0]):
                best = (rank, affine + distance)
        return Affine.of(value) if best is None else best[1]

    def _likely(self) -> list[tuple[Affine, int]]:
        """What numbers of one module alone may be, likely ones first.

        The second number says how much closer it must come than others: 7 is 9 - 2 rather than 2 * 3 + 1.
        """
        if not self._candidates:
            symbols = [Affine.symbol(name) for name in self.names]
            extents = [extent for shape in self.shapes.values() for extent in shape if not extent.is_constant]
            multiples = [symbol * factor for factor in _FACTORS for symbol in symbols]
            found = dict.fromkeys((*symbols, *extents), 0)
            found |= {affine: _UNLIKELY for affine in multiples if affine not in found}
            found |= {affine * -1: penalty for affine, penalty in found.items()}
            self._candidates = list(found.items())
        return self._candidates

    def _several(self, values: tuple[int, ...]) -> Affine:
        if len(set(values)) == 1:
            return Affine.of(values[0])
        rows = [instance.sizes for instance in self.instances]
        for affine in self._simple():
            offsets = {value - affine.at(sizes) for value, sizes in zip(values, rows, strict=True)}
            if len(offsets) == 1:
                return affine + offsets.pop()
        solved = _solve(self.names, rows, values)
        if solved is None:
            raise NotGeneral("a number is no affine expression of the sizes")
        return solved

    def _simple(self) -> list[Affine]:
        symbols = [Affine.symbol(name) for name in self.names]
        found = [*symbols, *(symbol * -1 for symbol in symbols)]
        found += [
            sign * (symbol + k) // d
            for symbol in symbols
            for d in _DIVISORS
            for k in range(-d, d)
            for sign in (1,)
        ]
        found += [a + b for a, b in combinations(symbols, 2)]
        found += [a - b for a in symbols for b in symbols if a != b]
        return found


def _index(node: Node) -> Affine | None:
    match node:
        case IndexScalar(index):
            return index
        case ConstantValue(value) if isinstance(value, int) and not isinstance(value, bool):
            return Affine.of(value)
        case _:
            return None


def _solve(names: Sequence[str], rows: Sequence[Sizes], values: Sequence[int]) -> Affine | None:
    """The affine expression with integer coefficients that has these values, where one is determined.

    Gaussian elimination over the rationals; sizes that the rows do not tell apart get the coefficient 0.
    """
    matrix = [
        [*(Fraction(row[name]) for name in names), Fraction(1), Fraction(value)]
        for row, value in zip(rows, values, strict=True)
    ]
    columns = len(names) + 1
    pivots: list[int] = []
    for column in (len(names), *range(len(names))):
        at = len(pivots)
        pivot = next((r for r in range(at, len(matrix)) if matrix[r][column]), None)
        if pivot is None:
            continue
        matrix[at], matrix[pivot] = matrix[pivot], matrix[at]
        matrix[at] = [value / matrix[at][column] for value in matrix[at]]
        for r, row in enumerate(matrix):
            if r != at and row[column]:
                matrix[r] = [a - row[column] * b for a, b in zip(row, matrix[at], strict=True)]
        pivots.append(column)
    if any(row[columns] and not any(row[:columns]) for row in matrix):
        return None
    found = {column: matrix[r][columns] for r, column in enumerate(pivots)}
    if any(value.denominator != 1 for value in found.values()):
        return None
    total = Affine.of(int(found.get(len(names), Fraction(0))))
    for position, name in enumerate(names):
        total = total + Affine.symbol(name) * int(found.get(position, Fraction(0)))
    return total
