"""`memset` to zero and `memcpy`, of whole numbers of elements."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from exalift.affine import Constant
from exalift.base import DType, Span

from ..reading import Call, Conversion, Expr, refusal
from ..terms import Access, Draft, DraftStatement, Fetch, Iteration, Nothing, PointerValue, Poly, Store, Value
from .indices import index

if TYPE_CHECKING:
    from .execution import Execution


def block_call(execution: Execution, call: Call) -> Value:
    """A loop over the elements: `memset(p, 0, bytes)` or `memcpy(p, q, bytes)`."""
    target = execution.pointer(_bare(call.arguments[0]))
    size = index(execution, call.arguments[2], "the number of bytes")
    count = size.divided_exactly(target.memory.dtype.bytes)
    if count is None:
        raise refusal(call.arguments[2].span, "not a whole number of elements is set or copied")
    if call.function.endswith("memset"):
        value = index(execution, call.arguments[1], "the byte")
        if value.constant != 0:
            raise refusal(call.arguments[1].span, "`memset` to something other than 0", "write a loop")
        dtype = target.memory.dtype
        zero = Constant(Fraction(0) if dtype.is_float else (False if dtype is DType.I1 else 0), dtype)
        _loop(execution, target, None, zero, count, call.span)
        return Nothing()
    source = execution.pointer(_bare(call.arguments[1]))
    if source.memory.dtype is not target.memory.dtype:
        raise refusal(call.span, "elements of one type are copied over elements of another")
    if source.memory is target.memory:
        raise refusal(call.span, "a copy within one array may overlap itself", "write a loop")
    _loop(execution, target, source, None, count, call.span)
    return Nothing()


def _bare(expression: Expr) -> Expr:
    """Without casts to `void *`."""
    while isinstance(expression, Conversion) and expression.type is None:
        expression = expression.operand
    return expression


def _loop(
    execution: Execution,
    target: PointerValue,
    source: PointerValue | None,
    value: Draft | None,
    count: Poly,
    span: Span,
) -> None:
    """One loop a dimension where whole rows are covered, else one loop over the elements in a row."""
    extents = _covered(target, count)
    symbols = [execution.fresh("e") for _ in extents]
    places = [_advanced(p, extents, symbols) for p in (target, source) if p is not None]
    access = Access(target.memory, places[0], span)
    if value is None:
        assert source is not None
        value = Fetch(Access(source.memory, places[1], span), source.memory.dtype)
    statement: DraftStatement = Store(access, value, span)
    for symbol, extent in zip(reversed(symbols), reversed(extents), strict=True):
        statement = Iteration(symbol, "e", Poly(), (extent,), (statement,), (), (), span)
    execution.emit(statement, span)


def _covered(target: PointerValue, count: Poly) -> tuple[Poly, ...]:
    """The extents of the box of elements: `count` split into rows of the target where it is one."""
    memory = target.memory
    inner = [extent for extent in memory.extents[1:] if extent is not None]
    if len(inner) != len(memory.extents) - 1 or not inner:
        return (count,)
    # The number of rows times their length must be the count, as polynomials.
    rows = memory.extents[0]
    product = Poly.of(1)
    for extent in inner:
        product = product * extent
    if rows is not None and rows * product == count:
        return (rows, *inner)
    fixed = product.constant
    whole = count.divided_exactly(fixed) if fixed else None
    if whole is not None:
        return (whole, *inner)
    return (count,)


def _advanced(pointer: PointerValue, extents: tuple[Poly, ...], symbols: list[str]) -> tuple[Poly, ...]:
    """The indices of the element that is `symbols` into the box."""
    indices = list(pointer.indices)
    if len(indices) == len(extents) and len(extents) > 1:
        return tuple(i + Poly.of(s) for i, s in zip(indices, symbols, strict=True))
    offset = Poly()
    for position, symbol in enumerate(symbols):
        stride = Poly.of(1)
        for extent in extents[position + 1 :]:
            stride = stride * extent
        offset = offset + stride * Poly.of(symbol)
    indices[-1] = indices[-1] + offset
    return tuple(indices)
