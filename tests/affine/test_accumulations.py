"""Which assignments are accumulations."""

from __future__ import annotations

import math

import pytest
from affine_notation import program

from exalift.affine import Apply, Assign, Cast, Constant, Expression, Load, print_expression
from exalift.affine.accumulations import Accumulation, find_accumulation, identity_constant
from exalift.base import DType


def find(text: str) -> Accumulation | None:
    made = program(text, T="", a="", b="", c="")
    (assign,) = made.body
    assert isinstance(assign, Assign)
    return find_accumulation(assign)


@pytest.mark.parametrize(
    ("text", "function", "operator", "term"),
    [
        ("T = T + a", "add", "add", "a"),
        ("T = a + T", "add", "add", "a"),
        ("T = T - a", "add", "subtract", "a"),
        ("T = T + a + b", "add", "add", "a + b"),
        ("T = a + (b + T)", "add", "add", "b + a"),
        ("T = T - a - b", "add", "subtract", "a + b"),
        ("T = T - a + b", "add", "add", "b - a"),
        ("T = T * a", "multiply", "multiply", "a"),
        ("T = a * (T * b)", "multiply", "multiply", "a * b"),
        ("T = max(a, T)", "maximum", "maximum", "a"),
        ("T = min(min(a, T), b)", "minimum", "minimum", "a, b"),
        ("T = select(a < b, T + c, T)", "add", "add", "a < b ? c : 0.0"),
        ("T = select(a < b, T, T - c)", "add", "subtract", "a < b ? 0.0 : c"),
    ],
)
def test_accumulations(text: str, function: str, operator: str, term: str) -> None:
    found = find(text)
    assert found is not None
    assert (found.function, found.operator) == (function, operator)
    assert term in print_expression(found.term)


@pytest.mark.parametrize(
    "text",
    [
        "T = a",
        "T = a - T",
        "T = T + T",
        "T = T + a * T",
        "T = T * a + b",
        "T = T / a",
        "T = max(T, a) + b",
        "T = select(T < a, T + b, T)",
        "T = select(a < b, T + c, a)",
        "T = select(a < b, T, T)",
    ],
)
def test_other_assignments(text: str) -> None:
    assert find(text) is None


def _narrow(function: str, narrow: DType, wide: DType, term: Expression) -> Accumulation | None:
    old = Cast(Load("T", (), narrow), wide)
    return find_accumulation(Assign("T", (), Cast(Apply(function, (old, term), wide), narrow)))


def test_a_sum_in_a_wider_type_may_be_narrowed_at_the_end() -> None:
    found = _narrow("add", DType.I8, DType.I32, Load("a", (), DType.I32))
    assert found is not None
    combined = found.combine(found.term)
    assert combined.dtype is DType.I8
    assert _narrow("add", DType.F32, DType.F64, Load("a", (), DType.F64)) is not None


def test_a_maximum_in_a_wider_type_only_of_narrow_terms() -> None:
    assert _narrow("maximum", DType.I8, DType.I32, Load("a", (), DType.I32)) is None
    assert _narrow("maximum", DType.I8, DType.I32, Cast(Load("a", (), DType.I8), DType.I32)) is not None


def test_no_rounding_at_each_step_is_put_off() -> None:
    assert _narrow("add", DType.I32, DType.F64, Load("a", (), DType.F64)) is None
    assert _narrow("add", DType.I32, DType.I8, Load("a", (), DType.I8)) is None


@pytest.mark.parametrize(
    ("function", "dtype", "value"),
    [
        ("add", DType.F64, 0),
        ("multiply", DType.I32, 1),
        ("maximum", DType.F32, -math.inf),
        ("minimum", DType.I8, 127),
        ("maximum", DType.UI8, 0),
        ("minimum", DType.UI16, 65535),
        ("and", DType.I32, -1),
        ("and", DType.UI8, 255),
        ("and", DType.I1, True),
        ("or", DType.I1, False),
    ],
)
def test_identities(function: str, dtype: DType, value: float) -> None:
    assert identity_constant(function, dtype) == Constant(value, dtype)
