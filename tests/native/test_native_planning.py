"""What threads share: not what they would have to hand to each other in every round of a loop."""

from __future__ import annotations

from exalift.affine import Affine, Apply, Axis, Expression, Load, Reduce
from exalift.base import DType
from exalift.native.planning import moved, weigh
from exalift.native.program import Assignment, Block, Sequential

N = 600
ROW, COLUMN, TURN = (Affine.symbol(name) for name in "ijk")


def axes(names: str) -> tuple[Axis, ...]:
    return tuple(Axis(name, Affine.of(N)) for name in names)


def load(array: str, *indices: Affine) -> Load:
    return Load(array, indices, DType.F64)


def apply(function: str, *operands: Expression) -> Expression:
    return Apply(function, operands, DType.F64)


UPDATE = Assignment(
    "A", axes("ij"), (ROW, COLUMN), apply("add", load("A", ROW, COLUMN), load("B", ROW, COLUMN))
)
BY_COLUMNS = Assignment(
    "s", axes("j"), (COLUMN,), Reduce("add", axes("i"), load("A", ROW, COLUMN), DType.F64)
)
BY_ROWS = Assignment("s", axes("i"), (ROW,), Reduce("add", axes("j"), load("A", ROW, COLUMN), DType.F64))
ONE_ROW = Assignment(
    "C", axes("ij"), (ROW, COLUMN), apply("multiply", load("C", ROW, COLUMN), load("A", TURN, COLUMN))
)


def loop(*assignments: Assignment) -> Sequential:
    body = tuple(Block((assignment,), True) for assignment in assignments)
    return Sequential("k", (Affine.of(0),), (Affine.of(N),), body)


def test_what_is_written_by_rows_and_read_by_columns_moves() -> None:
    assert moved(loop(UPDATE, BY_COLUMNS).body) == N * N / 2
    assert not weigh(loop(UPDATE, BY_COLUMNS)).pays


def test_what_is_read_as_it_was_written_stays() -> None:
    assert moved(loop(UPDATE, BY_ROWS).body) == 0
    assert weigh(loop(UPDATE, BY_ROWS)).pays


def test_one_row_for_all_is_little() -> None:
    assert moved(loop(UPDATE, ONE_ROW).body) == N / 2
    assert weigh(loop(UPDATE, ONE_ROW)).pays
