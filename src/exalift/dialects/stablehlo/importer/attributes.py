# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Attributes of parsed ops in the form in which the definitions keep them."""

from __future__ import annotations

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from exalift.affine import FUNCTIONS, Affine
from exalift.base import DType

from ...types import Attributes, TensorType


class Unsupported(Exception):
    """An op, or a form of it, without a formula; the message says which."""


def integers(op: ir.Operation, name: str) -> tuple[int, ...] | None:
    """An attribute that lists integers, flattened; None where it is not set."""
    if name not in op.attributes:
        return None
    attribute = op.attributes[name]
    if isinstance(attribute, ir.DenseI64ArrayAttr | ir.DenseBoolArrayAttr):
        return tuple(int(value) for value in attribute)
    if isinstance(attribute, ir.DenseElementsAttr):
        return tuple(int(value) for value in np.array(attribute).reshape(-1).tolist())
    raise Unsupported(f"{op.name} with {name} = {attribute}")


def required(op: ir.Operation, name: str) -> tuple[int, ...]:
    found = integers(op, name)
    if found is None:
        raise Unsupported(f"{op.name} without {name}")
    return found


def integer(op: ir.Operation, name: str, default: int | None = None) -> int:
    if name not in op.attributes:
        if default is None:
            raise Unsupported(f"{op.name} without {name}")
        return default
    return int(ir.IntegerAttr(op.attributes[name]).value)


def _affines(values: tuple[int, ...]) -> tuple[Affine, ...]:
    return tuple(Affine.of(value) for value in values)


def _pairs(values: tuple[int, ...]) -> tuple[tuple[Affine, Affine], ...]:
    return tuple(
        (Affine.of(low), Affine.of(high)) for low, high in zip(values[::2], values[1::2], strict=True)
    )


def attributes_of(op: ir.Operation, result: TensorType) -> Attributes:
    """The attributes that the op's definition wants, of ops whose operands are as the definition's.

    Raises Unsupported for forms without a formula.
    """
    match op.name:
        case "stablehlo.compare":
            return _compare(op)
        case "stablehlo.convert":
            return (("dtype", str(result.dtype)),)
        case "stablehlo.broadcast_in_dim":
            return (("broadcast_dimensions", required(op, "broadcast_dimensions")), ("shape", result.shape))
        case "stablehlo.iota":
            dimension = integer(op, "iota_dimension")
            return (("dtype", str(result.dtype)), ("iota_dimension", dimension), ("shape", result.shape))
        case "stablehlo.transpose":
            return (("permutation", required(op, "permutation")),)
        case "stablehlo.reshape":
            return (("shape", result.shape),)
        case "stablehlo.slice":
            starts, limits = required(op, "start_indices"), required(op, "limit_indices")
            strides = required(op, "strides")
            return (
                ("limit_indices", _affines(limits)),
                ("start_indices", _affines(starts)),
                ("strides", strides),
            )
        case "stablehlo.pad":
            names = ("edge_padding_high", "edge_padding_low", "interior_padding")
            return tuple((name, _affines(required(op, name))) for name in names)
        case "stablehlo.concatenate":
            return (("dimension", integer(op, "dimension")),)
        case "stablehlo.reverse":
            return (("dimensions", required(op, "dimensions")),)
        case "stablehlo.dot_general":
            return _dot(op)
        case "stablehlo.convolution":
            return _convolution(op, result.rank - 2)
        case _:
            return ()


def _compare(op: ir.Operation) -> Attributes:
    direction = str(stablehlo.ComparisonDirectionAttr(op.attributes["comparison_direction"]).value)
    if "compare_type" in op.attributes:
        kind = str(stablehlo.ComparisonTypeAttr(op.attributes["compare_type"]).value)
        if kind == "TOTALORDER":
            raise Unsupported("a comparison in the total order")
    return (("comparison_direction", direction),)


