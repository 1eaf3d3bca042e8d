import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import (
    Affine,
    Apply,
    Array,
    Axis,
    Cast,
    Constant,
    Constraint,
    Formula,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Program,
    Reduce,
    Region,
    RegionProgram,
    Role,
    SequentialLoop,
    Size,
    evaluate,
    evaluate_regions,
    guard_mask,
)
from exalift.affine.algebra import PRIME, Machine, PrimeField, Rational
from exalift.base import DType, UsageError, VerificationError

F, MACHINE, FIELD = DType.F64, Machine(), PrimeField()
ROW, J, K, N, M, L = (Affine.symbol(name) for name in "ijkNML")
SIZES = {"N": 4, "M": 5, "L": 3}


def load(array, *indices):
    return Load(array, tuple(Affine.of(index) for index in indices), F)


def product(left, right):
    return Apply("multiply", (left, right), F)


def dense(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_contractions_are_einsums():
    a, b = dense(4, 3), dense(3, 5, seed=1)
    body = Reduce("add", (Axis("k", L),), product(load("A", ROW, K), load("B", K, J)), F)
    formula = Formula((Axis("i", N), Axis("j", M)), body)
    result = evaluate(formula, {"A": a, "B": b}, SIZES, MACHINE)
    np.testing.assert_allclose(result, a @ b)
    exact = evaluate(
        formula, {"A": np.full((4, 3), PRIME - 1), "B": np.full((3, 5), PRIME - 1)}, SIZES, FIELD
    )
    assert (exact == 3).all()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=4), st.data())
def test_random_einsums(extents, data):
    """Any two operands over any of four axes, any of which may be empty."""
    names = "abcd"
    sizes = dict(zip("ABCD", extents, strict=True))
    subsets = st.lists(st.sampled_from(names), unique=True, max_size=3)
    left, right = data.draw(subsets), data.draw(subsets)
    kept = [n for n in data.draw(st.permutations(names)) if n in left + right and data.draw(st.booleans())]
    operands = {
        which: dense(*(sizes[n.upper()] for n in axes), seed=k)
        for k, (which, axes) in enumerate([("x", left), ("y", right)])
    }
    body = product(load("x", *left), load("y", *right))
    reduced = tuple(Axis(n, Affine.of(n.upper())) for n in names if n in left + right and n not in kept)
    if reduced:
        body = Reduce("add", reduced, body, F)
    formula = Formula(tuple(Axis(n, Affine.of(n.upper())) for n in kept), body)
    result = evaluate(formula, operands, sizes, MACHINE)
    expected = np.einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", operands["x"], operands["y"])
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=1e-12)


def test_out_of_bounds_reads_zero_in_every_algebra():
    for algebra in (MACHINE, FIELD, Rational()):
        x = algebra.index(np.arange(1, 5), F)
        formula = Formula((Axis("i", N),), load("x", ROW * 2 - 1))
        result = evaluate(formula, {"x": x}, SIZES, algebra)
        assert algebra.equal(result, algebra.index(np.array([0, 2, 4, 0]), F), F).all()
        empty = evaluate(formula, {"x": x[:0]}, SIZES, algebra)
        assert empty.shape == (4,) and algebra.equal(empty, algebra.constant(0, F), F).all()


def test_guards_reductions_nest_and_see_outer_axes():
    """out[i] = max over j of (sum over k <= i of A[j,k]), a triangular sum inside a maximum."""
    a = dense(5, 4)
    guard = Guard.of(Constraint(ROW - K))
    inner = Reduce("add", (Axis("k", N),), load("A", J, K), F, guard)
    formula = Formula((Axis("i", N),), Reduce("maximum", (Axis("j", M),), inner, F))
    result = evaluate(formula, {"A": a}, SIZES, MACHINE)
    np.testing.assert_allclose(result, [a[:, : i + 1].sum(1).max() for i in range(4)])


def test_a_reduction_whose_body_ignores_its_axes_still_counts_them():
    count = Reduce("add", (Axis("j", M), Axis("k", L)), Constant(1, F), F, Guard.of(Constraint(J - K - 1)))
    assert evaluate(Formula((), count), {}, SIZES, MACHINE) == 9
    whole = Reduce("add", (Axis("j", M), Axis("k", L)), Constant(1, F), F)
    assert evaluate(Formula((), whole), {}, SIZES, MACHINE) == 15
    assert evaluate(Formula((), whole), {}, {"M": -2, "L": 3}, MACHINE) == 0
    lowest = Reduce("maximum", (Axis("j", M),), Constant(1, F), F)
    assert evaluate(Formula((), lowest), {}, {"M": 0}, MACHINE) == -np.inf


def test_large_reductions_go_in_slabs():
    a = dense(200, 200)
    body = Reduce("add", (Axis("k", N),), product(load("A", ROW, K), load("A", K, J)), F)
    formula = Formula((Axis("i", N), Axis("j", N)), body)
    np.testing.assert_allclose(evaluate(formula, {"A": a}, {"N": 200}, MACHINE), a @ a)


