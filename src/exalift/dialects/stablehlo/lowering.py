"""One op of a lifted program at concrete sizes, as one registered op (or two) of a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exalift.affine import FUNCTIONS, Affine, FloorDiv
from exalift.base import DType, TensorShape, VerificationError

from ..graph import Operation
from ..types import Attributes
from .attribute_values import affine, affine_pairs, affines, integer, integers, is_set, text
from .contractions import dot_dimensions
from .emitter import Emitter, Value
from .start_bounds import LoopRange, stays_within

AttributeTexts = tuple[tuple[str, str], ...]

_SUMS = frozenset({"stablehlo.dot", "stablehlo.dot_general", "stablehlo.convolution"})

I64 = TensorShape((), DType.I64)
I1 = TensorShape((), DType.I1)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where an op is printed: sizes, the loops around (outermost first), and their counters."""

    emitter: Emitter
    sizes: Mapping[str, int]
    loops: tuple[LoopRange, ...] = ()
    counters: Mapping[str, Value] | None = None

    def fixed(self, expression: Affine) -> Affine:
        """The expression with sizes put in: a constant, or affine in induction variables."""
        return expression.substitute(
            {n: Affine.of(self.sizes[n]) for n in expression.names & set(self.sizes)}
        )

    def number(self, expression: Affine) -> int:
        """The expression's value; VerificationError where it moves with a loop."""
        value = self.fixed(expression)
        if not value.is_constant:
            raise VerificationError(f"{expression} must not depend on {', '.join(sorted(value.names))}")
        return value.constant

    def numbers(self, expressions: Sequence[Affine]) -> tuple[int, ...]:
        return tuple(self.number(expression) for expression in expressions)


def lower(operation: Operation, operands: Sequence[Value], result: TensorShape, scene: Scene) -> Value:
    """Make the op; VerificationError where the definition has no printed form.

    Sums over nothing are printed as their value, since not every consumer takes them.
    """
    if operation.name in _SUMS and any(operand.type.is_empty for operand in operands):
        return scene.emitter.constant(0, result)
    special = _SPECIAL.get(operation.name)
    if special is not None:
        return special(operation, operands, result, scene)
    return scene.emitter.operation(operation.name, operands, result, _attributes(operation, operands, scene))


def _array(values: Sequence[int]) -> str:
    return f"array<i64: {', '.join(map(str, values))}>" if values else "array<i64>"


def _pairs(pairs: Sequence[tuple[int, int]]) -> str:
    rows = ", ".join(f"[{low}, {high}]" for low, high in pairs)
    return f"dense<[{rows}]> : tensor<{len(pairs)}x2xi64>" if pairs else "dense<> : tensor<0x2xi64>"


def _compare_type(dtype: DType) -> str:
    if dtype.is_float:
        return "FLOAT"
    return "SIGNED" if dtype.is_integer and dtype.is_signed else "UNSIGNED"


def _precision(dtype: DType) -> AttributeTexts:
    """Ask for whole f32 products: some devices otherwise round the factors to fewer bits."""
    if dtype is not DType.F32:
        return ()
    return (("precision_config", "[#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]"),)


def _attributes(operation: Operation, operands: Sequence[Value], scene: Scene) -> AttributeTexts:
    values = operation.attributes
    match operation.name.removeprefix("stablehlo."):
        case "compare":
            direction = text(values, "comparison_direction")
            kind = _compare_type(operands[0].type.dtype)
            return (
                ("comparison_direction", f"#stablehlo<comparison_direction {direction}>"),
                ("compare_type", f"#stablehlo<comparison_type {kind}>"),
            )
        case "broadcast_in_dim":
            return (("broadcast_dimensions", _array(integers(values, "broadcast_dimensions"))),)
        case "iota":
            return (("iota_dimension", f"{integer(values, 'iota_dimension')} : i64"),)
        case "transpose":
            return (("permutation", _array(integers(values, "permutation"))),)
        case "slice":
            return tuple(
                (name, _array(scene.numbers(affines(values, name))))
                for name in ("start_indices", "limit_indices", "strides")
            )
        case "pad":
            return tuple(
                (name, _array(scene.numbers(affines(values, name))))
                for name in ("edge_padding_low", "edge_padding_high", "interior_padding")
            )
        case "concatenate":
            return (("dimension", f"{integer(values, 'dimension')} : i64"),)
        case "reverse":
            return (("dimensions", _array(integers(values, "dimensions"))),)
        case "dot":
            return _precision(operands[0].type.dtype)
        case "dot_general":
            return (("dot_dimension_numbers", _dot_numbers(values)), *_precision(operands[0].type.dtype))
        case "convolution":
            return (*_convolution(values, scene), *_precision(operands[0].type.dtype))
        case "convert" | "reshape" | "select" | "clamp":
            return ()
        case name:
            if name.removeprefix("chlo.") not in FUNCTIONS:
                raise VerificationError(f"there is no printed form of {operation.name}")
            return ()


