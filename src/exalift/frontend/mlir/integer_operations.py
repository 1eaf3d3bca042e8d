"""The meaning of the integer and index operations of `arith`, of conversions and of selection.

What is affine stays affine, so that it can be a bound or a subscript; the rest is data.
Source: MLIR's documentation, page "'arith' Dialect".
"""

from __future__ import annotations

from functools import partial

from exalift.affine import Affine, Constraint, Guard
from exalift.base import DType

from . import scalars
from .facts import NO_OVERFLOW, Lowering, ScalarOperation
from .scalars import Extremum, Scalar
from .source import Unsupported


def _refuse_truth(operation: ScalarOperation) -> None:
    if operation.operands[0].dtype is DType.I1:
        raise Unsupported(f"{operation.name} of i1 is not supported")


def _affine(operation: ScalarOperation, index: Extremum | None) -> Scalar | None:
    """The index as the operation's value, if there is one and its type is wide enough for indices."""
    if index is None or operation.dtype not in (DType.I32, DType.I64):
        return None
    known = index.single
    if known is not None and known.is_constant:
        limit = 1 << (operation.dtype.bits - 1)
        return scalars.indexed(index, operation.dtype) if -limit <= known.constant < limit else None
    if operation.dtype is DType.I32:
        operation.facts.assume(NO_OVERFLOW)
    return scalars.indexed(index, operation.dtype)


def _both(operation: ScalarOperation) -> tuple[Extremum, Extremum] | None:
    left, right = (operand.index for operand in operation.operands)
    return None if left is None or right is None else (left, right)


def _addi(sign: int, operation: ScalarOperation) -> Scalar:
    left, right = operation.operands
    if operation.dtype is DType.I1:
        return scalars.apply("xor", left, right)
    both = _both(operation)
    found = _affine(operation, both[0].plus(both[1].times(sign)) if both else None)
    return found or scalars.apply("add" if sign > 0 else "subtract", left, right)


def _muli(operation: ScalarOperation) -> Scalar:
    left, right = operation.operands
    if operation.dtype is DType.I1:
        return scalars.conjunction(left, right)
    both = _both(operation)
    index: Extremum | None = None
    if both is not None and right.constant is not None:
        index = both[0].times(right.constant)
    elif both is not None and left.constant is not None:
        index = both[1].times(left.constant)
    return _affine(operation, index) or scalars.apply("multiply", left, right)


def _division(function: str, rounding: str, operation: ScalarOperation) -> Scalar:
    """Integer division and remainder. C's rounding is the floor's where nothing is negative."""
    _refuse_truth(operation)
    left, right = operation.operands
    divisor = right.constant
    exact = left.index is not None and (rounding != "zero" or operation.facts.is_nonnegative(left.index))
    if exact and left.index is not None and divisor is not None and divisor > 0:
        found = _affine(operation, _divided(left.index, function, divisor, rounding == "up"))
        if found is not None:
            return found
    if rounding != "zero":
        raise Unsupported(f"{operation.name} is supported for affine values and a positive constant only")
    return scalars.apply(function, left, right)


def _divided(index: Extremum, function: str, divisor: int, up: bool) -> Extremum | None:
    if function == "divide":
        return index.divided(divisor, up)
    return index.remainder(divisor)


def _unsigned(function: str, operation: ScalarOperation) -> Scalar:
    """A function of the operands read as unsigned."""
    _refuse_truth(operation)
    left, right = operation.operands
    divisor = right.constant if function in ("divide", "remainder") else None
    if left.index is not None and divisor is not None and divisor > 0:
        exact = operation.facts.is_nonnegative(left.index)
        found = _affine(operation, _divided(left.index, function, divisor, up=False)) if exact else None
        if found is not None:
            return found
    wide = DType(f"ui{operation.dtype.bits}")
    value = scalars.apply(function, scalars.cast(left, wide), scalars.cast(right, wide))
    return scalars.cast(value, operation.dtype)


