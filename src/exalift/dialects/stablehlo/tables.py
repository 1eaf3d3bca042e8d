# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Tables of numbers as nodes: a ramp, or as many scalar constants, since lifted programs have no other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from exalift.base import DType

from ..graph import ConstantValue, Node
from ..types import TensorType
from .build import Number, concatenate, iota, op, reshape, splat

MOST_ELEMENTS = 1024
"""The largest table of different numbers."""


class UnsupportedConstant(Exception):
    """The constant has no form; the message says why."""


def number(value: object, dtype: DType) -> Number:
    """A number as nodes keep it: floating point exactly, unless it is not finite."""
    if dtype is DType.I1:
        return bool(value)
    if not dtype.is_float:
        return int(value)  # pyright: ignore[reportArgumentType]
    found = float(value)  # pyright: ignore[reportArgumentType]
    return Fraction(found) if math.isfinite(found) else found


def table_node(values: NDArray[np.generic], type: TensorType, make: Callable[[Node], Node]) -> Node:
    """A tensor of these numbers; `make` sees every op that is made.

    Raises UnsupportedConstant for tables of more than `MOST_ELEMENTS` numbers that are not a ramp.
    """
    shape = tuple(extent.constant for extent in type.shape)
    ramp = _ramp(values, type, make)
    if ramp is not None:
        return ramp
    if values.size > MOST_ELEMENTS:
        raise UnsupportedConstant(
            f"a table of {values.size} different numbers; up to {MOST_ELEMENTS} are read, "
            "pass it as an argument"
        )
    scalars: list[Node] = [
        make(reshape(ConstantValue(number(v, type.dtype), TensorType((), type.dtype)), (1,)))
        for v in values.reshape(-1).tolist()
    ]
    return make(reshape(_joined(scalars, make), shape))


def _joined(parts: Sequence[Node], make: Callable[[Node], Node]) -> Node:
    """All parts one after the other, as a balanced tree."""
    level: list[Node] = list(parts)
    while len(level) > 1:
        pairs = [level[k : k + 2] for k in range(0, len(level), 2)]
        level = [make(concatenate(*pair, 0)) if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0]


def _ramp(values: NDArray[np.generic], type: TensorType, make: Callable[[Node], Node]) -> Node | None:
    """`start + step * index` along one dimension, where integers are that (`np.arange` and the like)."""
    if not type.dtype.is_integer:
        return None
    whole = values.astype(object)
    start = int(whole.flat[0])
    for dimension, extent in enumerate(values.shape):
        if extent < 2:
            continue
        at = [0] * values.ndim
        at[dimension] = 1
        step = int(whole[tuple(at)]) - start
        index = (
            np.arange(extent)
            .astype(object)
            .reshape([-1 if d == dimension else 1 for d in range(values.ndim)])
        )
        if step and bool(np.all(whole == start + step * index)):
            node = make(iota(type.shape, dimension, type.dtype))
            if step != 1:
                node = make(op("multiply", node, make(splat(step, type))))
            return make(op("add", node, make(splat(start, type)))) if start else node
    return None