def _dot_numbers(values: Attributes) -> str:
    lhs_batch, lhs_contract, rhs_batch, rhs_contract = dot_dimensions(values)
    fields = (
        ("lhs_batching_dimensions", lhs_batch),
        ("rhs_batching_dimensions", rhs_batch),
        ("lhs_contracting_dimensions", lhs_contract),
        ("rhs_contracting_dimensions", rhs_contract),
    )
    return f"#stablehlo.dot<{', '.join(f'{name} = {list(value)}' for name, value in fields if value)}>"


def _layout(first: tuple[str, int], second: tuple[str, int], spatial: Sequence[int]) -> str:
    names = {first[1]: first[0], second[1]: second[0]}
    names |= {dimension: str(position) for position, dimension in enumerate(spatial)}
    return f"[{', '.join(names[d] for d in sorted(names))}]"


def _convolution(values: Attributes, scene: Scene) -> AttributeTexts:
    batch, feature = (
        tuple(integer(values, f"{side}_{what}_dimension") for side in ("input", "output"))
        for what in ("batch", "feature")
    )
    spatial = integers(values, "input_spatial_dimensions")
    lhs = _layout(("b", batch[0]), ("f", feature[0]), spatial)
    rhs = _layout(
        ("i", integer(values, "kernel_input_feature_dimension")),
        ("o", integer(values, "kernel_output_feature_dimension")),
        integers(values, "kernel_spatial_dimensions"),
    )
    out = _layout(("b", batch[1]), ("f", feature[1]), integers(values, "output_spatial_dimensions"))
    ones = (1,) * len(spatial)
    padding = [
        (scene.number(low), scene.number(high)) for low, high in affine_pairs(values, "padding", len(spatial))
    ]
    groups = scene.number(affine(values, "feature_group_count", 1))
    return (
        ("dimension_numbers", f"#stablehlo.conv<{lhs}x{rhs}->{out}>"),
        ("window_strides", _array(integers(values, "window_strides", ones))),
        ("padding", _pairs(padding)),
        ("lhs_dilation", _array(integers(values, "lhs_dilation", ones))),
        ("rhs_dilation", _array(integers(values, "rhs_dilation", ones))),
        ("feature_group_count", f"{groups} : i64"),
        ("batch_group_count", "1 : i64"),
    )


def _identity(function: str, dtype: DType, emitter: Emitter) -> Value:
    """The initial value of a reduction. Integers have no infinities: theirs are the extreme values."""
    kind = FUNCTIONS[function].identity
    scalar = TensorShape((), dtype)
    if kind in ("zero", "one"):
        return emitter.constant(int(kind == "one"), scalar)
    if kind == "ones":
        return emitter.constant(-1 if dtype.is_integer else True, scalar)
    if dtype.is_float:
        return emitter.constant(float("-inf" if kind == "lowest" else "inf"), scalar)
    lowest = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
    highest = (1 << (dtype.bits - 1 if dtype.is_signed else dtype.bits)) - 1
    return emitter.constant(lowest if kind == "lowest" else highest, scalar)


def _reduce(op: Operation, operands: Sequence[Value], result: TensorShape, scene: Scene) -> Value:
    body = text(op.attributes, "body")
    dimensions = integers(op.attributes, "dimensions")
    if not dimensions:
        return operands[0]
    initial = _identity(body, result.dtype, scene.emitter)
    attributes = (("dimensions", _array(sorted(dimensions))),)
    return scene.emitter.operation(op.name, (*operands, initial), result, attributes, body)


