# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Ops that are not one op of a definition: reductions with their initial values, slices at moving places,
gathers, branches, and shorthands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce as fold

from jaxlib.mlir import ir

from exalift.affine import FUNCTIONS, Affine
from exalift.base import DType

from ...graph import ConstantValue, Node, Operation
from ...types import TensorType
from ..affine_indexing import SET
from ..attribute_values import text
from ..build import (
    apply_function,
    broadcast,
    build,
    compare,
    concatenate,
    constant,
    convert,
    dynamic_slice,
    dynamic_update_slice,
    op,
    reshape,
    splat,
)
from ..dialect import IMPORTED
from ..node_table import is_identity
from ..reductions import reduces
from .attributes import (
    Unsupported,
    attributes_of,
    integer,
    region_function,
    required,
    tensor_type,
    window_attributes,
)
from .constants import UnsupportedConstant, constant_node
from .reading import Handler, Reader, as_index, scalar
from .scope import Missing, Read, Scope
from .window_places import gather_places, scatter_places

_IDEMPOTENT = frozenset({"maximum", "minimum", "and", "or"})
_TRUTHS = {"add": "or", "maximum": "or", "multiply": "and", "minimum": "and", "subtract": "xor"}
# What these custom calls do is a matter of placement; the values are their operands.
_PLACEMENT = frozenset(
    {"Sharding", "annotate_device_placement", "SPMDFullToShardShape", "SPMDShardToFullShape"}
)
_MOST_BRANCHES = 16


def _type(operation: ir.Operation) -> TensorType:
    return tensor_type(operation.results[0].type)


