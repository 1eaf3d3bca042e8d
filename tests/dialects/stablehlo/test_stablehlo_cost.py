"""Costs rank programs as a person would."""

from __future__ import annotations

from exalift.affine import Affine
from exalift.base import DType
from exalift.dialects import ArrayValue, TensorType
from exalift.dialects.stablehlo import broadcast, cost, dot_general, op, reduce

N, M, K = (Affine.symbol(name) for name in "NMK")
SIZES = {"N": 100, "M": 100, "K": 100}


def matrix(name: str, *shape: Affine) -> ArrayValue:
    return ArrayValue(name, TensorType(shape, DType.F64))


A, B, X = matrix("A", N, K), matrix("B", K, M), matrix("x", M)


def test_contraction_beats_a_product_that_is_stored() -> None:
    contraction = cost([dot_general(A, B, [(1, 0)])], SIZES)
    cube = (N, K, M)
    product = op("multiply", broadcast(A, cube, (0, 1)), broadcast(B, cube, (1, 2)))
    stored = cost([reduce(product, "add", [1])], SIZES)
    assert contraction < stored
    assert contraction.flops == 2 * 100**3
    assert contraction.operations == 1
    assert contraction.peak == 0


def test_order_of_contractions_matters() -> None:
    left_first = cost([dot_general(dot_general(A, B, [(1, 0)]), X, [(1, 0)])], SIZES)
    right_first = cost([dot_general(A, dot_general(B, X, [(1, 0)]), [(1, 0)])], SIZES)
    assert right_first < left_first


def test_large_intermediates_rank_last() -> None:
    outer = dot_general(X, X, [])
    row_sums = cost([reduce(outer, "add", [1])], SIZES)
    assert row_sums.oversized and row_sums.peak == 100 * 100
    assert cost([op("multiply", X, X)] * 1, SIZES) < row_sums


def test_shared_nodes_count_once() -> None:
    shared = op("sine", X)
    assert cost([op("add", shared, shared)], SIZES).operations == 2
    assert cost([shared, op("negate", shared)], SIZES).operations == 2