def _reduce_window(op: Operation, operands: Sequence[Value], result: TensorShape, scene: Scene) -> Value:
    values, rank = op.attributes, len(result.extents)
    body = text(values, "body")
    attributes = [("window_dimensions", _array(scene.numbers(affines(values, "window_dimensions"))))]
    for name in ("window_strides", "base_dilations", "window_dilations"):
        if is_set(values, name):
            attributes.append((name, _array(integers(values, name))))
    if is_set(values, "padding"):
        pairs = affine_pairs(values, "padding", rank)
        attributes.append(("padding", _pairs([(scene.number(a), scene.number(b)) for a, b in pairs])))
    initial = _identity(body, result.dtype, scene.emitter)
    return scene.emitter.operation(op.name, (*operands, initial), result, attributes, body)


def _starts(op: Operation, scene: Scene) -> tuple[Affine, ...]:
    return tuple(scene.fixed(start) for start in affines(op.attributes, "starts"))


def _leaving(
    starts: Sequence[Affine], window: Sequence[int], whole: Sequence[int], loops: Sequence[LoopRange]
) -> tuple[int, ...]:
    """The dimensions in which a window may be out of bounds."""
    rows = zip(starts, window, whole, strict=True)
    return tuple(
        dimension
        for dimension, (start, length, extent) in enumerate(rows)
        if not stays_within(start, 0, extent - length, loops)
    )


def _dynamic_slice(op: Operation, operands: Sequence[Value], result: TensorShape, scene: Scene) -> Value:
    (operand,) = operands
    starts = _starts(op, scene)
    if not starts:
        return operand
    leaving = _leaving(starts, result.extents, operand.type.extents, scene.loops)
    if all(result.extents[dimension] == 1 for dimension in leaving):
        found = _window(operand, starts, result, scene)
        if not leaving:
            return found
        nothing = scene.emitter.constant(0, result)
        return _choose(_inside(starts, operand, leaving, scene), found, nothing, scene)
    operand, starts = _with_margin(operand, starts, result.extents, scene)
    return _window(operand, starts, result, scene)


def _window(operand: Value, starts: Sequence[Affine], result: TensorShape, scene: Scene) -> Value:
    """The window at starts that are clamped into bounds, as StableHLO clamps them."""
    if all(start.is_constant for start in starts):
        return _static_slice(operand, _clamped(starts, operand, result.extents), result, scene)
    scalars = [emit_index(start, scene) for start in starts]
    attributes = (("slice_sizes", _array(result.extents)),)
    return scene.emitter.operation("stablehlo.dynamic_slice", (operand, *scalars), result, attributes)


def _clamped(starts: Sequence[Affine], operand: Value, window: Sequence[int]) -> list[int]:
    rows = zip(starts, operand.type.extents, window, strict=True)
    return [min(max(start.constant, 0), extent - length) for start, extent, length in rows]


def _inside(starts: Sequence[Affine], operand: Value, dimensions: Sequence[int], scene: Scene) -> Value:
    """Whether starts are in bounds in some dimensions, as a truth value."""
    emitter = scene.emitter
    found: Value | None = None
    for dimension in dimensions:
        start = emit_index(starts[dimension], scene)
        last = emitter.integer(operand.type.extents[dimension] - 1)
        for direction, bound in (("GE", emitter.integer(0)), ("LE", last)):
            holds = emitter.operation("stablehlo.compare", (start, bound), I1, _signed(direction))
            found = holds if found is None else emitter.operation("stablehlo.and", (found, holds), I1)
    assert found is not None, "there is a dimension to ask about"
    return found


def _choose(truth: Value, then: Value, otherwise: Value, scene: Scene) -> Value:
    return scene.emitter.operation("stablehlo.select", (truth, then, otherwise), then.type)


def _signed(direction: str) -> AttributeTexts:
    return (
        ("comparison_direction", f"#stablehlo<comparison_direction {direction}>"),
        ("compare_type", "#stablehlo<comparison_type SIGNED>"),
    )


def _static_slice(operand: Value, starts: Sequence[int], result: TensorShape, scene: Scene) -> Value:
    if operand.type == result:
        return operand
    limits = [start + length for start, length in zip(starts, result.extents, strict=True)]
    attributes = (
        ("start_indices", _array(starts)),
        ("limit_indices", _array(limits)),
        ("strides", _array([1] * len(limits))),
    )
    return scene.emitter.operation("stablehlo.slice", (operand,), result, attributes)


