"""C's rules for mixed types: random expressions over all types, compared with gcc."""

from __future__ import annotations

import pytest
from c_harness import build, check, check_program
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.frontend.c import parse_c

TYPES = {
    "b": "_Bool",
    "c": "signed char",
    "uc": "unsigned char",
    "s": "short",
    "us": "unsigned short",
    "i": "int",
    "u": "unsigned",
    "l": "long",
    "ul": "unsigned long",
    "g": "float",
    "d": "double",
}
FLOATS = {"g", "d"}
INTEGERS = [name for name in TYPES if name not in FLOATS]
PARAMETERS = ", ".join(f"{kind} x{name}[n]" for name, kind in TYPES.items())
LITERALS = ["0", "1", "7", "200", "-3", "2u", "5L", "9ul", "'a'", "0x7fffffff", "70000"]
FLOAT_LITERALS = ["1.5", "0.25f", "2.0", "-3.5f"]
COUNTERS = [
    "k",
    "(k - 3)",
    "n",
    "(unsigned)k",
    "(k - 2u)",
    "(long)k",
    "(unsigned char)(k * 50)",
    "(short)(k - 5)",
]

# An expression's text, and whether it is floating point.
Typed = tuple[str, bool]


def _leaf() -> st.SearchStrategy[Typed]:
    loads = st.sampled_from(list(TYPES)).map(lambda name: (f"x{name}[k]", name in FLOATS))
    numbers = st.sampled_from(LITERALS + COUNTERS).map(lambda text: (text, False))
    floats = st.sampled_from(FLOAT_LITERALS).map(lambda text: (text, True))
    return st.one_of(loads, loads, numbers, floats)


def _binary(parts: tuple[Typed, Typed], operator: str) -> Typed:
    (left, left_float), (right, right_float) = parts
    floating = left_float or right_float
    if operator in ("<", "<=", ">", ">=", "==", "!="):
        return f"({left} {operator} {right})", False
    if operator in ("&&", "||"):
        return f"({left} {operator} {right})", False
    if floating and operator in ("%", "&", "|", "^", "<<", ">>"):
        operator = "-"
    if operator in ("/", "%") and not floating:
        return f"({left} {operator} (({right}) ? ({right}) : 3))", False
    if operator in ("<<", ">>"):
        return f"({left} {operator} ({right} & 5))", False
    return f"({left} {operator} {right})", floating


def _unary(part: Typed, operator: str) -> Typed:
    text, floating = part
    if operator == "~" and floating:
        operator = "-"
    return f"({operator}({text}))", floating and operator != "!"


def _cast(part: Typed, name: str) -> Typed:
    text, floating = part
    if floating and name not in FLOATS | {"b"}:
        # Out of an integer's range the conversion is undefined, so big values are not converted.
        return f"({TYPES[name]})(({text}) > -0.9 && ({text}) < 100 ? ({text}) : 1)", False
    return f"({TYPES[name]})({text})", name in FLOATS


def _chosen(test: Typed, then: Typed, otherwise: Typed) -> Typed:
    return f"({test[0]} ? {then[0]} : {otherwise[0]})", then[1] or otherwise[1]


OPERATORS = ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "<", "<=", ">", ">=", "==", "!=", "&&", "||"]


def _grow(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    return st.one_of(
        st.builds(_binary, st.tuples(inner, inner), st.sampled_from(OPERATORS)),
        st.builds(_binary, st.tuples(inner, inner), st.sampled_from(OPERATORS)),
        st.builds(_unary, inner, st.sampled_from("-~!")),
        st.builds(_cast, inner, st.sampled_from(list(TYPES))),
        st.builds(_chosen, inner, inner, inner),
    )


EXPRESSIONS = st.recursive(_leaf(), _grow, max_leaves=8)


@st.composite
def assignments(draw: st.DrawFn) -> str:
    """`target op= expression`, defined for all values."""
    text, floating = draw(EXPRESSIONS)
    target = draw(st.sampled_from(list(TYPES)))
    if floating and target not in FLOATS | {"b"}:
        target = draw(st.sampled_from(["g", "d", "b"]))
    simple = ["", "+", "-", "*"]
    if target == "b":
        simple = [""]
    elif not floating and target not in FLOATS:
        simple += ["&", "|", "^"]
    operator = draw(st.sampled_from(simple))
    return f"x{target}[k] {operator}= {text};"


def _compare(statements: list[str]) -> None:
    """All statements as functions of one file, so that gcc runs once."""
    functions = [
        f"void f{number}(int n, {PARAMETERS}) {{ for (int k = 0; k < n; k++) {{ {statement} }} }}"
        for number, statement in enumerate(statements)
    ]
    text = "\n".join(functions)
    programs = {program.name: program for program in parse_c(text, "test.c")}
    assert len(programs) == len(statements)
    library = build(text, "f0")
    for number, program in enumerate(programs.values()):
        check_program(library, program, rounds=1, seed=number)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.lists(assignments(), min_size=12, max_size=12))
