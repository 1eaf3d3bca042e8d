"""Several extrema become one clamp, and only where that is the same."""

from __future__ import annotations

import numpy as np
import pytest

from exalift.affine import Affine
from exalift.affine.algebra import Machine
from exalift.base import DType
from exalift.dialects import ArrayValue, Node, Operation, TensorType, evaluate_node
from exalift.dialects.stablehlo import STABLEHLO, constant, op, simplify_nodes, splat

X = ArrayValue("x", TensorType((Affine.symbol("n"),), DType.F64))
WHOLE = ArrayValue("x", TensorType((Affine.symbol("n"),), DType.I32))
VALUES = np.array([-np.inf, -3.0, -1.0, -0.5, 0.0, 1.0, 2.5, np.inf, np.nan])


def full(value: int, like: ArrayValue = X) -> Node:
    return splat(value, like.type)


CASES = {
    "max of min": (op("maximum", full(-1), op("minimum", X, full(2))), "clamp"),
    "min of max": (op("minimum", op("maximum", X, full(-1)), full(2)), "clamp"),
    "ends that cross": (op("maximum", full(2), op("minimum", X, full(-1))), "maximum"),
    "a clamp from below by itself": (op("clamp", X, X, constant(2, DType.F64)), "minimum"),
    "two clamps": (op("maximum", full(0), op("clamp", X, X, constant(2, DType.F64))), "clamp"),
    "what was taken off": (op("subtract", WHOLE, op("minimum", WHOLE, full(0, WHOLE))), "maximum"),
    "infinities that would be NaN": (op("subtract", X, op("minimum", X, full(0))), "subtract"),
}


@pytest.mark.parametrize("case", CASES)
def test_extrema_are_joined(case: str) -> None:
    node, expected = CASES[case]
    (simple,) = simplify_nodes([node])
    assert isinstance(simple, Operation)
    assert simple.name == f"stablehlo.{expected}"
    values = VALUES if node.type.dtype is DType.F64 else np.array([-(2**31), -5, 0, 7, 2**31 - 1], np.int32)
    before, after = (
        evaluate_node(n, {"x": values}, {"n": len(values)}, Machine(), STABLEHLO) for n in (node, simple)
    )
    assert np.array_equal(before, after, equal_nan=node.type.dtype.is_float)
