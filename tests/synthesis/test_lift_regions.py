"""Regions written by hand, lifted, and run against the regions' own meaning."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from exalift.affine import (
    Affine,
    Apply,
    Array,
    Axis,
    Cast,
    Constant,
    Constraint,
    Expression,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Program,
    Reduce,
    Region,
    RegionProgram,
    RegionStep,
    SequentialLoop,
    Size,
    evaluate_regions,
)
from exalift.affine.algebra import Algebra, Machine, PrimeField
from exalift.base import DType, VerificationError
from exalift.dialects import Operation, TensorLoop, Update, evaluate_program, postorder
from exalift.dialects.stablehlo import STABLEHLO
from exalift.synthesis import LiftedRegions, LiftOptions, lift_regions

F64 = DType.F64
n, m, p = (Affine.symbol(name) for name in ("n", "m", "p"))
i, j, k, r, s, t = (Affine.symbol(name) for name in ("i", "j", "k", "r", "s", "t"))
TWO, THREE = Affine((), 2), Affine((), 3)


def times(*factors: Expression) -> Expression:
    result = factors[0]
    for factor in factors[1:]:
        result = Apply("multiply", (result, factor), factor.dtype)
    return result


def plus(*terms: Expression) -> Expression:
    result = terms[0]
    for term in terms[1:]:
        result = Apply("add", (result, term), term.dtype)
    return result


def at(array: str, *indices: Affine, dtype: DType = F64) -> Load:
    return Load(array, indices, dtype)


def total(body: Expression, *axes: tuple[str, Affine], guard: Guard | None = None) -> Reduce:
    named = tuple(Axis(name, extent) for name, extent in axes)
    return Reduce("add", named, body, body.dtype, guard or Guard(((),)))


def region(
    array: str, axes: dict[str, Affine], indices: tuple[Affine, ...], value: Expression, *guard: Constraint
):
    return Region(array, tuple(Axis(a, e) for a, e in axes.items()), indices, value, Guard.of(*guard))


def program(arrays: dict[str, tuple[Affine, ...]], *steps: RegionStep, dtype: DType = F64) -> RegionProgram:
    declared = tuple(Array(name, dtype, shape) for name, shape in arrays.items())
    sizes = tuple(Size(name, minimum=3) for name in ("n", "m", "p"))
    source = Program("f", ("n", "m", "p", *arrays), sizes, declared, ())
    written: dict[str, None] = {}
    pending = list(steps)
    while pending:
        match pending.pop():
            case Region(array=array):
                written[array] = None
            case SequentialLoop(body=body):
                pending += body
    return RegionProgram(source, declared, steps, tuple((a, a) for a in arrays if a in written))


def ops(lifted: LiftedRegions) -> set[str]:
    found: set[str] = set()
    pending = list(lifted.program.body)
    while pending:
        match pending.pop():
            case Update(value=value):
                found |= {x.name.split(".")[1] for x in postorder(value) if isinstance(x, Operation)}
            case TensorLoop(body=body):
                pending += body
    return found


SIZES = ({"n": 3, "m": 4, "p": 5}, {"n": 9, "m": 6, "p": 3})


def check(regions: RegionProgram, *, loops: int = 0, algebra: Algebra | None = None) -> LiftedRegions:
    """Lift, count the loops that were added, and compare at sizes that the search did not use."""
    lifted = lift_regions(regions, STABLEHLO)
    assert sum(report.residual_loops for report in lifted.reports) == loops
    compare(regions, lifted, algebra or PrimeField())
    return lifted


def compare(regions: RegionProgram, lifted: LiftedRegions, field: Algebra) -> None:
    for sizes in SIZES:
        generator = np.random.default_rng(7)
        inputs = {
            a.name: field.random(generator, tuple(e.at(sizes) for e in a.shape), a.dtype)
            for a in regions.arrays
        }
        expected = evaluate_regions(regions, inputs, sizes, field)
        actual = evaluate_program(lifted.program, inputs, sizes, field, STABLEHLO)
        for name, holder in regions.results:
            np.testing.assert_array_equal(actual[name], expected[holder])


def test_a_matrix_product_is_one_contraction() -> None:
    value = plus(
        times(at("beta"), at("C", i, j)), total(times(at("alpha"), at("A", i, k), at("B", k, j)), ("k", p))
    )
    step = region("C", {"i": n, "j": m}, (i, j), value)
    lifted = check(program({"alpha": (), "beta": (), "C": (n, m), "A": (n, p), "B": (p, m)}, step))
    assert ops(lifted) == {"broadcast_in_dim", "multiply", "dot_general", "add"}


@pytest.mark.parametrize("left", [(i, k), (k, i)])
@pytest.mark.parametrize("right", [(k, j), (j, k)])
@pytest.mark.parametrize("out", [(i, j), (j, i)])
def test_matrix_products_in_all_transpositions(left, right, out) -> None:
    extents = {"i": n, "j": m, "k": p}
    shapes = {"ABC"[x]: tuple(extents[str(a)] for a in axes) for x, axes in enumerate((left, right, out))}
    step = region("C", {"i": n, "j": m}, out, total(times(at("A", *left), at("B", *right)), ("k", p)))
    assert "dot_general" in ops(check(program(shapes, step)))


def test_a_triangular_sum_masks_a_factor() -> None:
    inside = total(times(at("A", k, i), at("B", k, j)), ("k", n), guard=Guard.of(Constraint(k - i - 1)))
    step = region("B", {"i": n, "j": m}, (i, j), plus(at("B", i, j), inside))
    assert {"select", "dot_general", "iota"} <= ops(check(program({"A": (n, n), "B": (n, m)}, step)))


def test_a_triangle_of_the_result_keeps_the_rest() -> None:
    value = plus(at("C", i, j), total(times(at("A", i, k), at("A", j, k)), ("k", m)))
    check(
        program({"C": (n, n), "A": (n, m)}, region("C", {"i": n, "j": n}, (i, j), value, Constraint(i - j)))
    )


def test_a_stencil_is_slices() -> None:
    around = [at("A", i + 1 + di, j + 1 + dj) for di, dj in ((0, 0), (0, -1), (0, 1), (1, 0), (-1, 0))]
    value = times(Constant(0.2, F64), plus(*around))
    step = region("B", {"i": n - 2, "j": n - 2}, (i + 1, j + 1), value)
    assert "slice" in ops(check(program({"A": (n, n), "B": (n, n)}, step)))


@pytest.mark.parametrize(
    ("indices", "shape"),
    [
        ((j, i), (m, n)),
        ((i, i), (n, n)),
        ((n - 1 - i, j), (n, m)),
        ((i * 2 + 1, j), (n * 2 + 1, m)),
        ((i, TWO), (n, THREE)),
        ((i - 1, j), (n, m)),
        ((i + 2, j + 1), (n, m)),
        ((i // 2, j), (n, m)),
        ((i, j, i), (n, m, n)),
        ((j + 1, n - 1 - i), (m + 1, n)),
    ],
    ids=str,
)
def test_accesses(indices: tuple[Affine, ...], shape: tuple[Affine, ...]) -> None:
    """Transposed, diagonal, reversed, strided, fixed, over the edge, repeated."""
    value = plus(at("A", *indices), at("C", i, j))
    check(program({"A": shape, "C": (n, m)}, region("C", {"i": n, "j": m}, (i, j), value)))


@pytest.mark.parametrize(
    ("indices", "shape"),
    [
        ((i, i), (n, n)),
        ((i * 2, j), (n * 2, m)),
        ((n - 1 - i, j), (n, m)),
        ((i + 1, j), (n + 2, m)),
        ((j, i), (m, n)),
        ((i, TWO, j), (n, THREE, m)),
    ],
    ids=str,
)
def test_writes(indices: tuple[Affine, ...], shape: tuple[Affine, ...]) -> None:
    """Diagonal, strided, reversed, boxed, transposed, fixed."""
    names = {name for index in indices for name in index.names} & {"i", "j"}
    extents = {name: {"i": n, "j": m}[name] for name in sorted(names)}
    value = at("A", *(Affine.symbol(name) for name in extents))
    check(program({"C": shape, "A": tuple(extents.values())}, region("C", extents, indices, value)))


def test_pooling_is_a_window() -> None:
    body = Reduce("maximum", (Axis("r", TWO), Axis("s", TWO)), at("A", i * 2 + r, j * 2 + s), F64)
    lifted = check(program({"C": (n, m), "A": (n * 2, m * 2)}, region("C", {"i": n, "j": m}, (i, j), body)))
    assert ops(lifted) == {"reduce_window"}


def test_a_convolution_of_one_channel() -> None:
    body = total(times(at("A", i + r, j + s), at("W", r, s)), ("r", THREE), ("s", THREE))
    arrays = {"C": (n, m), "A": (n + 2, m + 2), "W": (THREE, THREE)}
    assert "convolution" in ops(check(program(arrays, region("C", {"i": n, "j": m}, (i, j), body))))


def test_a_convolution_of_many_channels_in_another_layout() -> None:
    c, o = Affine.symbol("c"), Affine.symbol("o")
    body = total(times(at("A", i + r, j + s, c), at("W", o, c, r, s)), ("c", p), ("r", THREE), ("s", THREE))
    arrays = {"C": (n, m, THREE), "A": (n + 2, m + 2, p), "W": (THREE, p, THREE, THREE)}
    step = region("C", {"i": n, "j": m, "o": THREE}, (i, j, o), body)
    assert "convolution" in ops(check(program(arrays, step)))


def test_a_product_of_three_meets_in_pairs() -> None:
    body = total(times(at("A", i, k), at("d", k), at("B", j, k)), ("k", p))
    check(
        program(
            {"A": (n, p), "d": (p,), "B": (m, p), "C": (n, m)}, region("C", {"i": n, "j": m}, (i, j), body)
        )
    )


def test_batched_contractions() -> None:
    body = total(times(at("A", t, i, k), at("B", t, k, j)), ("k", p))
    arrays = {"A": (THREE, n, p), "B": (THREE, p, m), "C": (THREE, n, m)}
    lifted = check(program(arrays, region("C", {"t": THREE, "i": n, "j": m}, (t, i, j), body)))
    assert ops(lifted) == {"dot_general"}


def test_a_maximum_over_a_triangle() -> None:
    body = Reduce("maximum", (Axis("k", n),), at("A", i, k), F64, Guard.of(Constraint(i - k)))
    check(program({"A": (n, n), "C": (n,)}, region("C", {"i": n}, (i,), body)))


def test_indices_as_data() -> None:
    value = plus(at("C", i, j), Cast(IndexValue(i * 2 - j + 1, DType.I32), F64))
    check(program({"C": (n, m)}, region("C", {"i": n, "j": m}, (i, j), value)))


def test_a_loop_that_stays_slices_dynamically() -> None:
    inner = region("A", {"j": m}, (t, j), times(at("A", t, j), at("x", t)), Constraint(j - t - 1))
    loop = SequentialLoop("t", (Affine(),), (n,), (inner,), "by hand")
    lifted = check(program({"A": (n, m), "x": (n,)}, loop))
    assert "dynamic_slice" in ops(lifted)


def test_windows_that_move_over_the_edge() -> None:
    inner = region("y", {"i": n}, (i,), plus(at("y", i), at("r", t - i)), Constraint(t - i))
    loop = SequentialLoop("t", (Affine((), 1),), (n,), (inner,), "by hand")
    check(program({"y": (n,), "r": (n,)}, loop))


def test_what_no_op_computes_stays_a_loop() -> None:
    """A sum over a triangle of a function of two axes and a result of rank 1 would need a cube."""
    body = Reduce("maximum", (Axis("k", m), Axis("j", m)), plus(at("A", i, k), at("A", i, j)), F64)
    lifted = check(program({"A": (n, m), "C": (n,)}, region("C", {"i": n}, (i,), body)), loops=1)
    assert any(isinstance(step, TensorLoop) for step in lifted.program.body)


def test_one_element_for_all_of_an_inside() -> None:
    """`A[3]` may lie past the inside that it fills, where the array is small."""
    check(program({"A": (n,)}, region("A", {"i": n - 2}, (i + 1,), at("A", THREE))))


def test_a_write_whose_subscript_rises_in_steps() -> None:
    """`A[i % 2][i]` is no box: the first subscript is `i` less a quotient of `i`."""
    step = region("A", {"i": n}, (i - (i // 2) * 2, i), at("B", i))
    check(program({"A": (TWO, n), "B": (n,)}, step))


def test_indices_that_are_compared_with_fractions() -> None:
    """`t >= 0.75` fails in the first iteration only; the field has no such order."""
    late = Apply("compare_ge", (IndexValue(t, F64), Constant(Fraction(3, 4), F64)), DType.I1)
    value = Apply("maximum", (Apply("select", (late, at("b"), at("a")), F64), at("a")), F64)
    loop = SequentialLoop("t", (Affine(),), (n,), (region("a", {}, (), value),), "by hand")
    check(program({"a": (), "b": ()}, loop), algebra=Machine())


def test_the_least_sizes_are_witnesses_too() -> None:
    """A guard on sizes alone, which fails only where a size is at its least."""
    check(program({"A": (n,)}, region("A", {}, (TWO,), Constant(5, F64), Constraint(n - 4))))


@pytest.mark.parametrize(
    "budget", [LiftOptions(direct=True), LiftOptions(budget_s=0.0)], ids=["direct", "no time"]
)
def test_the_last_resort_needs_no_search(budget: LiftOptions) -> None:
    """Every kind of expression, and a region that reads the array that it writes elsewhere."""
    inside = total(times(at("A", k, i), at("B", k, j)), ("k", n), guard=Guard.of(Constraint(k - i - 1)))
    sum_ = region("B", {"i": n, "j": m}, (i, j), plus(at("B", i, j), inside))
    shifted = region("A", {"i": n, "j": n}, (i, n - 1 - j), at("A", i + 1, j - 2))
    shifted = replace(shifted, guard=~Guard.of(Constraint(i - j, True)))
    odd = Apply("select", (GuardValue(Guard.of(Constraint(i % 2 - 1, True))), at("x", i), at("s")), F64)
    value = plus(odd, Cast(IndexValue(i * 2 - 7, DType.I32), F64))
    mixed = region("x", {"i": n}, (i,), value, Constraint(i - 1))
    steps = (sum_, shifted, mixed)
    arrays = {"A": (n, n), "B": (n, m), "x": (n,), "s": ()}
    regions = program(arrays, *steps)
    lifted = lift_regions(regions, STABLEHLO, budget)
    assert not ops(lifted) & {"dot_general", "iota", "reduce", "slice", "broadcast_in_dim"}
    assert all(report.statistics.enumerated == 0 for report in lifted.reports)
    compare(regions, lifted, PrimeField())


def test_a_dialect_without_elements_says_what_it_lacks() -> None:
    body = Reduce("maximum", (Axis("k", m), Axis("j", m)), plus(at("A", i, k), at("A", i, j)), F64)
    regions = program({"A": (n, m), "C": (n,)}, region("C", {"i": n}, (i,), body))
    with pytest.raises(VerificationError, match="no ops of stablehlo compute an element"):
        lift_regions(regions, replace(STABLEHLO, elements=None), LiftOptions(budget_s=0.0))


def test_integers_wrap() -> None:
    body = Reduce(
        "add", (Axis("k", p),), times(at("A", i, k, dtype=DType.I8), at("B", k, j, dtype=DType.I8)), DType.I8
    )
    arrays = {"A": (n, p), "B": (p, m), "C": (n, m)}
    check(program(arrays, region("C", {"i": n, "j": m}, (i, j), body), dtype=DType.I8))


def test_arrays_of_many_dimensions_are_taken_over_as_they_are() -> None:
    """Of twelve dimensions, tiny ones as well, there are too many elements to observe."""
    names = [f"i{d}" for d in range(12)]
    indices = tuple(Affine.symbol(name) for name in names)
    value = plus(at("a", *indices), at("b", *reversed(indices)))
    step = region("a", dict.fromkeys(names, n), indices, value)
    found = lift_regions(program({"a": (n,) * 12, "b": (n,) * 12}, step), STABLEHLO)
    assert found.program.body and not any(report.statistics.enumerated for report in found.reports)
