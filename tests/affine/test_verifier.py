"""The verifier accepts a right program and refuses each way of breaking it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exalift.affine import (
    NEVER,
    Affine,
    Apply,
    Array,
    Assign,
    Axis,
    Cast,
    Constant,
    Constraint,
    Expression,
    Guard,
    GuardValue,
    If,
    IndexValue,
    Load,
    Loop,
    Program,
    Reduce,
    Role,
    Size,
    Statement,
    verify_program,
)
from exalift.base import DType, Span, VerificationError

F64, F32, I32, I1 = DType.F64, DType.F32, DType.I32, DType.I1
N, ROW, COL = (Affine.symbol(name) for name in "nij")
ZERO = Affine.of(0)
SPAN = Span("v.c", 7, 3, 7, 9)
X = Load("x", (ROW,), F64)
S = Load("s", (), F64)
K = Load("k", (), I32)


def program(*body: Statement) -> Program:
    return Program(
        name="f",
        parameters=("n", "s", "x", "k"),
        sizes=(Size("n"),),
        arrays=(
            Array("s", F64, ()),
            Array("x", F64, (N,)),
            Array("k", I32, ()),
            Array("t", F64, (), Role.LOCAL),
        ),
        body=body,
        by_value=frozenset({"s", "k"}),
    )


def over(*body: Statement, iv: str = "i") -> Loop:
    return Loop(iv, (ZERO,), (N,), body, SPAN)


def put(value: Expression) -> Program:
    return program(over(Assign("x", (ROW,), value, SPAN)))


def test_a_right_program_verifies() -> None:
    total = Reduce("add", (Axis("r", N),), Load("x", (Affine.symbol("r"),), F64), F64)
    right = program(over(Assign("x", (ROW,), total)), over(over(Assign("t", (), X), iv="j")))
    verify_program(replace(right, returns=Load("t", (), F64)))


def test_shared_nodes_are_checked_once() -> None:
    value: Expression = X
    for _ in range(200):  # 2^200 nodes as a tree
        value = Apply("add", (value, value), F64)
    verify_program(put(value))


BODIES: list[tuple[Statement, str]] = [
    (over(Assign("y", (ROW,), S)), "'y' is not declared"),
    (over(Assign("x", (ROW, ROW), S)), "rank 1 but 2 subscripts"),
    (over(Assign("x", (COL,), S)), "names 'j'"),
    (over(Assign("x", (COL // 2,), S)), "names 'j'"),
    (over(Assign("x", (ROW,), K)), "holds f64 but is assigned i32"),
    (over(over()), "'i' hides another name"),
    (over(iv="n"), "'n' hides another name"),
    (over(iv="x"), "'x' hides another name"),
    (over(iv=""), "empty name"),
    (Loop("i", (), (N,), ()), "lacks a bound"),
    (Loop("i", (ZERO,), (ROW,), ()), "names 'i'"),
    (Loop("i", (COL,), (N,), ()), "names 'j'"),
    (If(Guard.of(Constraint(ROW)), ()), "names 'i'"),
    (If(NEVER, (), (over(Assign("y", (ROW,), S)),)), "'y' is not declared"),
    (Assign("x", (ROW,), S), "names 'i'"),
]


@pytest.mark.parametrize(("statement", "message"), BODIES)
def test_wrong_statements_are_refused(statement: Statement, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        verify_program(program(statement))


def of(function: str, *operands: Expression, dtype: DType = F64) -> Apply:
    return Apply(function, operands, dtype)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Load("y", (), F64), "'y' is not declared"),
        (Load("x", (), F64), "rank 1 but 0 subscripts"),
        (Load("x", (COL,), F64), "names 'j'"),
        (Load("k", (), F64), "holds i32 but is loaded as f64"),
        (of("add", X, K), "unlike types f64, i32"),
        (of("add", K, K), "cannot give f64"),
        (of("sqrt", K), "cannot give f64"),
        (Cast(of("sqrt", K, dtype=I32), F64), "sqrt of i32 cannot give i32"),
        (of("and", X, X), "cannot give f64"),
        (of("select", K, X, X), "is i32, not i1"),
        (of("select", of("compare_lt", X, S, dtype=I1), X, K), "unlike types"),
        (Cast(of("compare_lt", X, K, dtype=I1), F64), "unlike types"),
        (Cast(of("add", Constant(True, I1), Constant(True, I1), dtype=I1), F64), "add of i1"),
        (Cast(Constant(1 << 31, I32), F64), "no constant of type i32"),
        (Cast(Constant(-1, DType.UI8), F64), "no constant of type ui8"),
        (Cast(Constant(1.5, I32), F64), "no constant of type i32"),
        (Cast(Constant(2, I1), F64), "no constant of type i1"),
        (Constant(True, F64), "no constant of type f64"),
        (Cast(IndexValue(ROW, I1), F64), "cannot be an i1"),
        (IndexValue(COL, F64), "names 'j'"),
        (Cast(GuardValue(Guard.of(Constraint(COL))), F64), "names 'j'"),
        (GuardValue(Guard.of(Constraint(ROW)), F64), "not f64"),
        (Reduce("add", (Axis("i", N),), X, F64), "'i' hides another name"),
        (Reduce("add", (Axis("r", N), Axis("r", N)), X, F64), "'r' hides another name"),
        (Reduce("add", (Axis("r", COL),), X, F64), "names 'j'"),
        (Reduce("add", (Axis("r", N),), K, F64), "reduction of i32"),
        (Reduce("add", (Axis("r", N),), X, F64, Guard.of(Constraint(COL))), "names 'j'"),
    ],
)
def test_wrong_expressions_are_refused(value: Expression, message: str) -> None:
    with pytest.raises(VerificationError, match=message) as caught:
        verify_program(put(value))
    assert str(caught.value).startswith("v.c:7:3: ")


RIGHT = program()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (replace(RIGHT, sizes=(Size("n"), Size("n"))), "'n' is declared twice"),
        (replace(RIGHT, arrays=(*RIGHT.arrays, Array("n", F64, ()))), "'n' is declared twice"),
        (replace(RIGHT, arrays=(*RIGHT.arrays, Array("", F64, ()))), "empty name"),
        (replace(RIGHT, sizes=(Size("n", F64),)), "no integer type"),
        (replace(RIGHT, sizes=(Size("n", value=1, minimum=2),)), "below its minimum 2"),
        (replace(RIGHT, parameters=("n", "s", "x")), "'k' is declared as a parameter but is not listed"),
        (replace(RIGHT, parameters=("n", "s", "x", "k", "t")), "'t' is listed as a parameter but"),
        (replace(RIGHT, parameters=("n", "s", "x", "k", "k")), "listed twice"),
        (replace(RIGHT, by_value=frozenset({"x"})), "'x' is passed by value"),
        (replace(RIGHT, by_value=frozenset({"t"})), "'t' is passed by value"),
        (replace(RIGHT, globals=frozenset({"x", "t"})), "'t' is a file-scope variable but"),
        (replace(RIGHT, arrays=(*RIGHT.arrays, Array("u", F64, (ROW,), Role.LOCAL))), "names 'i'"),
        (replace(RIGHT, constraints=Guard.of(Constraint(ROW))), "names 'i'"),
        (replace(RIGHT, returns=X), "names 'i'"),
    ],
)
def test_wrong_declarations_are_refused(wrong: Program, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        verify_program(wrong)
