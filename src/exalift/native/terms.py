"""Scalar terms, interned: equal terms are one object, so that DAGs stay DAGs and walks compare by identity.

The terms are `exalift.affine`'s expressions. A pool makes them, and simplifies what masks leave behind:

    compare(iota, k) -> a condition on indices        select(condition that holds, a, b) -> a
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import assert_never

from exalift.affine import (
    ALWAYS,
    NEVER,
    Affine,
    Apply,
    Axis,
    Cast,
    Constant,
    Constraint,
    Expression,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
    children,
)
from exalift.base import DType

_DISJUNCTS = 4
"""The most alternatives that a condition built from masks may have."""

_COMPARISONS = frozenset({"compare_lt", "compare_le", "compare_gt", "compare_ge", "compare_eq", "compare_ne"})
# Types in which an index is itself; sizes are far below what they hold.
_WIDE = frozenset({DType.I32, DType.I64, DType.F64})


def postorder(root: Expression) -> tuple[Expression, ...]:
    """Every term once, operands before users, those under reductions included; iterative."""
    seen: dict[int, Expression] = {}
    stack: list[tuple[Expression, bool]] = [(root, False)]
    while stack:
        term, expanded = stack.pop()
        if id(term) in seen:
            continue
        below = children(term)
        if expanded or not below:
            seen[id(term)] = term
        else:
            stack.append((term, True))
            stack.extend((operand, False) for operand in reversed(below))
    return tuple(seen.values())


def same_scope(root: Expression) -> tuple[Expression, ...]:
    """As `postorder`, but what is under a reduction is left out (the reduction itself is there)."""
    seen: dict[int, Expression] = {}
    stack: list[tuple[Expression, bool]] = [(root, False)]
    while stack:
        term, expanded = stack.pop()
        if id(term) in seen:
            continue
        below = () if isinstance(term, Reduce) else children(term)
        if expanded or not below:
            seen[id(term)] = term
        else:
            stack.append((term, True))
            stack.extend((operand, False) for operand in reversed(below))
    return tuple(seen.values())


@dataclass(slots=True)
class Pool:
    """Makes terms. Terms of one pool that are equal are identical."""

    _table: dict[Hashable, Expression] = field(default_factory=dict[Hashable, Expression])
    _names: dict[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])
    _axes: int = 0

    def fresh_axis(self, extent: int, hint: str = "k") -> Axis:
        self._axes += 1
        return Axis(f"{hint}'{self._axes}", Affine.of(extent))

    def _intern(self, key: Hashable, made: Expression) -> Expression:
        return self._table.setdefault(key, made)

    def constant(self, value: int | bool | float | Fraction, dtype: DType) -> Expression:
        # The key tells -0.0 from 0.0, and one NaN from another number.
        return self._intern(("constant", type(value).__name__, str(value), dtype), Constant(value, dtype))

    def nothing(self, dtype: DType) -> Expression:
        """The zero that a mask leaves: it contributes nothing to a product or a sum, whatever the rest is."""
        return self._intern(("nothing", dtype), Constant(0, dtype))

    def is_nothing(self, term: Expression) -> bool:
        return isinstance(term, Constant) and term is self._table.get(("nothing", term.dtype))

    def index(self, index: Affine, dtype: DType) -> Expression:
        return self._intern(("index", index, dtype), IndexValue(index, dtype))

    def test(self, guard: Guard) -> Expression:
        guard = _folded(guard)
        if guard.is_always or not guard.disjuncts:
            return self.constant(guard.is_always, DType.I1)
        return self._intern(("test", guard), GuardValue(guard))

    def load(self, array: str, indices: tuple[Affine, ...], dtype: DType) -> Expression:
        return self._intern(("load", array, indices), Load(array, indices, dtype))

    def cast(self, operand: Expression, dtype: DType) -> Expression:
        match operand:
            case _ if operand.dtype is dtype:
                return operand
            case IndexValue(index, source) if source in _WIDE and dtype in _WIDE:
                return self.index(index, dtype)
            case Constant(value, source) if source in _WIDE and dtype in _WIDE and float(value).is_integer():
                if self.is_nothing(operand):
                    return self.nothing(dtype)
                return (
                    self.constant(int(value), dtype) if abs(value) < 1 << 31 else self._cast(operand, dtype)
                )
            case GuardValue() if dtype is not DType.I1:
                return self.apply(
                    "select", (operand, self.constant(1, dtype), self.constant(0, dtype)), dtype
                )
            case _:
                return self._cast(operand, dtype)

    def _cast(self, operand: Expression, dtype: DType) -> Expression:
        return self._intern(("cast", id(operand), dtype), Cast(operand, dtype))

    def apply(self, function: str, operands: tuple[Expression, ...], dtype: DType) -> Expression:
        simpler = self._simpler(function, operands, dtype)
        if simpler is not None:
            return simpler
        key = ("apply", function, tuple(id(operand) for operand in operands), dtype)
        return self._intern(key, Apply(function, operands, dtype))

    def _simpler(self, function: str, operands: tuple[Expression, ...], dtype: DType) -> Expression | None:
        if function in _COMPARISONS:
            return self._comparison(function, *operands)
        if function == "select":
            return self._select(*operands)
        if function in ("and", "or", "not") and dtype is DType.I1:
            return self._logic(function, operands)
        empty = [self.is_nothing(operand) for operand in operands]
        match function:
            case "multiply" if any(empty):
                return self.nothing(dtype)
            case "add" if any(empty):
                return operands[1] if empty[0] else operands[0]
            case "subtract" if empty[1]:
                return operands[0]
            case "subtract" if empty[0]:
                return self.apply("negate", operands[1:], dtype)
            case "negate" if empty[0]:
                return operands[0]
            case _:
                return None

    def _comparison(self, function: str, left: Expression, right: Expression) -> Expression | None:
        first, second = _as_index(left), _as_index(right)
        if first is None or second is None:
            return None
        gap = second - first
        match function:
            case "compare_lt":
                guard = Guard.of(Constraint(gap - 1))
            case "compare_le":
                guard = Guard.of(Constraint(gap))
            case "compare_gt":
                guard = Guard.of(Constraint(-gap - 1))
            case "compare_ge":
                guard = Guard.of(Constraint(-gap))
            case "compare_eq":
                guard = Guard.of(Constraint(gap, equality=True))
            case _:
                guard = ~Guard.of(Constraint(gap, equality=True))
        return self.test(guard)

    def _logic(self, function: str, operands: tuple[Expression, ...]) -> Expression | None:
        guards = [_as_guard(operand) for operand in operands]
        known = [guard for guard in guards if guard is not None]
        if len(known) < len(guards):
            return None
        if function == "not":
            joined = ~known[0]
        else:
            joined = known[0] & known[1] if function == "and" else known[0] | known[1]
        return self.test(joined) if len(joined.disjuncts) <= _DISJUNCTS else None

    def _select(self, condition: Expression, yes: Expression, no: Expression) -> Expression | None:
        if yes is no:
            return yes
        guard = _as_guard(condition)
        if guard is None or (guard.disjuncts and not guard.is_always):
            return None
        chosen, masked = (yes, False) if guard.is_always else (no, True)
        return self.nothing(chosen.dtype) if masked and _is_zero(chosen) else chosen

    def reduce(
        self, function: str, axes: tuple[Axis, ...], body: Expression, dtype: DType, guard: Guard = ALWAYS
    ) -> Expression:
        guard = _folded(guard)
        if self.is_nothing(body) and function == "add":
            return body
        key = ("reduce", function, axes, id(body), guard, dtype)
        return self._intern(key, Reduce(function, axes, body, dtype, guard))

    def names(self, term: Expression) -> frozenset[str]:
        """The free symbols: axes, induction variables."""
        known = self._names.get(id(term))
        if known is None:
            for below in postorder(term):
                if id(below) not in self._names:
                    self._names[id(below)] = self._free(below)
            known = self._names[id(term)]
        return known

    def _free(self, term: Expression) -> frozenset[str]:
        match term:
            case IndexValue(index):
                return index.names
            case GuardValue(guard):
                return guard.names
            case Load(_, indices):
                return frozenset[str]().union(*(index.names for index in indices))
            case Reduce(_, axes, body, _, guard):
                return (self._names[id(body)] | guard.names) - {axis.name for axis in axes}
            case _:
                return frozenset[str]().union(*(self._names[id(below)] for below in children(term)))

    def with_children(self, term: Expression, below: tuple[Expression, ...]) -> Expression:
        """The term over other operands, simplified anew."""
        match term:
            case Apply(function, _, dtype):
                return self.apply(function, below, dtype)
            case Cast(_, dtype):
                return self.cast(below[0], dtype)
            case Reduce(function, axes, _, dtype, guard):
                return self.reduce(function, axes, below[0], dtype, guard)
            case Constant() | IndexValue() | GuardValue() | Load():
                return term
            case _:
                assert_never(term)

    def substitute(self, root: Expression, mapping: Mapping[str, Affine]) -> Expression:
        """Free symbols replaced. Bound axes have names of their own, so nothing is captured."""
        moved = frozenset(mapping)
        done: dict[int, Expression] = {}
        for term in postorder(root):
            if not self.names(term) & moved:
                done[id(term)] = term
                continue
            below = tuple(done[id(operand)] for operand in children(term))
            match term:
                case IndexValue(index, dtype):
                    made = self.index(index.substitute(mapping), dtype)
                case GuardValue(guard):
                    made = self.test(guard.substitute(mapping))
                case Load(array, indices, dtype):
                    made = self.load(array, tuple(i.substitute(mapping) for i in indices), dtype)
                case Reduce(function, axes, _, dtype, guard):
                    made = self.reduce(function, axes, below[0], dtype, guard.substitute(mapping))
                case _:
                    made = self.with_children(term, below)
            done[id(term)] = made
        return done[id(root)]

    def rewrite(self, root: Expression, replaced: Mapping[int, Expression]) -> Expression:
        """Some terms, by identity, replaced by others."""
        done: dict[int, Expression] = {}
        for term in postorder(root):
            if id(term) in replaced:
                done[id(term)] = replaced[id(term)]
                continue
            below = tuple(done[id(operand)] for operand in children(term))
            same = all(new is old for new, old in zip(below, children(term), strict=True))
            done[id(term)] = term if same else self.with_children(term, below)
        return done[id(root)]


def _as_index(term: Expression) -> Affine | None:
    match term:
        case IndexValue(index, dtype) if dtype in _WIDE:
            return index
        case Constant(value, dtype) if dtype in _WIDE and float(value).is_integer() and abs(value) < 1 << 31:
            return Affine.of(int(value))
        case _:
            return None


def _as_guard(term: Expression) -> Guard | None:
    match term:
        case GuardValue(guard):
            return guard
        case Constant(value, DType.I1):
            return ALWAYS if value else NEVER
        case _:
            return None


def _is_zero(term: Expression) -> bool:
    return isinstance(term, Constant) and not isinstance(term.value, float) and term.value == 0


def _folded(guard: Guard) -> Guard:
    """Constraints without symbols decided; equal conjunctions once."""
    kept: list[tuple[Constraint, ...]] = []
    for conjunction in guard.disjuncts:
        open_: list[Constraint] = []
        for constraint in conjunction:
            if not constraint.expression.is_constant:
                open_.append(constraint)
            elif not _holds(constraint):
                break
        else:
            kept.append(tuple(dict.fromkeys(open_)))
    return ALWAYS if () in kept else Guard(tuple(dict.fromkeys(kept)))


def _holds(constraint: Constraint) -> bool:
    value = constraint.expression.constant
    return value == 0 if constraint.equality else value >= 0


def arrays_read(terms: Iterable[Expression]) -> frozenset[str]:
    """The arrays that terms load from."""
    return frozenset(t.array for root in terms for t in postorder(root) if isinstance(t, Load))