def _extremum(largest: bool, operation: ScalarOperation) -> Scalar:
    _refuse_truth(operation)
    both = _both(operation)
    found = _affine(operation, Extremum.combined(both, largest) if both else None)
    return found or scalars.apply("maximum" if largest else "minimum", *operation.operands)


def _shli(operation: ScalarOperation) -> Scalar:
    left, right = operation.operands
    amount = right.constant
    if left.index is not None and amount is not None and 0 <= amount < operation.dtype.bits - 1:
        found = _affine(operation, left.index.times(1 << amount))
        if found is not None:
            return found
    _refuse_truth(operation)
    return scalars.apply("shift_left", left, right)


def _shrsi(operation: ScalarOperation) -> Scalar:
    left, right = operation.operands
    amount = right.constant
    if left.index is not None and amount is not None and 0 <= amount < operation.dtype.bits - 1:
        found = _affine(operation, left.index.divided(1 << amount))
        if found is not None:
            return found
    _refuse_truth(operation)
    return scalars.apply("shift_right_arithmetic", left, right)


def _andi(operation: ScalarOperation) -> Scalar:
    left, right = operation.operands
    if operation.dtype is DType.I1:
        return scalars.conjunction(left, right)
    return scalars.apply("and", left, right)


def _ori(operation: ScalarOperation) -> Scalar:
    left, right = operation.operands
    if operation.dtype is DType.I1:
        return scalars.disjunction(left, right)
    return scalars.apply("or", left, right)


def _xori(operation: ScalarOperation) -> Scalar:
    left, right = operation.operands
    if operation.dtype is DType.I1:
        for one, other in ((left, right), (right, left)):
            if one.guard is not None and one.guard.is_always:
                return scalars.negation(other)
    return scalars.apply("xor", left, right)


_SIGNED = {0: "eq", 1: "ne", 2: "lt", 3: "le", 4: "gt", 5: "ge"}
_UNSIGNED = {6: "lt", 7: "le", 8: "gt", 9: "ge"}


def _cmpi(operation: ScalarOperation) -> Scalar:
    left, right = operation.operands
    predicate = operation.attributes["predicate"]
    if not isinstance(predicate, int) or predicate not in (_SIGNED | _UNSIGNED):
        raise Unsupported(f"unknown predicate {predicate} of arith.cmpi")
    if left.dtype is DType.I1:
        if predicate > 1:
            raise Unsupported("i1 values can be compared for equality only")
        differ = scalars.apply("xor", left, right)
        return differ if predicate else scalars.negation(differ)
    direction = (_SIGNED | _UNSIGNED)[predicate]
    first = left.index.single if left.index else None
    second = right.index.single if right.index else None
    if first is not None and second is not None:
        known = all(operation.facts.is_nonnegative(Extremum.of(value)) for value in (first, second))
        if predicate in _SIGNED or known:
            return scalars.conditioned(_condition(direction, first - second))
    if predicate in _SIGNED:
        return scalars.compare(direction, left, right)
    wide = DType(f"ui{left.dtype.bits}")
    return scalars.compare(direction, scalars.cast(left, wide), scalars.cast(right, wide))


def _condition(direction: str, difference: Affine) -> Guard:
    """`difference DIRECTION 0`."""
    match direction:
        case "eq":
            constraint = Constraint(difference, equality=True)
        case "ne":
            return ~Guard.of(Constraint(difference, equality=True))
        case "lt":
            constraint = Constraint(-difference - 1)
        case "le":
            constraint = Constraint(-difference)
        case "gt":
            constraint = Constraint(difference - 1)
        case _:
            constraint = Constraint(difference)
    if difference.is_constant:
        return Guard.of() if Guard.of(constraint).at({}) else Guard(())
    return Guard.of(constraint)


def _cast(operation: ScalarOperation) -> Scalar:
    return scalars.cast(operation.operands[0], operation.dtype)


