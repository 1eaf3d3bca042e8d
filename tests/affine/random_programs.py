"""Random affine programs in the notation of `affine_notation`, for property tests."""

from __future__ import annotations

import re

from affine_notation import program
from hypothesis import strategies as st

from exalift.affine import Program

_ARRAYS = {"a": 1, "b": 1, "c": 2, "d": 2, "s": 0, "u": 1, "v": 0}
_EXTENT = "2*N + 2*M + 4"


@st.composite
def subscript(draw: st.DrawFn, ivs: tuple[str, ...]) -> str:
    """Within `[0, 2N + 2M + 4)` for induction variables in `[0, max(N, M)]`."""
    if not ivs:
        return draw(st.sampled_from(["0", "1", "N", "M - 1"]))
    iv = draw(st.sampled_from(ivs))
    other = draw(st.sampled_from(ivs))
    plain = [iv, iv, iv, iv, f"{iv} + 1", f"{iv} + 2", f"N + M - {iv}"]
    odd = [f"{iv} + {other}", f"2*{iv}", f"2*{iv} + 1", f"{iv} // 2", "0", "N", f"N + {iv} - {other} + M"]
    return draw(st.sampled_from(plain * 3 + odd))


@st.composite
def element(draw: st.DrawFn, ivs: tuple[str, ...], names: str = "abcdsuv") -> str:
    name = draw(st.sampled_from(list(names)))
    rank = _ARRAYS[name]
    if not rank:
        return name
    return f"{name}[{', '.join(draw(subscript(ivs)) for _ in range(rank))}]"


@st.composite
def value(draw: st.DrawFn, ivs: tuple[str, ...]) -> str:
    first = draw(element(ivs))
    match draw(st.integers(0, 7)):
        case 0:
            return "0"
        case 1:
            return first
        case 2:
            return f"{first} + {draw(element(ivs))}"
        case 3 | 4:
            return f"{first} * {draw(element(ivs))} + 3"
        case 5 if ivs:
            return f"{first} * {draw(st.sampled_from(ivs))}"
        case 6:
            return f"select({first} < {draw(element(ivs))}, {draw(element(ivs))}, 2)"
        case _:
            return f"exp({first}) - {draw(element(ivs))}"


@st.composite
def assignment(draw: st.DrawFn, ivs: tuple[str, ...]) -> str:
    target = draw(element(ivs))
    what = draw(value(ivs))
    match draw(st.integers(0, 6)):
        case 0 | 1 | 2:
            return f"{target} = {what}"
        case 3 | 4:
            return f"{target} += {what}"
        case 5:
            return f"{target} = max({target}, {what})"
        case _:
            return f"{target} = select({draw(element(ivs))} < 5, {target} - ({what}), {target})"


@st.composite
def guard(draw: st.DrawFn, ivs: tuple[str, ...]) -> str:
    iv, other = draw(st.sampled_from(ivs)), draw(st.sampled_from(ivs))
    tests = [
        f"{iv} > 0",
        f"{iv} != {other} + 1",
        f"{iv} <= {other}",
        f"{iv} % 2 == 0",
        f"{iv} == 1",
        f"{iv} < N - 1",
    ]
    return draw(st.sampled_from(tests))


@st.composite
def block(draw: st.DrawFn, ivs: tuple[str, ...], indent: str, budget: list[int]) -> list[str]:
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        budget[0] -= 1
        if budget[0] < 0:
            break
        kind = draw(st.integers(0, 5))
        if kind <= 2 and len(ivs) < 3:
            iv = "ijk"[len(ivs)]
            outer = [*ivs, *(f"{o} + 1" for o in ivs)]
            lower = draw(st.sampled_from(["0", "0", "0", "1", *outer]))
            upper = draw(st.sampled_from(["N", "N", "M", "M", "N - 1", "min(N, M)", "3", *outer]))
            inner = draw(block((*ivs, iv), indent + "  ", budget))
            lines += [f"{indent}for {iv} in range({lower}, {upper}):", *inner]
            if draw(st.integers(0, 3)) == 0 and "(" not in upper:
                lines.append(indent + _last_case(inner, iv, upper))
        elif kind == 3 and ivs:
            lines.append(f"{indent}if {draw(guard(ivs))}:")
            lines += draw(block(ivs, indent + "  ", budget))
            if draw(st.booleans()):
                lines.append(f"{indent}else:")
                lines += draw(block(ivs, indent + "  ", budget))
        else:
            lines.append(indent + draw(assignment(ivs)))
    return lines or [f"{indent}pass"]


def _last_case(body: list[str], iv: str, value: str) -> str:
    """The first assignment that depends on `iv` alone, at one more value; programs do peel their loops."""
    inner = {"i": "jk", "j": "k", "k": ""}[iv]
    for line in body:
        text = line.strip()
        if " = " in text and not re.search(rf"\b[{inner or '_'}]\b", text):
            return re.sub(rf"\b{iv}\b", f"({value})", text)
    return "pass"


@st.composite
def program_texts(draw: st.DrawFn) -> str:
    budget = [draw(st.integers(3, 14))]
    lines: list[str] = []
    while budget[0] > 0:
        lines += draw(block((), "", budget))
    return "\n".join(lines)


def read_program(text: str) -> Program:
    """`u` and `v` are locals, `s` is a scalar parameter by value or not by the text's length."""
    return program(
        text,
        a=_EXTENT,
        b=_EXTENT,
        c=f"{_EXTENT}, {_EXTENT}",
        d=f"{_EXTENT}, {_EXTENT}",
        s="",
        u=_EXTENT,
        v="",
        local="u v",
        by_value="s" if len(text) % 2 else "",
        returns="v + s" if len(text) % 3 == 0 else "",
    )
