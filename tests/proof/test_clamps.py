"""Choices, extrema and clamps of one number: what is proved equal is equal at every number there is."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from exalift.affine import Affine
from exalift.base import DType
from exalift.dialects import Argument, ArrayValue, Node, Result, TensorProgram, TensorType, Update
from exalift.dialects.stablehlo import STABLEHLO, op, splat
from exalift.frontend.c import parse_c
from exalift.proof.all_sizes import prove_all_sizes

N = Affine.symbol("n")

# Ways to keep x within ends, in C. The numbers in braces are drawn, and most often meant to be the ends.
CHOICES = (
    "x < {a} ? {b} : x > {c} ? {d} : x",
    "x > {c} ? {d} : x < {a} ? {b} : x",
    "x >= {a} ? x <= {c} ? x : {d} : {b}",
    "x <= {c} ? x >= {a} ? x : {b} : {d}",
    "x < {a} ? {b} : x",
    "x <= {c} ? x : {d}",
)


def choice(draw: random.Random, low: int, high: int) -> tuple[str, Callable[[int], int]]:
    """A C expression of `x`, and what it means."""
    ends = {"a": low, "b": low, "c": high, "d": high}
    drawn = {name: end + (draw.choice([-1, 1]) if draw.random() < 0.1 else 0) for name, end in ends.items()}
    which = draw.randrange(len(CHOICES))
    a, b, c, d = drawn.values()
    meaning = (
        lambda x: b if x < a else d if x > c else x,
        lambda x: d if x > c else b if x < a else x,
        lambda x: (x if x <= c else d) if x >= a else b,
        lambda x: (x if x >= a else b) if x <= c else d,
        lambda x: b if x < a else x,
        lambda x: x if x <= c else d,
    )
    return CHOICES[which].format(**drawn), meaning[which]


def extremum(draw: random.Random, x: Node, low: int, high: int) -> tuple[Node, Callable[[int], int]]:
    """A nest of extrema of `x` with the ends, and what it means."""
    a, b = splat(low, x.type), splat(high, x.type)
    match draw.randrange(6):
        case 0:
            return op("maximum", a, op("minimum", b, x)), lambda v: max(low, min(high, v))
        case 1:
            return op("minimum", b, op("maximum", a, x)), lambda v: min(high, max(low, v))
        case 2:
            return op("clamp", a, x, b), lambda v: min(max(v, low), high)
        case 3:
            inner = op("maximum", a, op("maximum", b, x))
            return op("minimum", b, inner), lambda v: min(high, max(low, high, v))
        case 4:
            return op("maximum", a, x), lambda v: max(low, v)
        case _:
            return op("minimum", b, x), lambda v: min(high, v)


@pytest.mark.parametrize(("element", "dtype"), [("int", DType.I32), ("double", DType.F64)])
def test_what_is_proved_equal_is_equal_everywhere(element: str, dtype: DType) -> None:
    draw = random.Random(7)
    type = TensorType((N,), dtype)
    array, result = Argument("b", type), Result("b", "b", type)
    proved = equal = differ = 0
    for _ in range(300):
        low = draw.randint(-3, 3)
        high = low + draw.randint(-1, 4)
        text, meant = choice(draw, low, high)
        target, means = extremum(draw, ArrayValue("a", type), low, high)
        same = all(meant(v) == means(v) for v in range(-12, 13))
        body = f"for (int i = 0; i < n; i++) {{ {element} x = a[i]; b[i] = {text}; }}"
        (source,) = parse_c(f"void f(int n, const {element} a[n], {element} b[n]) {{ {body} }}", "f.c")
        step = Update("b", target)
        lifted = TensorProgram("f", "stablehlo", (), (Argument("a", type),), (array,), (step,), (result,))
        found = prove_all_sizes(source, lifted, STABLEHLO).proved
        assert same or not found, (text, str(target))
        proved, equal, differ = proved + found, equal + same, differ + (not same)
    assert equal > 40 and differ > 100
    assert proved > equal * 0.8