def test_random_expressions_like_gcc(statements: list[str]) -> None:
    _compare(statements)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.lists(assignments(), min_size=12, max_size=12))
def test_many_random_expressions_like_gcc(statements: list[str]) -> None:
    _compare(statements)


PINNED = [
    "xi[k] = xuc[k] - xu[k] > 0;",
    "xl[k] = xu[k] - 200u;",
    "xul[k] = xi[k];",
    "xd[k] = xi[k] / 4 + xi[k] / 4.0;",
    "xi[k] = -7 / 2 * 100 + -7 % 3 + xi[k] % 5;",
    "xc[k] = xi[k] * 5;",
    "xuc[k] += 250;",
    "xuc[k] *= 1.5;",
    "xs[k] = xus[k] << 3;",
    "xi[k] = xc[k] >> 2;",
    "xu[k] = xu[k] >> 3 | xu[k] << 29;",
    "xl[k] = (k - 3) / 2;",
    "xl[k] = (k - 3) % 2;",
    "xl[k] = (k - 3) >> 1;",
    "xul[k] = (unsigned)(k - 3);",
    "xd[k] = (unsigned)(k - 3);",
    "xd[k] = (unsigned char)(k * 100);",
    "xi[k] = k - 3 < 2u;",
    "xi[k] = (char)k < n;",
    "xd[k] = k * n % 7 / 2.0;",
    "xg[k] = 16777217;",
    "xg[k] = 0.1;",
    "xd[k] = 0.1f;",
    "xd[k] = xg[k] * 0.1f + xg[k] * 0.1;",
    "xb[k] = 0.5;",
    "xi[k] = xb[k] + xb[k];",
    "xi[k] = ~xuc[k];",
    "xi[k] = !xd[k] + !!xi[k];",
    "xd[k] = -0.0 * xd[k];",
    "xi[k] = (xi[k] > 3) - (xi[k] < 3);",
    "xul[k] = k ? -1 : 0;",
    "xl[k] = 1 ? -1 : 0u;",
    "xi[k] = (signed char)0xff + (unsigned char)0x1ff;",
    "xi[k] = 'a' + '\\n';",
    "xd[k] = 1e308 * 10;",
    "xi[k] = n * n % (k + 1);",
    "xi[k] = (k & 3) + (k | 4) * 10 + (k ^ 1) * 100 + ~k;",
    "xi[k] = 1 << k % 8;",
]


@pytest.mark.parametrize("statement", PINNED)
def test_pinned(statement: str) -> None:
    check(f"void f(int n, {PARAMETERS}) {{ for (int k = 0; k < n; k++) {{ {statement} }} }}", rounds=2)


@pytest.mark.parametrize(
    "value",
    [
        "(i * 1103515245u + 12345u) >> 16",
        "i * 1000000u / 7u",
        "(i * 2654435761u) % 97u",
        "(unsigned char)(i * 3000000000u >> 24)",
        "(unsigned)(k * 5000000000L)",
    ],
)
def test_large_multiples_of_unsigned_counters_wrap(value: str) -> None:
    """As hashes and generators of random numbers have them: these wrap within the first few thousand."""
    text = f"""
    void f(int n, unsigned y[n]) {{
        for (long k = 0; k < n; k++) {{ unsigned i = k; y[k] = {value}; }}
    }}
    """
    check(text, sizes={"n": 5000}, rounds=1)
