# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Constants of a module as nodes: one number everywhere, a ramp, or a small table."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxlib.mlir import ir
from numpy.typing import NDArray

from exalift.base import DType

from ...graph import Node
from ...types import TensorType
from ..build import splat
from ..tables import UnsupportedConstant, number, table_node


def constant_node(attribute: ir.Attribute, type: TensorType, make: Callable[[Node], Node]) -> Node:
    """The node of a `stablehlo.constant`; `make` sees every op that is made.

    Raises UnsupportedConstant for tables of more than `MOST_ELEMENTS` numbers that are not a ramp, and
    for forms other than dense ones.
    """
    if not isinstance(attribute, ir.DenseElementsAttr):
        raise UnsupportedConstant("only dense constants are read")
    shape = tuple(extent.constant for extent in type.shape)
    if math.prod(shape) == 0:
        return make(splat(0 if type.dtype is not DType.I1 else False, type))
    if attribute.is_splat:
        return make(splat(number(_splat(attribute), type.dtype), type))
    values = _values(attribute, shape)
    return table_node(values, type, make)


def _splat(attribute: ir.DenseElementsAttr) -> object:
    value = attribute.get_splat_value()
    assert isinstance(value, ir.FloatAttr | ir.IntegerAttr | ir.BoolAttr)
    return value.value


def _values(attribute: ir.DenseElementsAttr, shape: tuple[int, ...]) -> NDArray[np.generic]:
    try:
        return np.array(attribute).reshape(shape)
    except (TypeError, ValueError) as error:
        raise UnsupportedConstant(f"a table of {attribute.type} cannot be read: {error}") from error
