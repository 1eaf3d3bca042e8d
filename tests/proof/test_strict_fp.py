"""`strict_fp`: only the same floating-point operations in the same order pass; all laws used are exact."""

import numpy as np
import pytest
from proof_kernels import F, N, add, array_of, call, i, lifted, load, loop, mul, number, program, store

from exalift.affine import Affine, Array, Cast, Load, interpret
from exalift.affine.algebra import Machine
from exalift.base import DType
from exalift.dialects import TensorLoop, Update, evaluate_program
from exalift.dialects.stablehlo import (
    STABLEHLO,
    compare,
    convert,
    dot_general,
    dynamic_slice,
    op,
    reduce,
    reshape,
    splat,
)
from exalift.proof import Level, Status, prove
from exalift.proof.all_sizes import prove_all_sizes

F32 = DType.F32


def strictly(source, target):
    return prove_all_sizes(source, target, STABLEHLO, budget_s=20, strict_fp=True).proved


def elementwise(value):
    """y[i] = value, of elements of a, b and c."""
    arrays = [Array(name, F, (N,)) for name in "abcy"]
    return program("elementwise", arrays, [loop("i", 0, "N", store("y", [i], value))])


A, B, C = (load(name, i) for name in "abc")


def target_of(source, value):
    return lifted(source, [Update("y", value)])


def nodes_of(source):
    return [array_of(source, name) for name in "abc"]


def test_sums_of_three_are_not_reassociated():
    source = elementwise(add(A, B, C))
    a, b, c = nodes_of(source)
    assert strictly(source, target_of(source, op("add", op("add", a, b), c)))
    assert strictly(source, target_of(source, op("add", c, op("add", b, a))))
    assert not strictly(source, target_of(source, op("add", a, op("add", b, c))))
    assert not strictly(source, target_of(source, op("add", op("add", a, c), b)))


@pytest.mark.parametrize(
    ("value", "other", "same"),
    [
        (A, lambda a, b: op("add", a, splat(0.0, a.type)), False),  # -0 + 0 is 0
        (A, lambda a, b: op("multiply", a, splat(1.0, a.type)), False),  # exact, but not said to be
        (call("negate", A), lambda a, b: op("subtract", splat(0.0, a.type), a), False),
        (call("subtract", A, A), lambda a, b: splat(0.0, a.type), False),  # infinity
        (call("negate", call("subtract", A, B)), lambda a, b: op("subtract", b, a), False),
        (mul(number(2.0), A), lambda a, b: op("multiply", a, splat(2.0, a.type)), True),
        (call("divide", A, number(2.0)), lambda a, b: op("multiply", a, splat(0.5, a.type)), True),
        (call("divide", A, number(3.0)), lambda a, b: op("multiply", a, splat(1 / 3, a.type)), False),
        (mul(A, add(A, B)), lambda a, b: op("add", op("multiply", a, a), op("multiply", a, b)), False),
        (call("maximum", A, B), lambda a, b: op("maximum", b, a), False),  # of zeros and NaNs
        (call("maximum", A, B), lambda a, b: op("maximum", a, b), True),
        (
            call("select", call("compare_gt", A, B), A, B),
            lambda a, b: op("select", compare("LT", b, a), a, b),
            True,
        ),
        (
            call("select", call("compare_gt", A, B), A, B),
            lambda a, b: op("select", compare("LE", a, b), b, a),
            False,  # a NaN is neither
        ),
        (call("select", call("compare_gt", A, B), A, B), lambda a, b: op("maximum", a, b), False),
    ],
)
def test_laws_hold_bit_for_bit(value, other, same):
    source = elementwise(value)
    a, b, _ = nodes_of(source)
    target = target_of(source, other(a, b))
    assert strictly(source, target) is same
    if same:
        odd = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -2.5, 5e-324, 1.7e308, 0.1])
        left, right = (np.tile(odd, 10), np.repeat(odd, 10))
        inputs = {"a": left, "b": right, "c": left, "y": left}
        with np.errstate(all="ignore"):
            one = interpret(source, inputs, {"N": 100}, Machine())["y"]
            two = evaluate_program(target, inputs, {"N": 100}, Machine(), STABLEHLO)["y"]
        known = ~np.isnan(one)
        assert (one.view(np.uint64) == two.view(np.uint64))[known].all() and np.isnan(two)[~known].all()


def dot():
    arrays = [Array("a", F, (N,)), Array("b", F, (N,)), Array("s", F, ())]
    step = store("s", [], add(load("s"), mul(load("a", i), load("b", i))))
    return program("dot", arrays, [loop("i", 0, "N", step)])


def test_a_dot_product_has_no_order_and_a_loop_has():
    source = dot()
    a, b, s = (array_of(source, name) for name in "abs")
    whole = lifted(source, [Update("s", op("add", s, dot_general(a, b, [(0, 0)])))])
    summed = lifted(source, [Update("s", op("add", s, reduce(op("multiply", a, b), "add", [0])))])
    assert not strictly(source, whole) and not strictly(source, summed)

    def in_order(at):
        part = [reshape(dynamic_slice(node, [at], [1]), ()) for node in (a, b)]
        body = (Update("s", op("add", s, op("multiply", *part))),)
        return lifted(source, [TensorLoop("t", (Affine(),), (N,), body, "")])

    assert strictly(source, in_order(Affine.symbol("t")))
    assert not strictly(source, in_order(N - 1 - Affine.symbol("t")))
    verdict = prove(source, in_order(Affine.symbol("t")), STABLEHLO, strict_fp=True)
    assert (verdict.status, verdict.level) == (Status.PROVED, Level.ALL_SIZES)
    assert not any("reassociated" in sentence or "reals" in sentence for sentence in verdict.assumptions)
    assert any("IEEE 754" in sentence for sentence in verdict.assumptions)
    loose = prove(source, whole, STABLEHLO, strict_fp=True)
    assert loose.status is Status.UNKNOWN and "order" in loose.reason


def test_narrow_results_are_rounded_where_the_source_rounds_them():
    arrays = [Array("a", F32, (N,)), Array("b", F32, (N,)), Array("y", F32, (N,))]
    a, b = (Load(name, (i,), F32) for name in "ab")
    wide = Cast(add(Cast(a, F), Cast(b, F)), F32)
    source = program("wide", arrays, [loop("i", 0, "N", store("y", [i], wide))])
    left, right = (array_of(source, name) for name in "ab")
    through = convert(op("add", convert(left, F), convert(right, F)), F32)
    assert strictly(source, target_of(source, through))
    assert not strictly(source, target_of(source, op("add", left, right)))
