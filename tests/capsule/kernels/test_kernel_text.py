"""The text form: what is printed reads back, what is wrong is refused with its place, versions are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_runs import run_whole
from kernel_samples import SAMPLES

from exalift.base import DType, RefusedError
from exalift.capsule.kernels import (
    DTYPES,
    FUNCTIONS,
    Apply,
    Buffer,
    Constraint,
    Convert,
    Expression,
    Holds,
    Index,
    IndexValue,
    Kernel,
    Literal,
    Load,
    Module,
    Nest,
    Quotient,
    Range,
    Role,
    Store,
    parse_module,
    print_module,
)

FROZEN = Path(__file__).parent / "frozen"


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_read_back_as_they_are(name: str) -> None:
    module = parse_module(SAMPLES[name].text)
    assert parse_module(print_module(module)) == module


def test_version_1_is_read_and_means_what_it_did() -> None:
    """A frozen text of every version stays, with the results that it had."""
    text = (FROZEN / "kernels-1.txt").read_text(encoding="utf-8")
    (kernel,) = parse_module(text).kernels
    with np.load(FROZEN / "kernels-1.npz") as values:
        inputs = [values[f"input{position}"] for position in range(len(kernel.bound))]
        results = run_whole(kernel, {"first": 0}, inputs)
        for position, result in enumerate(results):
            assert np.array_equal(result, values[f"result{position}"])


_INDICES = st.builds(
    lambda a, b, c, q: (
        Index.of("i") * a + Index.of("j") * b + c + Index.of(Quotient(Index.of("i") + q, 3)) * a
    ),
    *(st.integers(-3, 3) for _ in range(4)),
)


def _leaves(dtype: DType) -> st.SearchStrategy[Expression]:
    if dtype is DType.I1:
        constraints = st.lists(st.builds(Constraint, _INDICES, st.booleans()), min_size=1, max_size=2)
        return st.one_of(
            st.booleans().map(lambda value: Literal(value, dtype)), constraints.map(lambda c: Holds(tuple(c)))
        )
    if dtype.is_float:
        numbers = st.floats(allow_nan=False, width=32).map(lambda value: Literal(value, dtype))
    else:
        low = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
        numbers = st.integers(low, low + (1 << dtype.bits) - 1).map(lambda value: Literal(value, dtype))
    loads = st.builds(lambda i, checked: Load(f"b_{dtype}", (i,), dtype, checked), _INDICES, st.booleans())
    return st.one_of(numbers, loads, _INDICES.map(lambda index: IndexValue(index, dtype)))


def _expressions(dtype: DType, depth: int) -> st.SearchStrategy[Expression]:
    if not depth:
        return _leaves(dtype)
    below = _expressions(dtype, depth - 1)
    made: list[st.SearchStrategy[Expression]] = [_leaves(dtype)]
    for function in FUNCTIONS.values():
        if function.name == "select":
            made.append(
                st.builds(lambda c, a, b: Apply("select", (c, a, b), dtype), _leaves(DType.I1), below, below)
            )
        elif function.accepts(dtype) and not function.compares:
            operands = st.tuples(*[below] * function.arity)
            made.append(operands.map(lambda o, name=function.name: Apply(name, o, dtype)))
        elif function.compares and dtype is DType.I1:
            pair = st.tuples(_leaves(DType.F32), _leaves(DType.F32))
            made.append(pair.map(lambda o, name=function.name: Apply(name, o, dtype)))
    made.append(_leaves(DType.I32).map(lambda operand: Convert(operand, dtype)))
    return st.one_of(made)


@given(st.sampled_from(sorted(DTYPES, key=str)).flatmap(lambda dtype: _expressions(dtype, 2)))
def test_random_expressions_read_back(expression: Expression) -> None:
    buffers = [Buffer(f"b_{dtype}", dtype, (4,), Role.IN) for dtype in sorted(DTYPES, key=str)]
    out = Buffer("result", expression.dtype, (4, 4), Role.OUT)
    axes = tuple(Range(name, (Index(),), (Index((), 4),)) for name in "ij")
    nest = Nest(axes, (Store("result", (Index.of("i"), Index.of("j")), expression),))
    module = Module((Kernel("k", (), (*buffers, out), (nest,)),))
    assert parse_module(print_module(module)) == module


WRONG = {
    "kernels 2": ("version 2", 1, 9),
    "kernel": ("expected 'kernels'", 1, 1),
    "kernels 1 kernel k { in A: f33[1] }": ("expected an element type", 1, 28),
    "kernels 1 kernel k { in A: f32[x] }": ("expected an integer", 1, 32),
    "kernels 1 kernel k { in A: f32[1] in A: f32[1] }": ("a second buffer", 1, 38),
    "kernels 1 kernel k { param n = 0 to 3 param n = 0 to 3 }": ("a second parameter", 1, 45),
    "kernels 1 kernel k { } kernel k { }": ("a second kernel", 1, 31),
    "kernels 1 kernel k { parallel () { x = 1:i32 } }": ("there is no register", 1, 36),
    "kernels 1\nkernel k { parallel () {\n  var x: i32 = y\n} }": ("there is no register", 3, 16),
    "kernels 1 kernel k { parallel () { var x: i32 = foo(1:i32) } }": ("there is no function", 1, 49),
    "kernels 1 kernel k { parallel () { var x: i32 = abs() } }": ("takes 1 operands", 1, 49),
    "kernels 1 kernel k { parallel () { var x: i8 = 200:i8 } }": ("200 is not of type i8", 1, 48),
    "kernels 1 kernel k { parallel () { var x: i8 = 1.5:i8 } }": ("is not of type i8", 1, 48),
    "kernels 1 kernel k { parallel () { var for: i8 = 1:i8 } }": ("expected the name", 1, 40),
    "kernels 1 kernel k { for i = 0 to floor(i, 0) { } }": ("must be positive", 1, 44),
    "kernels 1 kernel k { while }": ("expected 'parallel'", 1, 22),
    "kernels 1 kernel k { $ }": ("unexpected character", 1, 22),
    "kernels 1 kernel k {": ("found the end of the text", 1, 21),
    "kernels 1 kernel k { for i = 0 to 99999999999999999999999 { } }": ("is too large", 1, 35),
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_texts_are_refused_where_they_are_wrong(text: str) -> None:
    message, line, column = WRONG[text]
    with pytest.raises(RefusedError) as caught:
        parse_module(text)
    (diagnostic,) = caught.value.diagnostics
    assert message in diagnostic.message
    assert (diagnostic.span.line, diagnostic.span.column) == (line, column)
    assert "^" in diagnostic.render(text)


@pytest.mark.parametrize(
    "text",
    [
        "kernels 1" + " " * (5 << 20),
        "kernels 1 kernel k { " + "for i = 0 to 1 { " * 1000,
        "kernels 1 kernel k { parallel () { var x: i32 = " + "(" * 10000,
        "kernels 1 kernel k { parallel () { var x: i32 = " + "abs(" * 10000,
        "kernels 1 kernel k { for i = " + "floor(" * 10000,
        "kernels 1 kernel " + "k" * 10000 + " { }",
        "kernels 1 kernel k { " + "".join(f"in a{n}: i8[1] " for n in range(1000)) + "}",
        "kernels 1 kernel k { " + "yield " * 100_000 + "}",
        "kernels 1 kernel k { parallel () { var x: i32 = " + "1" * 5000 + ":i32 } }",
    ],
    ids=["long", "loops", "brackets", "calls", "floors", "name", "buffers", "statements", "number"],
)
def test_texts_beyond_the_limits_are_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        parse_module(text)


@given(st.text(max_size=60), st.integers(0, 400), st.integers(0, 5))
def test_damaged_texts_are_read_or_refused(junk: str, place: int, cut: int) -> None:
    text = SAMPLES["framed"].text
    damaged = text[:place] + junk + text[place + cut :]
    try:
        parse_module(damaged)
    except RefusedError as error:
        assert all(diagnostic.render(damaged) for diagnostic in error.diagnostics)
