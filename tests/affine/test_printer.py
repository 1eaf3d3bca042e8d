"""The printed form: one golden file with every node, and the rules of parentheses and types."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from exalift.affine import (
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
    print_expression,
    print_program,
    verify_program,
)
from exalift.base import DType, Span

F64, F32, I32, I1 = DType.F64, DType.F32, DType.I32, DType.I1
N, M, ROW, COL = (Affine.symbol(name) for name in "nmij")


def number(value: float, dtype: DType = F64) -> Constant:
    return Constant(Fraction(value), dtype)


def scalar(name: str, dtype: DType = F64) -> Load:
    return Load(name, (), dtype)


def every_node() -> Program:
    """A program without a purpose that has every kind of node."""
    span = Span("k.c", 3, 5, 3, 20)
    cell = Load("C", (ROW, COL), F64)
    product = Apply("multiply", (scalar("alpha"), Load("A", (ROW, COL // 2), F64)), F64)
    total = Reduce(
        "add",
        (Axis("k", M),),
        Cast(Load("B", (Affine.symbol("k"),), F32), F64),
        F64,
        Guard.of(Constraint(ROW - Affine.symbol("k"))),
    )
    inner = (
        Assign("C", (ROW, COL), Apply("add", (cell, product), F64), span),
        If(
            Guard.of(Constraint(ROW - COL), Constraint(ROW % 2, equality=True)),
            (Assign("C", (ROW, COL), total, span),),
            (Assign("t", (), Cast(IndexValue(ROW + COL * 2 - 1, I32), F64)),),
        ),
    )
    diagonal = Apply("select", (GuardValue(Guard.of(Constraint(ROW - 3))), scalar("t"), number(-1)), F64)
    body = (
        Loop(
            "i", (Affine.of(0),), (N, M + 1), (Loop("j", (Affine.of(0), ROW - 2), (M,), inner, span),), span
        ),
        Loop("i", (Affine.of(1),), (N - 1,), (Assign("C", (ROW, ROW), diagonal),)),
        Assign("out", (), scalar("t")),
    )
    return Program(
        name="every_node",
        parameters=("n", "m", "alpha", "C", "A", "B", "out"),
        sizes=(Size("n"), Size("m", DType.I64, minimum=2), Size("s", value=4, is_parameter=False)),
        arrays=(
            Array("alpha", F64, ()),
            Array("C", F64, (N, M)),
            Array("A", F64, (N, M)),
            Array("B", F32, (M,)),
            Array("out", F64, ()),
            Array("t", F64, (), Role.LOCAL, span),
        ),
        body=body,
        returns=scalar("t"),
        by_value=frozenset({"alpha"}),
        globals=frozenset({"m", "B"}),
        assumptions=("no NaN reaches minimum",),
        constraints=Guard.of(Constraint(M - N)),
        span=Span("k.c", 1, 1, 9, 2),
    )


def test_every_node(golden: Callable[[str, str], None]) -> None:
    program = every_node()
    verify_program(program)
    golden(print_program(program), "every_node.txt")
    golden(print_program(program, spans=True), "every_node_spans.txt")


def of(function: str, *operands: Expression, dtype: DType = F64) -> Apply:
    return Apply(function, operands, dtype)


A, B, C = (scalar(name) for name in "abc")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (of("add", of("add", A, B), C), "a + b + c"),
        (of("add", A, of("add", B, C)), "a + (b + c)"),
        (of("multiply", of("subtract", A, B), C), "(a - b) * c"),
        (of("subtract", A, of("multiply", B, C)), "a - b * c"),
        (of("negate", of("add", A, B)), "-(a + b)"),
        (of("negate", number(1)), "-(1.0)"),
        (of("multiply", of("negate", A), number(-1)), "-a * -1.0"),
        (of("select", of("compare_lt", A, B, dtype=I1), A, of("sqrt", B)), "a < b ? a : sqrt(b)"),
        (of("maximum", A, of("select", Constant(True, I1), A, B)), "maximum(a, true ? a : b)"),
        (number(0.1, F32), "0.1f32"),
        (Constant(Fraction(1, 3), F64), "(1/3)"),
        (Constant(10**400, F64), f"({10**400})"),
        (Constant(float("inf"), F64), "inf"),
        (Constant(-7, I32), "-7i32"),
        (IndexValue(ROW * 2 + 1, DType.I64), "index<i64>(2*i + 1)"),
        (Cast(of("add", A, B), F32), "cast<f32>(a + b)"),
        (of("add", A, B, dtype=F32), "(a + b : f32)"),
    ],
)
def test_expressions(expression: Expression, text: str) -> None:
    assert print_expression(expression) == text


def test_a_deep_expression_needs_no_recursion() -> None:
    expression: Expression = A
    for _ in range(5000):
        expression = of("negate", of("sqrt", expression))
    assert print_expression(expression).count("sqrt") == 5000
