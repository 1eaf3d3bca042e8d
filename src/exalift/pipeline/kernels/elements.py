"""One element of a tensor value, as statements of a work-item and an expression.

A node is computed by the formula of its op, with its operands' elements in the place of loads: what is
element-wise fuses on its own, and a reduction becomes a loop around an accumulator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import assert_never

from exalift import affine
from exalift.affine import FUNCTIONS
from exalift.base import DType, UsageError
from exalift.capsule.kernels import (
    DTYPES,
    Apply,
    Assign,
    Constraint,
    Convert,
    Declare,
    Expression,
    For,
    Holds,
    If,
    Index,
    IndexValue,
    Literal,
    Load,
    Range,
    Register,
    Statement,
    Yield,
)
from exalift.capsule.kernels.bounds import Scope, bounded, extent_of
from exalift.dialects import ArrayValue, ConstantValue, IndexScalar, Node, Operation

from .folding import always, fold, never, pruned
from .materialization import Formulas

TILE = 64
"""Steps of a long reduction between two yield points."""

_MOST_MASKS = 4

_TRUTH = {"add": "or", "maximum": "or", "multiply": "and", "minimum": "and"}


_Key = tuple[Node, tuple[Index, ...], Scope]


@dataclass(slots=True)
class Block:
    """Statements being written, and the elements that are known in them: by node, subscripts, and what was
    assumed of these."""

    statements: list[Statement] = field(default_factory=list[Statement])
    known: dict[_Key, Expression] = field(default_factory=dict[_Key, Expression])


@dataclass(frozen=True, slots=True)
class Place:
    """Where an element is computed.

    real: variables and conditions around, by which subscripts are proved to be in bounds.
    assumed: these, and the conditions under which the value is used; elsewhere it may be anything.
    """

    real: Scope
    assumed: Scope
    outermost: bool = True

    def inside(self, range: Range) -> Place:
        uniform = all(n in self.real.uniform for b in (*range.lower, *range.upper) for n in b.names)
        return Place(self.real.inside(range, uniform), self.assumed.inside(range, uniform), False)

    def under(self, constraints: tuple[Constraint, ...]) -> Place:
        """Inside of an `if`."""
        return Place(self.real.where(constraints), self.assumed.where(constraints), False)

    def assuming(self, constraints: tuple[Constraint, ...]) -> Place:
        return Place(self.real, self.assumed.where(constraints), self.outermost)


@dataclass(slots=True)
class Elements:
    """Writes elements of one nest.

    counters: the variables of the loops around, by the names that the program gives them. buffers: where
    nodes that are in memory are. name: gives a new name that begins so. shared: nodes with several uses,
    whose elements are kept in registers.
    """

    formulas: Formulas
    counters: Mapping[str, str]
    buffers: Mapping[Node, str]
    name: Callable[[str], str]
    shared: frozenset[Node]
    blocks: list[Block] = field(default_factory=lambda: [Block()])

    @property
    def sizes(self) -> Mapping[str, int]:
        return self.formulas.sizes

    def index(self, expression: affine.Affine, axes: Mapping[str, Index]) -> Index:
        """An affine expression with sizes put in, and axes renamed."""
        result = Index((), expression.constant)
        for atom, coefficient in expression.terms:
            match atom:
                case str():
                    piece = axes[atom] if atom in axes else self._symbol(atom)
                case affine.FloorDiv(numerator, denominator):
                    piece = self.index(numerator, axes) // denominator
            result = result + piece * coefficient
        return result

    def _symbol(self, name: str) -> Index:
        return Index((), self.sizes[name]) if name in self.sizes else Index.of(self.counters[name])

    # Nodes. The recursion is over the depth of the DAG, which `element` of operands brings.

    def element(self, node: Node, indices: tuple[Index, ...], place: Place) -> Expression:
        """The element of a node at subscripts; statements go to the block that is being written."""
        dtype = node.type.dtype
        if dtype not in DTYPES:
            raise UsageError(f"kernels have no {dtype}")
        if node in self.buffers:
            return self._load(self.buffers[node], node, indices, place)
        match node:
            case ConstantValue(value):
                return literal(value, dtype)
            case IndexScalar(index):
                return IndexValue(self.index(index, {}), dtype)
            case ArrayValue(name):
                raise UsageError(f"there is no buffer for {name}")
            case Operation():
                return self._operation(node, indices, place)
            case _:
                assert_never(node)

    def _operation(self, node: Operation, indices: tuple[Index, ...], place: Place) -> Expression:
        key = (node, indices, place.assumed)
        for block in reversed(self.blocks):
            if key in block.known:
                return block.known[key]
        formula = self.formulas.of(node)
        axes = {axis.name: index for axis, index in zip(formula.axes, indices, strict=True)}
        value = self._formula(formula.body, axes, node.operands, place)
        if node in self.shared and isinstance(value, Apply | Convert):
            name = self.name("x")
            self.blocks[-1].statements.append(Declare(name, value.dtype, value))
            value = Register(name, value.dtype)
            self.blocks[-1].known[key] = value
        return value

    def _load(self, buffer: str, node: Node, indices: tuple[Index, ...], place: Place) -> Load:
        shape = node.type.at(self.sizes)
        inside = all(
            place.real.least(index) >= 0 and place.real.most(index) < extent
            for index, extent in zip(indices, shape, strict=True)
        )
        return Load(buffer, indices, node.type.dtype, checked=not inside)

    def _operand(self, operand: Node, indices: tuple[Index, ...], place: Place) -> Expression:
        """As `element`, but 0 out of bounds, which is what formulas say."""
        shape = operand.type.at(self.sizes)
        missing: list[Constraint] = []
        for index, extent in zip(indices, shape, strict=True):
            if place.assumed.least(index) < 0:
                missing.append(Constraint(index))
            if place.assumed.most(index) >= extent:
                missing.append(Constraint(-index + (extent - 1)))
        if not missing or operand in self.buffers:
            return self.element(operand, indices, place)
        value = self.element(operand, indices, place.assuming(tuple(missing)))
        zero = literal(0, value.dtype)
        return Apply("select", (Holds(tuple(missing)), value, zero), value.dtype)

    # Formulas. The recursion is over their depth, which is small.

    def _formula(
        self, body: affine.Expression, axes: Mapping[str, Index], operands: Sequence[Node], place: Place
    ) -> Expression:
        def value(expression: affine.Expression, here: Place = place) -> Expression:
            return self._formula(expression, axes, operands, here)

        match body:
            case affine.Constant(number, dtype):
                return literal(number, dtype)
            case affine.IndexValue(index, dtype):
                return IndexValue(self.index(index, axes), dtype)
            case affine.GuardValue(guard):
                return self._guard(guard, axes)
            case affine.Load(array, indices):
                places = tuple(self.index(index, axes) for index in indices)
                return self._operand(operands[int(array)], places, place)
            case affine.Apply("select", (affine.GuardValue(guard), _, _)):
                return self._choice(body, guard, axes, operands, place)
            case affine.Apply(function, inner, dtype):
                made = tuple(value(operand) for operand in inner)
                if inner[-1].dtype is DType.I1:
                    function = _TRUTH.get(function, function)
                return fold(function, made, dtype, place.assumed)
            case affine.Cast(operand, dtype):
                made_operand = value(operand)
                return made_operand if made_operand.dtype is dtype else Convert(made_operand, dtype)
            case affine.Reduce():
                return self._reduce(body, axes, operands, place)
            case _:
                assert_never(body)

    def _constraints(
        self, conjunction: Sequence[affine.Constraint], axes: Mapping[str, Index]
    ) -> tuple[Constraint, ...]:
        return tuple(Constraint(self.index(c.expression, axes), c.equality) for c in conjunction)

    def _guard(self, guard: affine.Guard, axes: Mapping[str, Index]) -> Expression:
        parts: list[Expression] = [Holds(self._constraints(d, axes)) for d in guard.disjuncts]
        if not parts:
            return Literal(False, DType.I1)
        result = parts[0]
        for part in parts[1:]:
            result = Apply("or", (result, part), DType.I1)
        return result

    def _choice(
        self,
        body: affine.Apply,
        guard: affine.Guard,
        axes: Mapping[str, Index],
        operands: Sequence[Node],
        place: Place,
    ) -> Expression:
        """A choice by position. What takes loops to compute is computed where it is chosen, if that can be
        said by one `if`."""
        _, first, second = body.operands
        if len(guard.disjuncts) != 1:
            made = tuple(self._formula(part, axes, operands, place) for part in (first, second))
            return Apply("select", (self._guard(guard, axes), *made), body.dtype)
        constraints = self._constraints(guard.disjuncts[0], axes)
        if all(always(constraint, place.assumed) for constraint in constraints):
            return self._formula(first, axes, operands, place)
        if any(never(constraint, place.assumed) for constraint in constraints):
            return self._formula(second, axes, operands, place)
        # Tried first as an expression; the statements that it took tell whether to use an `if`.
        self.blocks.append(Block())
        chosen = self._formula(first, axes, operands, place.under(constraints))
        block = self.blocks.pop()
        if not block.statements:
            chosen = self._formula(first, axes, operands, place.assuming(constraints))
            other = self._formula(second, axes, operands, place)
            return Apply("select", (Holds(constraints), chosen, other), body.dtype)
        other = self._formula(second, axes, operands, place)
        name = self.name("x")
        inner = (*block.statements, Assign(name, chosen))
        self.blocks[-1].statements += [Declare(name, body.dtype, other), If(constraints, inner)]
        return Register(name, body.dtype)

    def _reduce(
        self, reduce: affine.Reduce, axes: Mapping[str, Index], operands: Sequence[Node], place: Place
    ) -> Expression:
        dtype = reduce.dtype
        function = _TRUTH.get(reduce.function, reduce.function) if dtype is DType.I1 else reduce.function
        inside = dict(axes)
        ranges: list[Range] = []
        for axis in reduce.axes:
            name = self.name("r")
            inside[axis.name] = Index.of(name)
            ranges.append(Range(name, (Index(),), (self.index(axis.extent, axes),)))
        guards = [self._constraints(d, inside) for d in reduce.guard.disjuncts]
        neutral = identity(reduce.function, dtype)
        wanted: tuple[Constraint, ...] = guards[0] if len(guards) == 1 else ()
        # Written again where the value turns out to be the neutral one outside of some part.
        attempts = 0
        while True:
            made, rest = _narrowed(ranges, wanted)
            inner = place
            loops: list[Range] = []
            for one in made:
                loops.append(pruned(one, inner.real))
                inner = inner.inside(loops[-1])
            if rest:
                inner = inner.under(rest)
            self.blocks.append(Block())
            value = self._formula(reduce.body, inside, operands, inner)
            if len(guards) != 1:
                choice = (self._guard(reduce.guard, inside), value, neutral)
                value = fold("select", choice, dtype, inner.assumed)
            body: list[Statement] = self.blocks.pop().statements
            mask = _mask(value, neutral)
            attempts += 1
            if not set(mask) - set(wanted) or attempts == _MOST_MASKS:
                break
            wanted = tuple(dict.fromkeys((*wanted, *mask)))
        accumulator = self.name("sum")
        register = Register(accumulator, dtype)
        body.append(Assign(accumulator, Apply(function, (register, value), dtype)))
        if rest:
            body = [If(rest, tuple(body))]
        statements = self.blocks[-1].statements
        statements.append(Declare(accumulator, dtype, neutral))
        statements += self._loops(loops, tuple(body), place)
        return register

    def _loops(self, ranges: list[Range], body: tuple[Statement, ...], place: Place) -> tuple[Statement, ...]:
        """Loops around a body, with yields in the outermost one where that is long."""
        for position in reversed(range(1, len(ranges))):
            body = (For(ranges[position], body),)
        if not ranges:
            return body
        outer = ranges[0]
        names = {name for bound in (*outer.lower, *outer.upper) for name in bound.names}
        steps = _most_steps([outer], place.real)
        within = _most_steps(ranges[1:], place.real.inside(outer, uniform=False))
        if not place.outermost or not names <= place.real.uniform or steps * within < 4 * TILE or steps < 2:
            return (For(outer, body),)
        if within >= TILE:
            return (For(outer, (*body, Yield())),)
        tile = TILE // max(1, within)
        if len(outer.lower) != 1:
            return (For(outer, body),)
        start = outer.lower[0]
        tiles = self.name("t")
        count = tuple((bound - start + (tile - 1)) // tile for bound in outer.upper)
        low = start + Index.of(tiles) * tile
        part = Range(outer.name, (low,), (low + tile, *outer.upper))
        return (For(Range(tiles, (Index(),), count), (For(part, body), Yield())),)


def _mask(value: Expression, neutral: Literal) -> tuple[Constraint, ...]:
    """The constraints outside of which a value is the neutral one."""
    match value:
        case Apply("select", (Holds(mask), _, other)) if other == neutral:
            return mask
        case _:
            return ()


def _narrowed(
    ranges: list[Range], constraints: tuple[Constraint, ...]
) -> tuple[list[Range], tuple[Constraint, ...]]:
    """Constraints on the innermost variable that they name become its bounds, where they can."""
    made = list(ranges)
    rest: list[Constraint] = []
    order = {range.name: position for position, range in enumerate(ranges)}
    for constraint in constraints:
        named = [order[name] for name in constraint.index.names if name in order]
        parts = (constraint.index, -constraint.index) if constraint.equality else (constraint.index,)
        position = max(named, default=-1)
        narrowed = None
        if position >= 0:
            narrowed = made[position]
            for part in parts:
                narrowed = bounded(narrowed, part) if narrowed is not None else None
        if narrowed is None:
            rest.append(constraint)
        else:
            made[position] = narrowed
    return made, tuple(rest)


def _most_steps(ranges: Sequence[Range], scope: Scope) -> int:
    steps = 1
    for range in ranges:
        steps *= extent_of(range, scope)
        scope = scope.inside(range, uniform=False)
    return steps


def literal(value: int | bool | float | Fraction, dtype: DType) -> Literal:
    if dtype is DType.I1:
        return Literal(bool(value), dtype)
    if dtype.is_float:
        return Literal(float(value), dtype)
    low = int(value) & ((1 << dtype.bits) - 1)
    return Literal(low - (1 << dtype.bits) if dtype.is_signed and low >> (dtype.bits - 1) else low, dtype)


def identity(function: str, dtype: DType) -> Literal:
    """What a reduction by the function starts with."""
    kind = FUNCTIONS[function].identity
    if dtype is DType.I1:
        return Literal(kind in ("one", "highest", "ones"), dtype)
    low = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
    match kind:
        case "zero":
            return literal(0, dtype)
        case "one":
            return literal(1, dtype)
        case "lowest":
            return Literal(float("-inf") if dtype.is_float else low, dtype)
        case "highest":
            return Literal(float("inf") if dtype.is_float else low + (1 << dtype.bits) - 1, dtype)
        case _:
            return literal(-1, dtype)
