"""The value of an update, as few assignments: ops are their formulas, put into each other.

    b = broadcast(x); c = multiply(A, b); d = subtract(A, c)     =>     d[i,j] = A[i,j] - A[i,j] * x[j]

A value is kept in a buffer of its own only where computing it anew at every use would cost more than
writing and reading it, or where the terms would grow too large.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Cast,
    Constant,
    Constraint,
    Expression,
    Formula,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
)
from exalift.base import DType, UsageError
from exalift.dialects import (
    ArrayValue,
    Attributes,
    AttributeValue,
    ConstantValue,
    Dialect,
    IndexScalar,
    Node,
    Operation,
    TensorType,
    postorder,
)

from . import terms
from .inequalities import implied, within
from .masks import WINDOW
from .program import Assignment, Buffer, box, extent_of
from .terms import Pool

# What one element of a function costs, in additions of a vector; anything else is 1, moving data 0.
_COSTS = {"divide": 8, "remainder": 20, "sqrt": 8, "rsqrt": 12, "abs": 1, "negate": 1, "not": 1, "select": 1}
_CHEAP_KINDS = ("compare", "maximum", "minimum", "add", "subtract", "multiply", "and", "or", "xor", "shift")
_CALL = 40
_STORE_AND_LOAD = 8
"""What keeping an element in memory costs, in the same unit."""

_LARGEST = 160
"""A value of more terms than this, used twice, is kept."""


@dataclass(slots=True)
class _Value:
    """What a node means: `term` over `axes`."""

    axes: tuple[Axis, ...]
    term: Expression


@dataclass(slots=True)
class Fuser:
    """Turns values of updates into assignments, at fixed sizes. New buffers are added to `buffers`."""

    dialect: Dialect
    sizes: Mapping[str, int]
    pool: Pool
    buffers: dict[str, Buffer]
    temporaries: set[str] = field(default_factory=set[str])

    def fixed(self, expression: Affine) -> Affine:
        """The expression with sizes put in."""
        names = expression.names & set(self.sizes)
        return expression.substitute({n: Affine.of(self.sizes[n]) for n in names}) if names else expression

    def shape(self, type: TensorType) -> tuple[int, ...]:
        """As in formulas, a negative extent counts as 0."""
        return tuple(max(0, self.fixed(extent).constant) for extent in type.shape)

    def assignments(
        self, array: str, root: Node, context: Sequence[Constraint], lines: tuple[int, int]
    ) -> tuple[Assignment, ...]:
        """What computes `root` into `array`, temporaries first. `context` is known of the loops around."""
        order = postorder(root)
        formulas: dict[Node, Formula] = {
            node: self._formula(node) for node in order if isinstance(node, Operation)
        }
        kept = _kept(order, formulas, root)
        values: dict[Node, _Value] = {}
        made: list[Assignment] = []
        for node in order:
            value = self._value(node, values, formulas, context)
            large = len(terms.postorder(value.term)) > _LARGEST and node is not root
            if node in kept or large:
                name = self.temporary(self.shape(node.type), node.type.dtype)
                made.append(self._assign(name, value, lines))
                symbols = tuple(Affine.symbol(axis.name) for axis in value.axes)
                value = _Value(value.axes, self.pool.load(name, symbols, node.type.dtype))
            values[node] = value
        made.append(self._assign(array, values[root], lines))
        return tuple(made)

    def temporary(self, shape: tuple[int, ...], dtype: DType) -> str:
        name = f"%{len(self.temporaries)}"
        self.temporaries.add(name)
        self.buffers[name] = Buffer(name, shape, dtype)
        return name

    def _assign(self, array: str, value: _Value, lines: tuple[int, int]) -> Assignment:
        # Every assignment has axes of its own: they meet in dependence tests.
        axes = tuple(self.pool.fresh_axis(extent_of(axis), "i") for axis in value.axes)
        symbols = tuple(Affine.symbol(axis.name) for axis in axes)
        mapping = dict(zip((axis.name for axis in value.axes), symbols, strict=True))
        return Assignment(array, axes, symbols, self.pool.substitute(value.term, mapping), (), lines)

    def _formula(self, node: Operation) -> Formula:
        definition = self.dialect.by_name.get(node.name)
        if definition is None or definition.formula is None:
            missing = "does not define" if definition is None else "has no formula for"
            raise UsageError(f"the dialect {self.dialect.name} {missing} {node.name}")
        types = [self._fixed_type(operand.type) for operand in node.operands]
        attributes: Attributes = tuple((name, self._fixed_value(value)) for name, value in node.attributes)
        return definition.formula(types, attributes, self._fixed_type(node.type))

    def _fixed_type(self, type: TensorType) -> TensorType:
        return TensorType(tuple(self.fixed(extent) for extent in type.shape), type.dtype)

    def _fixed_value(self, value: AttributeValue) -> AttributeValue:
        """An attribute at the sizes. Attributes nest two deep at most (pairs of paddings)."""
        match value:
            case Affine():
                return self.fixed(value)
            case tuple():
                return tuple(self._fixed_value(item) for item in value)
            case _:
                return value

    def _value(
        self,
        node: Node,
        values: Mapping[Node, _Value],
        formulas: Mapping[Node, Formula],
        context: Sequence[Constraint],
    ) -> _Value:
        match node:
            case ArrayValue(name, type):
                axes = tuple(self.pool.fresh_axis(extent) for extent in self.shape(type))
                symbols = tuple(Affine.symbol(axis.name) for axis in axes)
                return _Value(axes, self.pool.load(name, symbols, type.dtype))
            case ConstantValue(value, type):
                return _Value((), self.pool.constant(value, type.dtype))
            case IndexScalar(index, type):
                return _Value((), self.pool.index(self.fixed(index), type.dtype))
            case Operation(operands=operands):
                below = [values[operand] for operand in operands]
                return _Inliner(self.pool, below, context).value(formulas[node])


@dataclass(slots=True)
class _Inliner:
    """One formula over operands whose values are terms."""

    pool: Pool
    operands: Sequence[_Value]
    context: Sequence[Constraint]

    def value(self, formula: Formula) -> _Value:
        axes = tuple(self.pool.fresh_axis(max(0, axis.extent.constant)) for axis in formula.axes)
        mapping = {a.name: Affine.symbol(b.name) for a, b in zip(formula.axes, axes, strict=True)}
        return _Value(axes, self._build(formula.body, mapping, (*self.context, *box(axes))))

    # Formulas are a few terms deep (they are written by hand, one an op), so recursion is short.
    def _build(
        self, term: Expression, mapping: Mapping[str, Affine], known: tuple[Constraint, ...]
    ) -> Expression:
        pool = self.pool
        match term:
            case Constant(value, dtype):
                return pool.constant(value, dtype)
            case IndexValue(index, dtype):
                return pool.index(index.substitute(mapping), dtype)
            case GuardValue(guard):
                return pool.test(guard.substitute(mapping))
            case Load(array, indices, _):
                return self._operand(int(array), [i.substitute(mapping) for i in indices], known)
            case Apply("select", (GuardValue() as condition, yes, no), _):
                return self._select(condition.guard.substitute(mapping), (yes, no), mapping, known)
            case Apply(function, operands, dtype):
                return pool.apply(function, tuple(self._build(o, mapping, known) for o in operands), dtype)
            case Cast(operand, dtype):
                return pool.cast(self._build(operand, mapping, known), dtype)
            case Reduce():
                return self._reduce(term, mapping, known)

    def _select(
        self,
        guard: Guard,
        branches: tuple[Expression, Expression],
        mapping: Mapping[str, Affine],
        known: tuple[Constraint, ...],
    ) -> Expression:
        sides: list[Expression] = []
        for branch, holds in zip(branches, (guard, ~guard), strict=True):
            more = holds.disjuncts[0] if len(holds.disjuncts) == 1 else ()
            sides.append(self._build(branch, mapping, (*known, *more)))
        return self.pool.apply("select", (self.pool.test(guard), *sides), sides[0].dtype)

    def _reduce(
        self, term: Reduce, mapping: Mapping[str, Affine], known: tuple[Constraint, ...]
    ) -> Expression:
        pool = self.pool
        axes = tuple(pool.fresh_axis(max(0, axis.extent.constant)) for axis in term.axes)
        inner = dict(mapping) | {a.name: Affine.symbol(b.name) for a, b in zip(term.axes, axes, strict=True)}
        guard = term.guard.substitute(inner)
        more = guard.disjuncts[0] if len(guard.disjuncts) == 1 else ()
        body = self._build(term.body, inner, (*known, *box(axes), *more))
        return pool.reduce(term.function, axes, body, term.dtype, guard)

    def _operand(self, position: int, indices: Sequence[Affine], known: tuple[Constraint, ...]) -> Expression:
        """An operand's element; where it is not known to be in bounds, 0 outside."""
        value = self.operands[position]
        mapping = {axis.name: index for axis, index in zip(value.axes, indices, strict=True)}
        term = self.pool.substitute(value.term, mapping)
        missing = [
            constraint
            for axis, index in zip(value.axes, indices, strict=True)
            for constraint in within(index, extent_of(axis))
            if not implied(constraint, known)
        ]
        if not missing:
            return term
        zero = self.pool.constant(0, term.dtype)
        return self.pool.apply("select", (self.pool.test(Guard.of(*missing)), term, zero), term.dtype)