def _dot(op: ir.Operation) -> Attributes:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    return (
        ("lhs_batching_dimensions", tuple(numbers.lhs_batching_dimensions)),
        ("lhs_contracting_dimensions", tuple(numbers.lhs_contracting_dimensions)),
        ("rhs_batching_dimensions", tuple(numbers.rhs_batching_dimensions)),
        ("rhs_contracting_dimensions", tuple(numbers.rhs_contracting_dimensions)),
    )


def _convolution(op: ir.Operation, spatial: int) -> Attributes:
    n = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    if integer(op, "batch_group_count", 1) != 1:
        raise Unsupported("a convolution with batch groups")
    if any(integers(op, "window_reversal") or ()):
        raise Unsupported("a convolution with reversed windows")
    ones = (1,) * spatial
    return (
        ("feature_group_count", Affine.of(integer(op, "feature_group_count", 1))),
        ("input_batch_dimension", n.input_batch_dimension),
        ("input_feature_dimension", n.input_feature_dimension),
        ("input_spatial_dimensions", tuple(n.input_spatial_dimensions)),
        ("kernel_input_feature_dimension", n.kernel_input_feature_dimension),
        ("kernel_output_feature_dimension", n.kernel_output_feature_dimension),
        ("kernel_spatial_dimensions", tuple(n.kernel_spatial_dimensions)),
        ("lhs_dilation", integers(op, "lhs_dilation") or ones),
        ("output_batch_dimension", n.output_batch_dimension),
        ("output_feature_dimension", n.output_feature_dimension),
        ("output_spatial_dimensions", tuple(n.output_spatial_dimensions)),
        ("padding", _pairs(integers(op, "padding") or (0,) * (2 * spatial))),
        ("rhs_dilation", integers(op, "rhs_dilation") or ones),
        ("window_strides", integers(op, "window_strides") or ones),
    )


def window_attributes(op: ir.Operation, body: str, rank: int) -> Attributes:
    """Those of reduce_window."""
    ones = (1,) * rank
    return (
        ("base_dilations", integers(op, "base_dilations") or ones),
        ("body", body),
        ("padding", _pairs(integers(op, "padding") or (0,) * (2 * rank))),
        ("window_dilations", integers(op, "window_dilations") or ones),
        ("window_dimensions", _affines(required(op, "window_dimensions"))),
        ("window_strides", integers(op, "window_strides") or ones),
    )


def region_function(op: ir.Operation, region: ir.Region) -> str:
    """The function that a region `(a, b) -> f(a, b)` applies; "set" for `(a, b) -> b`.

    Raises Unsupported for any other region.
    """
    block = region.blocks[0]
    operations = [inner.operation for inner in block.operations]
    arguments = list(block.arguments)
    returned = list(operations[-1].operands)
    if len(arguments) != 2 or len(returned) != 1:
        raise Unsupported(f"{op.name} of several operands at once")
    if len(operations) == 1 and returned[0] == arguments[1]:
        return "set"
    if len(operations) == 2:
        inner = operations[0]
        function = inner.name.removeprefix("stablehlo.")
        used = list(inner.operands)
        applied = returned[0] == inner.results[0] and used in (arguments, arguments[::-1])
        if applied and function in FUNCTIONS and FUNCTIONS[function].reduces:
            return _on_truths(function, tensor_type(arguments[0].type).dtype)
    raise Unsupported(f"{op.name} with a body that is not one of the known functions")


def _on_truths(function: str, dtype: DType) -> str:
    """What arithmetic on `i1` is."""
    if dtype is DType.I1:
        return {"add": "or", "maximum": "or", "multiply": "and", "minimum": "and"}.get(function, function)
    return function


def tensor_type(type: ir.Type) -> TensorType:
    """A static tensor of numbers. Raises Unsupported for anything else."""
    if not isinstance(type, ir.RankedTensorType) or not type.has_static_shape:
        raise Unsupported(f"values of type {type}: only static tensors of numbers are read")
    try:
        dtype = DType(str(type.element_type))
    except ValueError as error:
        raise Unsupported(f"elements of type {type.element_type}") from error
    return TensorType(tuple(Affine.of(int(extent)) for extent in type.shape), dtype)
