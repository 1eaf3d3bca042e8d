"""Sums of one assignment over like ranges get the same axes, and walk one loop."""

from __future__ import annotations

import numpy as np
import pytest

from exalift.affine import ALWAYS, Affine, Axis, Constraint, Expression, Guard, Reduce
from exalift.base import DType
from exalift.llvm import compile_text, host_target
from exalift.native import emission
from exalift.native.executable import NativeExecutable
from exalift.native.joining import Joiner, companions
from exalift.native.program import Assignment, Block, Buffer, Procedure
from exalift.native.terms import Pool, same_scope

F64, I32 = DType.F64, DType.I32
ROWS, LENGTH = 21, 83


def sum_over(
    pool: Pool, array: str, row: Axis, axis: Axis, dtype: DType, guard: Guard = ALWAYS
) -> Expression:
    i, k = Affine.symbol(row.name), Affine.symbol(axis.name)
    factors = (pool.load(array, (i, k), dtype), pool.load("x", (k,), dtype))
    return pool.reduce("add", (axis,), pool.apply("multiply", factors, dtype), dtype, guard)


def two_sums(
    dtype: DType = F64,
    lengths: tuple[int, int] = (LENGTH, LENGTH),
    triangles: tuple[bool, bool] = (False, False),
) -> tuple[Pool, Assignment]:
    """y[i] = sum of A[i,k] x[k] less the sum of B[i,l] x[l], each up to i only where it is a triangle."""
    pool = Pool()
    row = pool.fresh_axis(ROWS, "i")
    sums: list[Expression] = []
    for array, length, triangle in zip("AB", lengths, triangles, strict=True):
        axis = pool.fresh_axis(length)
        below = Constraint(Affine.symbol(row.name) - Affine.symbol(axis.name))
        sums.append(sum_over(pool, array, row, axis, dtype, Guard.of(below) if triangle else ALWAYS))
    body = pool.apply("subtract", tuple(sums), dtype)
    return pool, Assignment("y", (row,), (Affine.symbol(row.name),), body)


def joined(pool: Pool, assignment: Assignment) -> tuple[Assignment, list[Reduce]]:
    (block,) = Joiner(pool).items((Block((assignment,)),))
    assert isinstance(block, Block)
    (made,) = block.assignments
    return made, [term for term in same_scope(made.body) if isinstance(term, Reduce)]


@pytest.mark.parametrize("triangle", [False, True])
def test_sums_over_like_ranges_get_the_same_axes(triangle: bool) -> None:
    pool, assignment = two_sums(triangles=(triangle, triangle))
    made, (first, second) = joined(pool, assignment)
    assert first.axes == second.axes
    assert first.guard == second.guard
    assert companions(made.body, pool)[id(first)] == (first, second)


@pytest.mark.parametrize(
    "arguments",
    [{"dtype": I32}, {"lengths": (LENGTH, LENGTH - 1)}, {"triangles": (True, False)}],
    ids=["integers", "lengths", "guards"],
)
def test_other_sums_stay_apart(arguments: dict[str, object]) -> None:
    pool, assignment = two_sums(**arguments)  # type: ignore[arg-type]
    made, (first, second) = joined(pool, assignment)
    assert made is assignment
    assert companions(made.body, pool)[id(first)] == (first,)
    assert companions(made.body, pool)[id(second)] == (second,)


@pytest.mark.parametrize("features", ["", "-avx512f", "-avx"])
@pytest.mark.parametrize("triangle", [False, True])
def test_they_are_right_and_share_their_loops(
    triangle: bool, features: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXALIFT_CPU", features)
    target = host_target()
    buffers = {
        "A": Buffer("A", (ROWS, LENGTH), F64),
        "B": Buffer("B", (ROWS, LENGTH), F64),
        "x": Buffer("x", (LENGTH,), F64),
        "y": Buffer("y", (ROWS,), F64),
    }
    loops: list[int] = []
    for join in (False, True):
        pool, assignment = two_sums(triangles=(triangle, triangle))
        body = (Block((joined(pool, assignment)[0] if join else assignment,)),)
        procedure = Procedure("f", buffers, ("A", "B", "x"), (("y", "y"),), frozenset(), body)
        text = emission.emit(procedure, pool, target, 1).text
        loops.append(text.count("= phi i64"))
        executable = NativeExecutable(procedure, compile_text(text, [emission.ENTRY], target), 1, text)
        random = np.random.default_rng(0)
        a, b, x = (
            random.normal(size=(ROWS, LENGTH)),
            random.normal(size=(ROWS, LENGTH)),
            random.normal(size=LENGTH),
        )
        (found,) = executable.run([a, b, x])
        keep = np.tri(ROWS, LENGTH) if triangle else 1.0
        np.testing.assert_allclose(found, (a * keep) @ x - (b * keep) @ x, rtol=1e-12, atol=1e-12)
    assert loops[1] < loops[0]