def _constant(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    try:
        made = constant_node(operation.attributes["value"], _type(operation), lambda n: reader.make(n, scope))
    except UnsupportedConstant as error:
        raise Unsupported(str(error)) from error
    return [reader.make(made, scope)]


def _started(reader: Reader, value: Node, initial: Node, body: str, scope: Scope) -> Node:
    """A reduction together with its initial value, where that is more than the body's identity."""
    if is_identity(initial, body):
        return value
    if body not in _IDEMPOTENT:
        # The specification lets an implementation use the initial value any number of times.
        reader.assumptions["a reduction uses its initial value once"] = None
    spread = reader.make(broadcast(initial, value.type.shape, ()), scope)
    return reader.make(apply_function(body, value, spread), scope)


def _body(operation: ir.Operation, dtype: DType) -> str:
    body = region_function(operation, operation.regions[0])
    if body == SET or not reduces(body, dtype):
        raise Unsupported(f"{operation.name} with the body {body}")
    return body


def _reduce(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    if len(operands) != 2:
        raise Unsupported("a reduction of several operands at once")
    value, initial = operands
    body = _body(operation, value.type.dtype)
    dimensions = required(operation, "dimensions")
    attributes = (("body", body), ("dimensions", tuple(sorted(dimensions))))
    reduced = build(IMPORTED, "stablehlo.reduce", (value,), attributes) if dimensions else value
    return [_started(reader, reader.make(reduced, scope), initial, body, scope)]


def _reduce_window(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    if len(operands) != 2:
        raise Unsupported("a reduction of several operands at once")
    value, initial = operands
    body = _body(operation, value.type.dtype)
    attributes = window_attributes(operation, body, value.type.rank)
    node = reader.make(build(IMPORTED, operation.name, (value,), attributes), scope)
    return [_started(reader, node, initial, body, scope)]


def _concatenate(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    dimension = integer(operation, "dimension")
    joined = fold(lambda a, b: reader.make(concatenate(a, b, dimension), scope), operands)
    return [joined]


def _dot_general(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    """Factors are converted to the result's type first, where that loses nothing."""
    result = _type(operation)
    wanted = result.dtype
    for operand in operands:
        given = operand.type.dtype
        same_kind = given.is_float == wanted.is_float and given.is_signed == wanted.is_signed
        if given is not wanted and not (same_kind and given.bits <= wanted.bits):
            raise Unsupported(f"{operation.name} from {given} to {wanted}")
    factors = [reader.make(convert(operand, wanted), scope) for operand in operands]
    if operation.name == "stablehlo.dot_general":
        return [reader.plain(operation, factors, result, scope)]
    return [reader.make(build(IMPORTED, operation.name, factors, attributes_of(operation, result)), scope)]


def _broadcast(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    (operand,), result = operands, _type(operation)
    first = result.rank - operand.type.rank
    return [reader.make(broadcast(operand, result.shape, range(first, result.rank)), scope)]


def _on_truths(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    """Arithmetic on `i1` is logic."""
    function = operation.name.removeprefix("stablehlo.")
    if operands[0].type.dtype is DType.I1 and function in _TRUTHS:
        return [reader.make(apply_function(_TRUTHS[function], *operands), scope)]
    return [reader.plain(operation, operands, _type(operation), scope)]


def _same(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    return list(operands)


def _custom_call(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    target = str(ir.StringAttr(operation.attributes["call_target_name"]).value)
    if target in _PLACEMENT and len(operands) == 1:
        return list(operands)
    raise Unsupported(f"a custom call of {target}")


def _square(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    return [reader.make(apply_function("multiply", operands[0], operands[0]), scope)]


def _is_finite(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    """True, as proofs take all values to be numbers."""
    reader.assumptions["no value is infinite or NaN"] = None
    return [reader.make(splat(True, _type(operation)), scope)]


def _erfc(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    (x,) = operands
    one = reader.make(splat(1, x.type), scope)
    return [reader.make(op("subtract", one, reader.make(op("chlo.erf", x), scope)), scope)]


def _case(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    """The chosen branch where the choice is known, else a selection among all of them: they are pure."""
    index, regions = operands[0], list(operation.regions)
    if len(regions) > _MOST_BRANCHES:
        raise Unsupported(f"{operation.name} with more than {_MOST_BRANCHES} branches")
    is_if = operation.name == "stablehlo.if"
    if isinstance(index, ConstantValue):
        chosen = int(not index.value) if is_if else int(index.value)
        chosen = chosen if 0 <= chosen < len(regions) else len(regions) - 1
        return reader.block(regions[chosen].blocks[0], scope.branch())
    found = [reader.block(region.blocks[0], scope.branch()) for region in regions]
    results = found[-1]
    for position, branch in reversed(list(enumerate(found[:-1]))):
        number = constant(position, index.type.dtype)
        holds = index if is_if else reader.make(compare("EQ", index, number), scope)
        results = [_chosen(reader, holds, yes, no, scope) for yes, no in zip(branch, results, strict=True)]
    return results


def _chosen(reader: Reader, holds: Node, yes: Read, no: Read, scope: Scope) -> Read:
    if isinstance(yes, Missing) or isinstance(no, Missing):
        return yes if isinstance(yes, Missing) else no
    return yes if yes is no else reader.make(op("select", holds, yes, no), scope)


_Conditions = list[tuple[str, Affine]]
"""Comparisons with 0, by their directions, that all hold."""

_Alternatives = list[tuple[_Conditions, Affine]]
"""Values, each under conditions; the first whose conditions hold counts, and the last has none."""

_MOST_CASES = 64


def _alternatives(node: Node, scope: Scope) -> _Alternatives:
    """A start as affine expressions: `select(i < 0, i + n, i)` is how JAX writes one that may be negative."""
    index = as_index(node)
    if index is not None:
        return [([], index)]
    if isinstance(node, Operation) and node.name == "stablehlo.convert":
        return [
            (c, _converted(at, node.type.dtype, scope)) for c, at in _alternatives(node.operands[0], scope)
        ]
    if isinstance(node, Operation) and node.name == "stablehlo.select":
        holds, yes, no = node.operands
        if isinstance(holds, Operation) and holds.name == "stablehlo.compare":
            sides = [as_index(operand) for operand in holds.operands]
            chosen, other = as_index(yes), as_index(no)
            if sides[0] is not None and sides[1] is not None and chosen is not None and other is not None:
                direction = text(holds.attributes, "comparison_direction")
                return [([(direction, sides[0] - sides[1])], chosen), ([], other)]
    raise Unsupported("starts that are data, or not affine in loop counters")


def _converted(value: Affine, dtype: DType, scope: Scope) -> Affine:
    if not scope.elements().holds(value, dtype):
        raise Unsupported(f"starts that may not fit {dtype}")
    return value


def _clamped_start(start: Affine, room: int, scope: Scope) -> _Alternatives:
    """A start as StableHLO clamps it."""
    if start.is_constant:
        return [([], Affine.of(min(max(start.constant, 0), room)))]
    if scope.elements().within(start, 0, room):
        return [([], start)]
    return [([("LT", start)], Affine()), ([("GT", start - room)], Affine.of(room)), ([], start)]


_Cases = list[tuple[_Conditions, list[Affine]]]


def _clamped(starts: Sequence[Node], rooms: Sequence[int], scope: Scope) -> _Cases:
    """All combinations of the starts' alternatives, in an order in which the first that holds counts."""
    cases: _Cases = [([], [])]
    for node, room in zip(starts, rooms, strict=True):
        options = [
            ([*chosen, *clamped], at)
            for chosen, start in _alternatives(node, scope)
            for clamped, at in _clamped_start(start, room, scope)
        ]
        cases = [([*c, *condition], [*s, at]) for c, s in cases for condition, at in options]
        if len(cases) > _MOST_CASES:
            raise Unsupported("starts that may be out of bounds in several dimensions")
    return cases


def _selected(reader: Reader, cases: Sequence[tuple[_Conditions, Node]], scope: Scope) -> Node:
    *others, (_, result) = cases
    zero = constant(0, DType.I64)
    for conditions, value in reversed(others):
        truths = [reader.make(compare(d, scalar(at, DType.I64), zero), scope) for d, at in conditions]
        holds = fold(lambda a, b: reader.make(op("and", a, b), scope), truths)
        result = reader.make(op("select", holds, value, result), scope)
    return result


def _dynamic_slice(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    operand, *starts = operands
    sizes = required(operation, "slice_sizes")
    rooms = [extent.constant - size for extent, size in zip(operand.type.shape, sizes, strict=True)]
    cases = [
        (conditions, reader.make(dynamic_slice(operand, places, sizes), scope))
        for conditions, places in _clamped(starts, rooms, scope)
    ]
    return [_selected(reader, cases, scope)]


def _dynamic_update_slice(
    reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope
) -> list[Read]:
    operand, update, *starts = operands
    rooms = [e.constant - u.constant for e, u in zip(operand.type.shape, update.type.shape, strict=True)]
    cases = [
        (conditions, reader.make(dynamic_update_slice(operand, update, places), scope))
        for conditions, places in _clamped(starts, rooms, scope)
    ]
    return [_selected(reader, cases, scope)]


def _gather(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    operand, indices = operands
    result = _type(operation)
    attributes = gather_places(operation, operand.type, indices, result, scope.elements(result.shape))
    return [reader.make(build(IMPORTED, "exalift.gather", (operand,), attributes), scope)]


def _scatter(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    if len(operands) != 3:
        raise Unsupported("a scatter of several operands at once")
    operand, indices, updates = operands
    body = region_function(operation, operation.regions[0])
    elements = scope.elements(updates.type.shape)
    attributes = scatter_places(operation, operand.type, indices, updates.type, body, elements)
    return [reader.make(build(IMPORTED, "exalift.scatter", (operand, updates), attributes), scope)]


def _reshape(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    (operand,), result = operands, _type(operation)
    if isinstance(operand, Operation) and operand.name == "stablehlo.reshape":
        operand = operand.operands[0]
    return [reader.make(reshape(operand, result.shape), scope)]


def _slice(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    """A slice of everything is its operand."""
    (operand,) = operands
    same = operand.type == _type(operation)
    return [operand if same else reader.plain(operation, operands, _type(operation), scope)]


def _broadcasting(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    """`chlo.broadcast_add` and its kin: shapes are aligned at their ends, and extents of 1 repeat."""
    result = _type(operation)
    name = operation.name.removeprefix("chlo.broadcast_")
    if "broadcast_dimensions" in operation.attributes:
        raise Unsupported(f"{operation.name} with dimensions of its own")
    spread = [_spread(reader, operand, result, scope) for operand in operands]
    if name == "compare":
        direction = str(operation.attributes["comparison_direction"])
        direction = direction.removeprefix("#chlo<comparison_direction ").removesuffix(">")
        return [reader.make(compare(direction, *spread), scope)]
    function = _TRUTHS.get(name, name) if result.dtype is DType.I1 else name
    return [reader.make(apply_function(function, *spread), scope)]


def _spread(reader: Reader, operand: Node, result: TensorType, scope: Scope) -> Node:
    first = result.rank - operand.type.rank
    one = Affine.of(1)
    kept = [d for d, e in enumerate(operand.type.shape) if e != one or result.shape[first + d] == one]
    narrow = reader.make(reshape(operand, [operand.type.shape[d] for d in kept]), scope)
    return reader.make(broadcast(narrow, result.shape, [first + d for d in kept]), scope)


_BROADCASTING = (
    *("add", "and", "atan2", "compare", "divide", "maximum", "minimum", "multiply", "or"),
    *(
        "remainder",
        "select",
        "shift_left",
        "shift_right_arithmetic",
        "shift_right_logical",
        "subtract",
        "xor",
    ),
)

HANDLERS: Mapping[str, Handler] = {
    **{f"chlo.broadcast_{name}": _broadcasting for name in _BROADCASTING},
    "chlo.erfc": _erfc,
    "chlo.square": _square,
    "stablehlo.broadcast": _broadcast,
    "stablehlo.case": _case,
    "stablehlo.concatenate": _concatenate,
    "stablehlo.constant": _constant,
    "stablehlo.custom_call": _custom_call,
    "stablehlo.dot": _dot_general,
    "stablehlo.dot_general": _dot_general,
    "stablehlo.dynamic_slice": _dynamic_slice,
    "stablehlo.dynamic_update_slice": _dynamic_update_slice,
    "stablehlo.gather": _gather,
    "stablehlo.if": _case,
    "stablehlo.is_finite": _is_finite,
    "stablehlo.optimization_barrier": _same,
    "stablehlo.reduce": _reduce,
    "stablehlo.reduce_window": _reduce_window,
    "stablehlo.reshape": _reshape,
    "stablehlo.scatter": _scatter,
    "stablehlo.slice": _slice,
    **{f"stablehlo.{function}": _on_truths for function in _TRUTHS if function in FUNCTIONS},
}
"""All of them but `stablehlo.while`, which `loops` reads."""
