"""Accumulations: assignments `T = T op term` that a reduction can stand for.

Order of combination is given up, as the program's reassociation assumption allows for floating
point; for integers every recognised form is exact, because arithmetic wraps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from exalift.base import DType

from .expressions import Apply, Cast, Constant, Expression, Load
from .ir import Assign
from .traversal import loads

_SUMS = ("add", "subtract")
_COMMUTATIVE = ("multiply", "maximum", "minimum", "and", "or", "xor")
_TRUNCATES_WELL = ("add", "subtract", "multiply", "and", "or", "xor")


@dataclass(frozen=True, slots=True)
class Accumulation:
    """`T = cast(cast(T) operator term)`; both casts are absent where `term` has the target's type.

    `function` is the reducing function: `add` for the operator `subtract`, otherwise the operator.
    """

    function: str
    operator: str
    term: Expression
    target: Load

    def combine(self, reduced: Expression) -> Expression:
        """The value of the assignment once `reduced` stands for all terms together."""
        old: Expression = self.target
        dtype = self.term.dtype
        if dtype is not old.dtype:
            old = Cast(old, dtype)
        value = Apply(self.operator, (old, reduced), dtype)
        return value if dtype is self.target.dtype else Cast(value, self.target.dtype)


def identity_constant(function: str, dtype: DType) -> Constant:
    """The identity of a reducing function; `lowest` and `highest` are infinities for floats."""
    match function:
        case "add" | "or" | "xor":
            value: int | bool | float = 0
        case "multiply":
            value = 1
        case "and":
            value = -1 if dtype.is_signed else (1 << dtype.bits) - 1
        case "maximum" | "minimum":
            sign = -1 if function == "maximum" else 1
            if dtype.is_float:
                value = sign * math.inf
            elif dtype.is_signed:
                value = -(1 << (dtype.bits - 1)) if sign < 0 else (1 << (dtype.bits - 1)) - 1
            else:
                value = 0 if sign < 0 else (1 << dtype.bits) - 1
        case _:
            raise ValueError(f"{function} does not reduce")
    if dtype is DType.I1:
        return Constant(function in ("and", "minimum", "multiply"), dtype)
    return Constant(value, dtype)


def find_accumulation(assign: Assign) -> Accumulation | None:
    """The assignment as an accumulation, or None.

    Recognised: sums and differences in which the target is added once, whatever the nesting;
    chains of one commutative function; `select(c, T op e, T)` and its mirror; and each of them in a
    wider type between casts. Not recognised: `T = e - T`, quotients, and targets that occur twice.
    """
    target = Load(assign.array, assign.indices, assign.value.dtype)
    value = assign.value
    if isinstance(value, Cast) and _widened(value, target):
        found = _accumulate(value.operand, Cast(target, value.operand.dtype), target)
        return found if found is not None and _narrows(found) else None
    return _accumulate(value, target, target)


def _widened(value: Cast, target: Load) -> bool:
    """Whether computing in the operand's type and casting back may be put off to the end."""
    wide, narrow = value.operand.dtype, target.dtype
    if wide.is_float and narrow.is_float:
        return wide.bits >= narrow.bits
    return wide.is_integer and narrow.is_integer and wide.bits >= narrow.bits


def _narrows(found: Accumulation) -> bool:
    narrow, term = found.target.dtype, found.term
    if narrow.is_float or found.operator in _TRUNCATES_WELL:
        return True
    # A maximum of wider numbers is that of narrow ones only if the term fits the narrow type.
    fits = isinstance(term, Cast) and term.operand.dtype is narrow
    return fits and narrow.bits < term.dtype.bits


def _accumulate(value: Expression, old: Expression, target: Load) -> Accumulation | None:
    """`value` as `old op term`, where `old` is the target, cast or not."""
    if not isinstance(value, Apply) or (isinstance(old, Cast) and value.dtype is not old.dtype):
        return None
    if value.function == "select":
        return _guarded(value, old, target)
    if value.function in _SUMS:
        found = _sum(value, old)
    elif value.function in _COMMUTATIVE:
        found = _chain(value, old)
    else:
        return None
    if found is None or target in loads(found[1]):
        return None
    operator, term = found
    return Accumulation("add" if operator == "subtract" else operator, operator, term, target)


def _guarded(value: Apply, old: Expression, target: Load) -> Accumulation | None:
    chosen, then, otherwise = value.operands
    if target in loads(chosen) or (then == old) == (otherwise == old):
        return None
    inner = _accumulate(otherwise if then == old else then, old, target)
    if inner is None:
        return None
    identity = identity_constant(inner.function, inner.term.dtype)
    branches = (identity, inner.term) if then == old else (inner.term, identity)
    return replace(inner, term=Apply("select", (chosen, *branches), inner.term.dtype))


def _sum(value: Apply, old: Expression) -> tuple[str, Expression] | None:
    """The signed addends besides the target, inner ones first, as `(operator, term)`."""
    addends: list[tuple[bool, Expression]] = []
    node: Expression = value
    while node != old:
        match node:
            case Apply("add", (left, right)):
                into_left = _leads_to(left, old)
                node, other = (left, right) if into_left else (right, left)
                addends.append((True, other))
            case Apply("subtract", (left, right)):
                node = left
                addends.append((False, right))
            case _:
                return None
    addends.reverse()
    if all(not positive for positive, _ in addends):
        return "subtract", _joined([(True, term) for _, term in addends])
    return "add", _joined(addends)


def _leads_to(node: Expression, old: Expression) -> bool:
    """Whether `old` is an addend of a sum, with a plus sign."""
    pending = [node]
    while pending:
        match pending.pop():
            case found if found == old:
                return True
            case Apply("add", (left, right)):
                pending += [left, right]
            case Apply("subtract", (left, _)):
                pending.append(left)
            case _:
                pass
    return False


def _joined(addends: list[tuple[bool, Expression]]) -> Expression:
    """The signed sum, starting from the first addend with a plus sign."""
    start = next(k for k, (positive, _) in enumerate(addends) if positive)
    result = addends[start][1]
    for positive, term in addends[:start] + addends[start + 1 :]:
        result = Apply("add" if positive else "subtract", (result, term), result.dtype)
    return result


def _chain(value: Apply, old: Expression) -> tuple[str, Expression] | None:
    """The operands of a chain of one commutative function besides the target, as `(function, term)`."""
    function = value.function
    operands: list[Expression] = []
    found = 0
    pending: list[Expression] = [value]
    while pending:
        match pending.pop():
            case node if node == old:
                found += 1
            case Apply(name, (left, right)) if name == function:
                pending += [right, left]
            case node:
                operands.append(node)
    if found != 1 or not operands:
        return None
    term = operands[0]
    for operand in operands[1:]:
        term = Apply(function, (term, operand), term.dtype)
    return function, term