def _signed_widening(operation: ScalarOperation) -> Scalar:
    """`extsi`, `sitofp`, `index_cast`: an i1 counts as 0 or -1."""
    (value,) = operation.operands
    if value.dtype is DType.I1:
        return scalars.apply("negate", scalars.cast(value, operation.dtype))
    if not operation.dtype.is_float:
        found = _affine(operation, value.index)
        if found is not None:
            return found
    return scalars.cast(value, operation.dtype)


def _unsigned_widening(operation: ScalarOperation) -> Scalar:
    """`extui`, `uitofp`, `index_castui`."""
    (value,) = operation.operands
    if value.dtype is DType.I1:
        return scalars.cast(value, operation.dtype)
    if value.index is not None and operation.facts.is_nonnegative(value.index):
        return _signed_widening(operation)
    if not operation.dtype.is_float and operation.dtype.bits <= value.dtype.bits:
        return _signed_widening(operation)
    return scalars.cast(scalars.cast(value, DType(f"ui{value.dtype.bits}")), operation.dtype)


def _narrowing(operation: ScalarOperation) -> Scalar:
    (value,) = operation.operands
    if operation.dtype is DType.I1:
        one = scalars.number(1, value.dtype)
        return scalars.compare("ne", scalars.apply("and", value, one), scalars.number(0, value.dtype))
    return _signed_widening(operation)


def _to_unsigned(operation: ScalarOperation) -> Scalar:
    (value,) = operation.operands
    if operation.dtype is DType.I1:
        raise Unsupported("arith.fptoui to i1 is not supported")
    return scalars.cast(scalars.cast(value, DType(f"ui{operation.dtype.bits}")), operation.dtype)


def _to_signed(operation: ScalarOperation) -> Scalar:
    if operation.dtype is DType.I1:
        raise Unsupported("arith.fptosi to i1 is not supported")
    return _cast(operation)


def _constant(operation: ScalarOperation) -> Scalar:
    value = operation.attributes.get("value")
    if not isinstance(value, bool | int | float):
        raise Unsupported("only scalar constants are supported")
    return scalars.number(value, operation.dtype)


def _select(operation: ScalarOperation) -> Scalar:
    condition, then, otherwise = operation.operands
    return scalars.selection(condition, then, otherwise)


INTEGER_LOWERINGS: dict[str, Lowering] = {
    "arith.constant": _constant,
    "arith.select": _select,
    "arith.cmpi": _cmpi,
    "arith.addi": partial(_addi, 1),
    "arith.subi": partial(_addi, -1),
    "arith.muli": _muli,
    "arith.divsi": partial(_division, "divide", "zero"),
    "arith.remsi": partial(_division, "remainder", "zero"),
    "arith.floordivsi": partial(_division, "divide", "down"),
    "arith.ceildivsi": partial(_division, "divide", "up"),
    "arith.divui": partial(_unsigned, "divide"),
    "arith.remui": partial(_unsigned, "remainder"),
    "arith.maxsi": partial(_extremum, True),
    "arith.minsi": partial(_extremum, False),
    "arith.maxui": partial(_unsigned, "maximum"),
    "arith.minui": partial(_unsigned, "minimum"),
    "arith.shli": _shli,
    "arith.shrsi": _shrsi,
    "arith.andi": _andi,
    "arith.ori": _ori,
    "arith.xori": _xori,
    "arith.extf": _cast,
    "arith.truncf": _cast,
    "arith.extsi": _signed_widening,
    "arith.sitofp": _signed_widening,
    "arith.index_cast": _signed_widening,
    "arith.extui": _unsigned_widening,
    "arith.uitofp": _unsigned_widening,
    "arith.index_castui": _unsigned_widening,
    "arith.trunci": _narrowing,
    "arith.fptosi": _to_signed,
    "arith.fptoui": _to_unsigned,
}