def _with_margin(
    operand: Value, starts: Sequence[Affine], window: Sequence[int], scene: Scene
) -> tuple[Value, tuple[Affine, ...]]:
    """The operand between margins of zeros as wide as the window, and the starts in it.

    StableHLO clamps a start that is out of bounds; between the margins a clamped window lies in zeros
    alone, which is what the formula says. Starts that are constants are clamped here. Windows of one
    element are not padded: they are in or out as a whole, and `_inside` decides.
    """
    shape = tuple(e + 2 * w for e, w in zip(operand.type.extents, window, strict=True))
    wide = TensorShape(shape, operand.type.dtype)
    zero = scene.emitter.constant(0, TensorShape((), wide.dtype))
    attributes = (
        ("edge_padding_low", _array(window)),
        ("edge_padding_high", _array(window)),
        ("interior_padding", _array([0] * len(window))),
    )
    padded = scene.emitter.operation("stablehlo.pad", (operand, zero), wide, attributes)
    moved = [start + width for start, width in zip(starts, window, strict=True)]
    clamped = [
        Affine.of(min(max(m.constant, 0), e - w)) if m.is_constant else m
        for m, e, w in zip(moved, shape, window, strict=True)
    ]
    return padded, tuple(clamped)


def _dynamic_update_slice(
    op: Operation, operands: Sequence[Value], result: TensorShape, scene: Scene
) -> Value:
    operand, update = operands
    starts = _starts(op, scene)
    if not starts:
        return update
    if update.type.is_empty:
        return operand
    window = update.type.extents
    leaving = _leaving(starts, window, result.extents, scene.loops)
    if not leaving and update.type == result:
        return update
    if all(window[dimension] == 1 for dimension in leaving):
        if leaving:
            old = _window(operand, starts, update.type, scene)
            update = _choose(_inside(starts, operand, leaving, scene), update, old, scene)
        scalars = [emit_index(start, scene) for start in starts]
        return scene.emitter.operation(op.name, (operand, update, *scalars), result)
    target, moved = _with_margin(operand, starts, window, scene)
    scalars = [emit_index(start, scene) for start in moved]
    written = scene.emitter.operation(op.name, (target, update, *scalars), target.type)
    return _static_slice(written, window, result, scene)


_Special = Callable[[Operation, Sequence[Value], TensorShape, Scene], Value]

_SPECIAL: Mapping[str, _Special] = {
    "stablehlo.reduce": _reduce,
    "stablehlo.reduce_window": _reduce_window,
    "stablehlo.dynamic_slice": _dynamic_slice,
    "stablehlo.dynamic_update_slice": _dynamic_update_slice,
}


def emit_index(expression: Affine, scene: Scene) -> Value:
    """An affine expression in induction variables as an i64 scalar, computed from the loop counters."""
    return _emit_fixed(scene.fixed(expression), scene)


def _emit_fixed(expression: Affine, scene: Scene) -> Value:
    emitter = scene.emitter
    total: Value | None = None
    for atom, coefficient in expression.terms:
        if isinstance(atom, FloorDiv):
            # Floor divisions nest as deep as the source's own subscripts do.
            value = _floor_divide(_emit_fixed(atom.numerator, scene), atom.denominator, atom, scene)
        else:
            counter = (scene.counters or {}).get(atom)
            if counter is None:
                raise VerificationError(f"{atom} is neither a size nor a loop around")
            value = counter
        if coefficient != 1:
            value = emitter.operation("stablehlo.multiply", (value, emitter.integer(coefficient)), I64)
        total = value if total is None else emitter.operation("stablehlo.add", (total, value), I64)
    if total is None:
        return emitter.integer(expression.constant)
    if expression.constant:
        total = emitter.operation("stablehlo.add", (total, emitter.integer(expression.constant)), I64)
    return total


def _floor_divide(value: Value, divisor: int, atom: FloorDiv, scene: Scene) -> Value:
    """StableHLO's division truncates: one less where the numerator is negative and not a multiple."""
    emitter = scene.emitter
    by = emitter.integer(divisor)
    quotient = emitter.operation("stablehlo.divide", (value, by), I64)
    if stays_within(atom.numerator, 0, (1 << 62) - 1, scene.loops):
        return quotient
    rest = emitter.operation("stablehlo.remainder", (value, by), I64)
    negative = emitter.operation("stablehlo.compare", (rest, emitter.integer(0)), I1, _signed("LT"))
    lower = emitter.operation("stablehlo.add", (quotient, emitter.integer(-1)), I64)
    return emitter.operation("stablehlo.select", (negative, lower, quotient), I64)