def _cost(term: Expression) -> int:
    """What one term costs at one point, what is below left out."""
    match term:
        case Apply("select", (GuardValue(), _, _)):
            return 0
        case Apply(function):
            known = _COSTS.get(function)
            return known if known is not None else 1 if function.startswith(_CHEAP_KINDS) else _CALL
        case _:
            return 0


def _is_window(term: Reduce) -> bool:
    return prod(max(0, axis.extent.constant) for axis in term.axes) <= WINDOW


@dataclass(slots=True)
class _Use:
    """How a node's formula uses itself and its operands, at one point of it.

    cost: of its own arithmetic. reads: how often each operand is read everywhere, and `partly` where a
    condition on indices chooses it (a window, what is padded). reduces: whether it has a reduction that is
    not a small window.
    """

    cost: int
    reads: list[int]
    partly: list[int]
    reduces: bool


def _use(formula: Formula, operands: int) -> _Use:
    reads, partly = [0] * operands, [0] * operands
    cost, reduces = 0, False
    stack: list[tuple[Expression, int, bool]] = [(formula.body, 1, False)]
    while stack:
        term, times, chosen = stack.pop()
        cost += times * _cost(term)
        match term:
            case Load(array, _, _):
                (partly if chosen else reads)[int(array)] += times
            case Reduce(_, axes, body, _, _):
                points = prod(max(0, axis.extent.constant) for axis in axes)
                reduces |= not _is_window(term)
                cost += times * points
                stack.append((body, times * points, chosen))
            case Apply("select", (GuardValue(), yes, no), _):
                stack += [(yes, times, True), (no, times, True)]
            case Apply(_, below, _):
                stack.extend((operand, times, chosen) for operand in below)
            case Cast(operand, _):
                stack.append((operand, times, chosen))
            case _:
                pass
    return _Use(cost, reads, partly, reduces)


