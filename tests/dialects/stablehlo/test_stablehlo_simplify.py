"""Clean-up keeps the meaning, and does what its rules say."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stablehlo_random_programs import ARGUMENTS, SIZES, TYPES, programs

from exalift.affine import Affine
from exalift.affine.algebra import Machine
from exalift.base import DType, VerificationError
from exalift.dialects import (
    Argument,
    ArrayValue,
    ConstantValue,
    Node,
    Operation,
    Result,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
    evaluate_node,
    evaluate_program,
)
from exalift.dialects.stablehlo import (
    STABLEHLO,
    broadcast,
    compare,
    concatenate,
    constant,
    convert,
    dot_general,
    dynamic_slice,
    dynamic_update_slice,
    index_scalar,
    iota,
    op,
    pad,
    reduce,
    reshape,
    reverse,
    simplify,
    simplify_nodes,
    slice_,
    splat,
    transpose,
)

N, M, K = (Affine.symbol(name) for name in "NMK")
F64 = DType.F64


def tensor(name: str, *shape: Affine, dtype: DType = F64) -> ArrayValue:
    return ArrayValue(name, TensorType(shape, dtype))


A, B, C = tensor("A", N, M), tensor("B", N, M), tensor("C", M, N)
X, Y, S = tensor("x", N), tensor("y", M), tensor("s")
P, Q = tensor("p", N, dtype=DType.I1), tensor("q", N, dtype=DType.I32)


_ROW, _COLUMN = broadcast(iota((N,), 0), (N, M), (0,)), broadcast(iota((M,), 0), (N, M), (1,))
_GRID = iota((N, M), 0), iota((N, M), 1)


def simple(node: Node) -> Node:
    (result,) = simplify_nodes([node])
    return result


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=programs(), seed=st.integers(0, 100))
def test_random_programs_keep_their_meaning(program: TensorProgram, seed: int) -> None:
    generator = np.random.default_rng(seed)
    inputs = {
        name: np.asarray(generator.integers(-3, 4, size=TYPES[name].at(SIZES))).astype(
            TYPES[name].dtype.numpy_name
        )
        for name in ARGUMENTS
    }
    cleaned = simplify(program)
    expected = evaluate_program(program, inputs, SIZES, Machine(), STABLEHLO)
    got = evaluate_program(cleaned, inputs, SIZES, Machine(), STABLEHLO)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-12)
    again = simplify(cleaned)
    assert again == cleaned


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (op("add", X, splat(0, X.type)), X),
        (op("add", splat(0.0, X.type), X), X),
        (op("subtract", X, splat(0, X.type)), X),
        (op("multiply", splat(1, X.type), X), X),
        (op("divide", X, splat(Fraction(1), X.type)), X),
        (op("negate", op("negate", X)), X),
        (op("add", X, op("negate", X)), op("subtract", X, X)),
        (op("multiply", X, splat(-1, X.type)), op("negate", X)),
        (op("maximum", X, X), X),
        (op("multiply", Q, splat(0, Q.type)), splat(0, Q.type)),
        (op("select", P, X, X), X),
        (op("select", op("not", P), X, op("negate", X)), op("select", P, op("negate", X), X)),
        (op("select", splat(True, P.type), X, op("negate", X)), X),
        (convert(convert(Q, F64), DType.I32), Q),
        (convert(iota((N,), 0), F64), iota((N,), 0, F64)),
        (convert(index_scalar("N", DType.I64), F64), index_scalar("N", F64)),
        (op("add", constant(2, F64), constant(Fraction(1, 2), F64)), constant(Fraction(5, 2), F64)),
        (op("add", splat(2, X.type), splat(3, X.type)), splat(Fraction(5), X.type)),
        (transpose(transpose(A, [1, 0]), [1, 0]), A),
        (transpose(broadcast(X, (M, N), (1,)), [1, 0]), broadcast(X, (N, M), (0,))),
        (broadcast(broadcast(S, (N,), ()), (N, M), (0,)), broadcast(S, (N, M), ())),
        (broadcast(reshape(X, (N, 1)), (N, M), (0, 1)), broadcast(X, (N, M), (0,))),
        (broadcast(iota((N,), 0), (M, N), (1,)), iota((M, N), 1)),
        (transpose(iota((N, M), 0), [1, 0]), iota((M, N), 1)),
        (reshape(reshape(X, (N, 1)), (N,)), X),
        (slice_(slice_(X, [1], [N]), [1], [N - 1]), slice_(X, [2], [N])),
        (slice_(broadcast(X, (N, M), (0,)), [0, 1], [N, M]), broadcast(X, (N, M - 1), (0,))),
        (concatenate(slice_(X, [0], [3]), slice_(X, [3], [N]), 0), X),
        (reverse(reverse(A, [0]), [0, 1]), reverse(A, [1])),
        (pad(X, constant(0, F64), [0], [0]), X),
        (dynamic_slice(X, [0], [N]), X),
        (dynamic_update_slice(X, dynamic_slice(X, ["i"], [1]), ["i"]), X),
        (reduce(reduce(A, "add", [1]), "add", [0]), reduce(A, "add", [0, 1])),
        (reduce(A, "add", []), A),
        (dot_general(transpose(C, [1, 0]), Y, [(1, 0)]), dot_general(C, Y, [(0, 0)])),
        (transpose(dot_general(A, B, [(1, 1)]), [1, 0]), dot_general(B, A, [(1, 1)])),
        (op("select", compare("LT", _ROW, _COLUMN), A, B), op("select", compare("LT", *_GRID), A, B)),
        (dot_general(Y, A, [(0, 1)]), dot_general(A, Y, [(1, 0)])),
        (op("dot", A, Y), dot_general(A, Y, [(1, 0)])),
        (
            reduce(op("multiply", A, broadcast(Y, (N, M), (1,))), "add", [1]),
            dot_general(A, Y, [(1, 0)]),
        ),
        (
            reduce(
                op("multiply", broadcast(A, (N, N, M), (0, 2)), broadcast(B, (N, N, M), (1, 2))), "add", [2]
            ),
            dot_general(A, B, [(1, 1)]),
        ),
        (
            op("multiply", broadcast(S, (N, M), ()), broadcast(X, (N, M), (0,))),
            broadcast(op("multiply", broadcast(S, (N,), ()), X), (N, M), (0,)),
        ),
        (
            compare("LT", broadcast(S, (N,), ()), splat(1, X.type)),
            broadcast(compare("LT", S, constant(1, F64)), (N,), ()),
        ),
    ],
    ids=lambda node: str(node.name) if isinstance(node, Operation) else "",
)
def test_rules(before: Node, after: Node) -> None:
    assert simple(before) == after
    check_equal_values(before, after)


def check_equal_values(before: Node, after: Node) -> None:
    """Both have one value on random arrays."""
    sizes = {"N": 5, "M": 4, "i": 2}
    generator = np.random.default_rng(0)
    arrays = {
        node.name: Machine().random(generator, node.type.at(sizes), node.type.dtype)
        for node in (*_leaves(before), *_leaves(after))
        if isinstance(node, ArrayValue)
    }
    left, right = (evaluate_node(node, arrays, sizes, Machine(), STABLEHLO) for node in (before, after))
    np.testing.assert_allclose(left, right, rtol=1e-12)


def _shuffled(draw: st.DrawFn, node: Node) -> tuple[Node, list[int]]:
    """The node transposed at random, and where its dimensions went."""
    permutation = draw(st.permutations(range(node.type.rank)))
    return transpose(node, permutation), [permutation.index(d) for d in range(node.type.rank)]


@st.composite
def contractions(draw: st.DrawFn) -> Node:
    """dot_general of transposed operands, transposed; or the sum of a product of broadcasts."""
    labels = {"b": N, "c": M, "k": M, "l": N, "i": M, "j": N}
    shared, summed = draw(st.sampled_from(["", "b", "bc"])), draw(st.sampled_from(["k", "kl"]))
    sides = (
        shared + summed + draw(st.sampled_from(["", "i"])),
        shared + summed + draw(st.sampled_from(["", "j"])),
    )
    arrays = [tensor(f"a{p}", *(labels[label] for label in side)) for p, side in enumerate(sides)]
    if draw(st.booleans()):
        (lhs, left), (rhs, right) = (_shuffled(draw, array) for array in arrays)
        batching = [(left[d], right[d]) for d in range(len(shared))]
        contracting = [(left[d], right[d]) for d in range(len(shared), len(shared + summed))]
        return _shuffled(draw, dot_general(lhs, rhs, contracting, batching))[0]
    order = draw(st.permutations(sorted({*sides[0], *sides[1]})))
    shape = tuple(labels[label] for label in order)
    product = op(
        "multiply",
        *(broadcast(a, shape, [order.index(c) for c in side]) for a, side in zip(arrays, sides, strict=True)),
    )
    return reduce(product, "add", [order.index(label) for label in summed])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(node=contractions())
def test_contractions_keep_their_meaning(node: Node) -> None:
    cleaned = simple(node)
    check_equal_values(node, cleaned)
    assert simple(cleaned) is cleaned or simple(cleaned) == cleaned


@pytest.mark.parametrize(
    "node",
    [
        op("multiply", X, splat(0, X.type)),
        op("subtract", X, X),
        op("add", splat(0.1, X.type), X),
        op("divide", X, X),
        op("add", constant(0.1, F64), constant(0.2, F64)),
        op("multiply", constant(math.inf, F64), constant(0, F64)),
        convert(convert(X, DType.F32), F64),
        op("select", P, X, op("negate", X)),
        reduce(op("multiply", A, B), "add", [1]),
        slice_(X, [1], [N]),
        dynamic_slice(X, ["i"], [1]),
        transpose(A, [1, 0]),
    ],
    ids=lambda node: node.name,
)
def test_what_must_stay(node: Node) -> None:
    """0 * NaN is not 0, 0.1 + 0.2 has no exact value, a sum over equal ranks is no contraction."""
    assert simple(node) == node


def test_negative_zero_keeps_its_sign() -> None:
    node = simple(op("divide", S, op("add", constant(-0.0, F64), constant(-0.0, F64))))
    values = [o.value for o in _leaves(node) if isinstance(o, ConstantValue)]
    assert values and all(math.copysign(1, v) == -1 for v in values)
    first, second = simplify_nodes([constant(0.0, F64), constant(-0.0, F64)])
    assert isinstance(first, ConstantValue) and isinstance(second, ConstantValue)
    assert math.copysign(1, first.value) != math.copysign(1, second.value)


def _leaves(node: Node) -> list[Node]:
    if not isinstance(node, Operation):
        return [node]
    return [leaf for operand in node.operands for leaf in _leaves(operand)]


def program_of(*body: Update | TensorLoop, results: tuple[str, ...] = ("x",)) -> TensorProgram:
    arguments = (X, A)
    arrays = (tensor("t", N), tensor("u", N))
    types = {a.name: a.type for a in (*arguments, *arrays)}
    return TensorProgram(
        "f",
        "stablehlo",
        ("N", "M"),
        tuple(Argument(a.name, a.type) for a in arguments),
        tuple(Argument(a.name, a.type) for a in arrays),
        body,
        tuple(Result(r, r, types[r]) for r in results),
    )


T, U = tensor("t", N), tensor("u", N)


def test_a_local_used_once_is_put_where_it_is_used() -> None:
    program = program_of(Update("t", op("sine", X)), Update("x", op("negate", op("negate", T))))
    cleaned = simplify(program)
    assert cleaned.body == (Update("x", op("sine", X)),)
    assert cleaned.locals == ()


def test_a_local_stays_where_what_it_reads_changes() -> None:
    program = program_of(
        Update("t", op("sine", X)), Update("x", op("cosine", X)), Update("x", op("add", X, T))
    )
    assert simplify(program).body == program.body


def test_constants_are_put_forward_and_into_loops() -> None:
    loop = TensorLoop("i", (Affine(),), (N,), (Update("x", op("add", op("negate", X), T)),))
    program = program_of(Update("t", splat(0, T.type)), loop)
    cleaned = simplify(program)
    assert cleaned.body == (TensorLoop("i", (Affine(),), (N,), (Update("x", op("negate", X)),)),)


def test_dead_things_go() -> None:
    program = program_of(
        Update("u", op("sine", X)),
        TensorLoop("i", (Affine(),), (N,), (Update("t", op("negate", T)),)),
        TensorLoop("i", (N,), (N - 1,), (Update("x", op("negate", X)),)),
        Update("x", X),
        TensorLoop("i", (Affine(),), (N,), (Update("x", op("add", X, splat(0, X.type))),)),
    )
    cleaned = simplify(program)
    assert cleaned.body == () and cleaned.locals == ()


def test_equal_nodes_become_one_object() -> None:
    left, right = op("sine", op("negate", X)), op("sine", op("negate", X))
    assert left is not right
    node = simple(op("add", left, right))
    assert isinstance(node, Operation)
    assert node.operands[0] is node.operands[1]


def test_deep_chains_do_not_recurse() -> None:
    node: Node = X
    for _ in range(20_000):
        node = op("sine", node)
    assert simple(op("negate", op("negate", node))).type == X.type


def test_foreign_ops_are_refused() -> None:
    with pytest.raises(VerificationError, match="has no op"):
        simple(Operation("tosa.add", (X, X), (), X.type))
    with pytest.raises(VerificationError, match="has type"):
        simple(Operation("stablehlo.add", (X, X), (), Y.type))
