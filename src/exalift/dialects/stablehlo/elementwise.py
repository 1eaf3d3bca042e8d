"""Element-wise ops: one definition for every registered op that is a function of `affine.functions`.

Specification: StableHLO, sections of the ops of the same names. `erf` is CHLO's.
Not handled: complex and quantised elements, and arithmetic on `i1` (which StableHLO reads as logic).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from exalift.affine import FUNCTIONS, Affine, Apply, Cast, Formula, Function, Kind
from exalift.base import DType

from ..definition import Hints, OpDefinition
from ..types import Attributes, TensorType
from .attribute_values import element_type, text
from .notation import formula, load, result_axes, symbols
from .registry import registered_ops

DIRECTIONS = ("LT", "LE", "GT", "GE", "EQ", "NE")

_FLOAT_OR_SIGNED = frozenset({"abs", "sign", "negate"})
_INTEGER_ONLY = frozenset({"shift_left", "shift_right_arithmetic", "shift_right_logical"})


def _accepts(function: Function, dtype: DType) -> bool:
    """Whether the function is defined on the element type, as StableHLO's type constraints say."""
    if function.kind is Kind.TRANSCENDENTAL:
        return dtype.is_float
    if function.kind is Kind.LOGICAL:
        return dtype.is_integer or (dtype is DType.I1 and function.name not in _INTEGER_ONLY)
    if function.name in _FLOAT_OR_SIGNED:
        # StableHLO's `negate` takes unsigned integers too; `abs` and `sign` do not.
        return dtype.is_float or (dtype.is_integer and (dtype.is_signed or function.name == "negate"))
    return dtype is not DType.I1


def _same_type(
    function: Function, operands: Sequence[TensorType], attributes: Attributes
) -> TensorType | None:
    del attributes
    first = operands[0]
    if not _accepts(function, first.dtype) or any(operand != first for operand in operands):
        return None
    return first


def _apply(
    function: Function, operands: Sequence[TensorType], attributes: Attributes, result: TensorType
) -> Formula:
    del attributes
    axes = symbols(result_axes(result.shape))
    loads = tuple(load(operands, position, axes) for position in range(function.arity))
    return formula(result, Apply(function.name, loads, result.dtype))


def _function_definition(name: str, function: Function) -> OpDefinition:
    return OpDefinition(
        name=name,
        arity=len(registered_ops()[name].operands),
        result_type=partial(_same_type, function),
        formula=partial(_apply, function),
    )


def _function_definitions() -> tuple[OpDefinition, ...]:
    found: list[OpDefinition] = []
    for function in FUNCTIONS.values():
        if function.kind in (Kind.SELECT, Kind.COMPARISON):
            continue
        name = next(f"{d}.{function.name}" for d in ("stablehlo", "chlo") if _exists(d, function))
        found.append(_function_definition(name, function))
    return tuple(found)


def _exists(dialect: str, function: Function) -> bool:
    return f"{dialect}.{function.name}" in registered_ops()


def _compare_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    left, right = operands
    if left != right or text(attributes, "comparison_direction") not in DIRECTIONS:
        return None
    return TensorType(left.shape, DType.I1)


def _compare(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = symbols(result_axes(result.shape))
    function = f"compare_{text(attributes, 'comparison_direction').lower()}"
    return formula(result, Apply(function, (load(operands, 0, axes), load(operands, 1, axes)), DType.I1))


def _directions(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Directions that the region uses first, and then the rest."""
    del operands
    seen = [d for d in DIRECTIONS if f"compare_{d.lower()}" in hints.functions]
    for direction in dict.fromkeys((*seen, *DIRECTIONS)):
        yield (("comparison_direction", direction),)


def _scalar_or(operand: TensorType, shape: tuple[Affine, ...]) -> bool:
    return operand.rank == 0 or operand.shape == shape


def _select_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    del attributes
    predicate, on_true, on_false = operands
    if predicate.dtype is not DType.I1 or on_true != on_false or not _scalar_or(predicate, on_true.shape):
        return None
    return on_true


def _select(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    del attributes
    axes = symbols(result_axes(result.shape))
    predicate = load(operands, 0, axes if operands[0].rank else ())
    return formula(
        result,
        Apply("select", (predicate, load(operands, 1, axes), load(operands, 2, axes)), result.dtype),
    )


def _clamp_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    del attributes
    low, operand, high = operands
    if operand.dtype is DType.I1 or low.dtype is not operand.dtype or high.dtype is not operand.dtype:
        return None
    return operand if _scalar_or(low, operand.shape) and _scalar_or(high, operand.shape) else None


def _clamp(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    del attributes
    axes = symbols(result_axes(result.shape))
    low, value, high = (load(operands, p, axes if operands[p].rank else ()) for p in range(3))
    raised = Apply("maximum", (value, low), result.dtype)
    return formula(result, Apply("minimum", (raised, high), result.dtype))


def _convert_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    return TensorType(operands[0].shape, element_type(attributes))


def _convert(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    del attributes
    axes = symbols(result_axes(result.shape))
    return formula(result, Cast(load(operands, 0, axes), result.dtype))


def _conversions(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """To the goal's element type, then to the two that index arithmetic and sums usually want."""
    wanted = (hints.goal.dtype,) if hints.goal else ()
    for dtype in dict.fromkeys((*wanted, DType.F64, DType.F32, DType.I64, DType.I32)):
        if dtype is not operands[0].dtype:
            yield (("dtype", str(dtype)),)


DEFINITIONS = (
    *_function_definitions(),
    OpDefinition("stablehlo.compare", 2, _compare_type, _compare, _directions),
    OpDefinition("stablehlo.select", 3, _select_type, _select),
    OpDefinition("stablehlo.clamp", 3, _clamp_type, _clamp),
    OpDefinition("stablehlo.convert", 1, _convert_type, _convert, _conversions),
)