def _of_indices(order: Sequence[Node], uses: Mapping[Node, _Use]) -> frozenset[Node]:
    """The nodes that depend on indices alone: masks and what they are made of."""
    found: set[Node] = set()
    for node in order:
        match node:
            case ArrayValue():
                continue
            case Operation(operands=operands):
                if not uses[node].reduces and all(operand in found for operand in operands):
                    found.add(node)
            case _:
                found.add(node)
    return frozenset(found)


def _is_free(node: Node, indices: frozenset[Node]) -> bool:
    """Whether a node goes into the bounds of loops: a mask, or a choice by one."""
    if node in indices:
        return True
    return isinstance(node, Operation) and node.name == "stablehlo.select" and node.operands[0] in indices


def _elements(node: Node, formulas: Mapping[Node, Formula]) -> int:
    return prod(max(0, axis.extent.constant) for axis in formulas[node].axes) if node in formulas else 1


def _kept(order: Sequence[Node], formulas: Mapping[Node, Formula], root: Node) -> frozenset[Node]:
    """The nodes, the root left out, whose values are worth a buffer."""
    uses: dict[Node, _Use] = {
        node: _use(formulas[node], len(node.operands)) for node in order if isinstance(node, Operation)
    }
    indices = _of_indices(order, uses)
    price: dict[Node, int] = {}
    reducing: dict[Node, bool] = {}
    for node in order:
        use = uses.get(node)
        below = node.operands if isinstance(node, Operation) else ()
        free = use is None or _is_free(node, indices)
        price[node] = (0 if free or use is None else use.cost) + sum(price[operand] for operand in below)
        reducing[node] = bool(use and use.reduces)
    evaluations: dict[Node, int] = dict.fromkeys(order, 0)
    evaluations[root] = _elements(root, formulas)
    kept: set[Node] = set()
    for node in reversed(order):
        if not isinstance(node, Operation):
            continue
        elements = _elements(node, formulas)
        again = evaluations[node] - elements
        if node is not root and again > 0:
            scalar = not formulas[node].axes
            dear = price[node] * again > _STORE_AND_LOAD * max(1, elements)
            if reducing[node] or (dear and not scalar and uses[node].cost and not _is_free(node, indices)):
                kept.add(node)
                evaluations[node] = elements
        for operand, reads, partly in zip(node.operands, uses[node].reads, uses[node].partly, strict=True):
            inside = min(elements, _elements(operand, formulas)) * evaluations[node] // max(1, elements)
            evaluations[operand] += evaluations[node] * reads + inside * partly
    return frozenset(kept)