def test_indices_guards_casts_and_selects():
    index = IndexValue(ROW * 2 + (ROW // 2), DType.I32)
    formula = Formula((Axis("i", N),), Cast(index, F))
    assert evaluate(formula, {}, SIZES, MACHINE).tolist() == [0, 2, 5, 7]
    odd = GuardValue(Guard.of(Constraint(ROW % 2 - 1, equality=True)))
    select = Apply("select", (odd, load("x", ROW), Constant(0, F)), F)
    assert evaluate(Formula((Axis("i", N),), select), {"x": np.arange(1.0, 5)}, SIZES, MACHINE).tolist() == [
        0,
        2,
        0,
        4,
    ]
    result = evaluate(Formula((Axis("i", N), Axis("j", M)), odd), {}, SIZES, MACHINE)
    assert result.shape == (4, 5) and result.dtype == bool and result[1].all() and not result[2].any()


def test_guard_masks_agree_with_guards_at_points():
    guard = Guard.of(Constraint(ROW - J), Constraint(J - 1)) | Guard.of(
        Constraint(ROW + J - 6, equality=True)
    )
    grids = {"i": np.arange(5).reshape(5, 1), "j": np.arange(6)}
    mask = guard_mask(guard, grids)
    assert mask.tolist() == [[guard.at({"i": i, "j": j}) for j in range(6)] for i in range(5)]
    assert (np.broadcast_to(guard_mask(~guard, grids), mask.shape) == ~mask).all()


def test_deep_expressions_do_not_recurse():
    body = load("x", ROW)
    for _ in range(20_000):
        body = Apply("add", (body, Constant(1, F)), F)
    result = evaluate(Formula((Axis("i", N),), body), {"x": np.zeros(4)}, SIZES, MACHINE)
    assert (result == 20_000).all()


def test_a_shared_node_is_computed_once():
    body = load("x", ROW)
    for _ in range(60):
        body = Apply("add", (body, body), F)
    result = evaluate(Formula((Axis("i", N),), body), {"x": np.ones(4)}, SIZES, MACHINE)
    assert (result == 2.0**60).all()


def test_every_result_is_a_fresh_array():
    x = np.ones(4)
    result = evaluate(Formula((Axis("i", N),), load("x", ROW)), {"x": x}, SIZES, MACHINE)
    result[0] = 7
    assert x[0] == 1


def _program(arrays, body, results, returned=None):
    source_arrays = tuple(a for a in arrays if a.role is Role.PARAMETER)
    source = Program("f", ("N", *(a.name for a in source_arrays)), (Size("N"),), source_arrays, ())
    return RegionProgram(source, tuple(arrays), tuple(body), results, returned)


def test_regions_read_before_they_write_and_write_where_the_guard_holds():
    """x[i+1] = x[i] for i < N-2, all at once; then twice more inside a loop."""
    region = Region("x", (Axis("i", N - 1),), (ROW + 1,), load("x", ROW), Guard.of(Constraint(N - 3 - ROW)))
    x = Array("x", F, (N,))
    program = _program([x], [region], (("x", "x"),))
    given = {"x": np.arange(5.0)}
    assert evaluate_regions(program, given, {"N": 5}, MACHINE)["x"].tolist() == [0, 0, 1, 2, 4]
    assert given["x"].tolist() == [0, 1, 2, 3, 4]
    loop = SequentialLoop("t", (Affine.of(0),), (Affine.of(2), N), (region,), "x at t needs x at t-1")
    program = _program([x], [loop], (("x", "x"),))
    assert evaluate_regions(program, given, {"N": 5}, MACHINE)["x"].tolist() == [0, 0, 0, 1, 4]


def test_regions_use_induction_variables_and_rename_results():
    """total (a local) gathers t * x[t]; y's final contents lie in y_1."""
    t = Affine.symbol("t")
    total = Array("total", F, (), Role.LOCAL)
    renamed = Array("y_1", F, (N,), Role.LOCAL)
    weighted = product(Cast(IndexValue(t, DType.I32), F), load("x", t))
    step = Region("total", (), (), Apply("add", (load("total"), weighted), F))
    copy = Region("y_1", (Axis("i", N),), (N - 1 - ROW,), load("total"), Guard.of(Constraint(ROW - 1)))
    loop = SequentialLoop("t", (Affine.of(1),), (N,), (step,), "total carries a sum")
    arrays = [Array("x", F, (N,)), Array("y", F, (N,)), total, renamed]
    program = _program(arrays, [loop, copy], (("y", "y_1"),), "total")
    results = evaluate_regions(program, {"x": np.ones(4), "y": np.ones(4)}, {"N": 4}, MACHINE)
    assert results["y"].tolist() == [6, 6, 6, 0] and results["return"] == 6
    assert results["x"].tolist() == [1, 1, 1, 1] and set(results) == {"x", "y", "return"}


def test_regions_refuse_what_is_missing_or_out_of_bounds():
    region = Region("x", (Axis("i", N),), (ROW + 1,), load("x", ROW))
    program = _program([Array("x", F, (N,))], [region], (("x", "x"),))
    with pytest.raises(VerificationError, match="out of bounds"):
        evaluate_regions(program, {"x": np.ones(4)}, {"N": 4}, MACHINE)
    with pytest.raises(UsageError, match="no input"):
        evaluate_regions(program, {}, {"N": 4}, MACHINE)
    with pytest.raises(UsageError, match="no value for the size"):
        evaluate_regions(program, {"x": np.ones(4)}, {}, MACHINE)
    with pytest.raises(UsageError, match="shape"):
        evaluate_regions(program, {"x": np.ones(5)}, {"N": 4}, MACHINE)
