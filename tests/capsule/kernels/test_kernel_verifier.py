"""What the verifier refuses: every subscript that may be out of bounds, every race, every wrong type."""

from __future__ import annotations

import re

import pytest
from kernel_guards import leaves_buffers
from kernel_samples import SAMPLES

from exalift.base import RefusedError
from exalift.capsule.kernels import parse_module, verify_module

BUFFERS = "in A: f32[8, 9] in N: i32[8] inout B: f32[8, 9] inout C: f32[8] inout S: f32[]"


def faults(body: str, parameters: str = "") -> str:
    module = parse_module(f"kernels 1 kernel k {{ {parameters} {BUFFERS}\n{body} }}")
    try:
        verify_module(module)
    except RefusedError as error:
        return "\n".join(diagnostic.message for diagnostic in error.diagnostics)
    return ""


RIGHT = [
    "parallel (i = 0 to 8, j = 0 to 9) { B[i, j] = A[i, j] }",
    "parallel (i = 0 to 8) { for j = i to 9 { B[i, j] = A[i, j] } }",
    "parallel (i = 1 to 7, j = 1 to 8) { B[i, j] = A[i - 1, j + 1] + A[i + 1, j - 1] }",
    # The innermost bound is used: i - k - 1 is never negative.
    "parallel (i = 0 to 8) { for k = 0 to i { C[i] = A[i - k - 1, k] } }",
    "parallel (i = 0 to 8) { for k = 0 to 4 { C[i] = A[k + floor(i, 2), 2*k] } }",
    "parallel (i = 0 to 8, j = 0 to 9) { if (i - 1 >= 0) { B[i, j] = A[i - 1, j] } }",
    "parallel (i = 0 to 8, j = 0 to 9) { B[i, j] = A?[i - 3, j + 5] }",
    "parallel (i = 0 to 4, j = 0 to 9) { B[2*i, j] = B[2*i, j] + 1.0:f32 }",
    "parallel (i = 0 to 1, j = 0 to 9) { B[3, j] = A[0, j] }",
    "parallel () { S[] = A[0, 0] for k = 0 to 8 { C[k] = C[7 - k] } }",
    "for t = 0 to 3 { parallel (i = t to 8) { C[i] = C[i] * A[t, i] } yield }",
    "for k = 0 to 7 { parallel (i = k + 1 to 8, j = k + 1 to 8) { B[i, j] = A[i, k] * A[k, j] } }",
    # Elements that are read are never among those that are written.
    "for k = 0 to 7 { parallel (i = k + 1 to 8, j = k + 1 to 8) { B[i, j] = B[i, k] * B[k, j] } }",
    "parallel (i = 0 to 4) { C[i] = C[i + 4] }",
    "parallel (i = 0 to 8, j = 1 to 9) { B[i, j] = B[i, 0] }",
    "parallel (i = 0 to 8) { for k = 0 to 3 { for m = k to 5 { C[i] = C[i] + A[i, m] yield } } }",
]


@pytest.mark.parametrize("body", RIGHT)
def test_right_kernels_are_accepted(body: str) -> None:
    assert faults(body) == ""


WRONG = {
    "parallel (i = 0 to 9, j = 0 to 9) { B[i, j] = 0.0:f32 }": "may be 0 to 8, outside 0 to 7",
    "parallel (i = 0 to 8, j = 0 to 9) { B[i, j] = A[i - 1, j] }": "may be -1 to 6",
    "parallel (i = 0 to 8, j = 0 to 9) { B[i, j] = A[j, i] }": "subscript 0 of A is j",
    "parallel (i = 0 to 8) { for k = 0 to i + 1 { C[i] = A[i - k - 1, k] } }": "subscript 0 of A",
    "parallel (i = 0 to 8, j = 0 to 9) { if (i >= 0) { B[i, j] = A[i - 1, j] } }": "may be -1 to 6",
    "parallel (i = 0 to 8) { C[i] = A[i] }": "2 dimensions, not 1",
    # Races: two work-items, one element; or one reads what the other writes.
    "parallel (i = 0 to 8, j = 0 to 9) { C[i] = A[i, j] }": "differ in j write the same element of C",
    "parallel (i = 0 to 8) { S[] = A[i, 0] }": "write the same element of S",
    "parallel (i = 1 to 8) { C[i] = C[i - 1] }": "touches elements of C that others",
    "parallel (i = 0 to 8) { for k = 0 to 1 { C[k] = A[i, 0] } }": "write the same element",
    "parallel (i = 0 to 4) { for k = 0 to 4 { C[i + k] = 0.0:f32 } }": "write the same element",
    "parallel (i = 0 to 4, j = 0 to 5) { C[i + j] = 0.0:f32 }": "write the same element",
    "parallel (i = 0 to 8) { C[floor(i, 2)] = 0.0:f32 }": "write the same element",
    "parallel (i = 0 to 8) { C[i] = 0.0:f32 C[7 - i] = 1.0:f32 }": "touches elements",
    "parallel (i = 0 to 8, j = 0 to 8) { B[i, j] = B[j, i] }": "touches elements",
    "parallel (i = 0 to 5) { C[i] = C[i + 3] }": "touches elements",
    "for k = 0 to 7 { parallel (i = k to 8, j = k + 1 to 8) { B[i, j] = B[k, j] } }": "touches elements",
    # Types and names.
    "parallel (i = 0 to 8) { C[i] = N[i] }": "type i32 where f32",
    "parallel (i = 0 to 8) { C[i] = A[i, 0] + N[i] }": "type i32 where f32",
    "parallel (i = 0 to 8) { C[i] = and(A[i, 0], A[i, 0]) }": "and is not defined on f32",
    "parallel (i = 0 to 8) { C[i] = convert(exponential(N[i]), f32) }": "exponential is not defined on i32",
    "parallel (i = 0 to 8) { C[i] = select(N[i], A[i, 0], A[i, 1]) }": "type i32 where i1",
    "parallel (i = 0 to 8) { N[i] = 1:i32 }": "N is only read",
    "parallel (i = 0 to 8) { var i: f32 = 0.0:f32 }": "'i' is declared already",
    "parallel (i = 0 to 8) { var A: f32 = 0.0:f32 }": "'A' is declared already",
    "parallel (i = 0 to 8) { for i = 0 to 3 { } }": "a second variable 'i'",
    "parallel (i = 0 to 8) { C[k] = 0.0:f32 }": "no loop variable 'k'",
    "parallel (i = 0 to 8, j = i to 9) { B[i, j] = 0.0:f32 }": "no loop variable 'i'",
    "parallel () { for k = 0 to 2 { var x: f32 = 0.0:f32 } var x: i32 = 0:i32 }": "declared twice",
    "for A = 0 to 3 { }": "'A' is a buffer",
    # Yields that some work-items pass more often than others.
    "parallel (i = 0 to 8) { for k = 0 to i { yield } }": "bounds that differ among work-items",
    "parallel (i = 0 to 8) { if (i >= 3) { yield } }": "not all work-items come by this yield",
    "parallel (i = 0 to 8) { for k = 0 to i { for m = 0 to 3 { yield } } }": "bounds that differ",
    # Sizes.
    "parallel (i = 0 to 100000, j = 0 to 100000) { }": "work-items",
    "parallel (i = 0 to 8) { for k = 0 to 3000000000 { } }": "32 bits",
    "parallel (i = 0 to 8) { C[i] = A?[4000000000*i, 0] }": "32 bits",
}


@pytest.mark.parametrize("body", WRONG)
def test_wrong_kernels_are_refused(body: str) -> None:
    assert WRONG[body] in faults(body)


def test_parameters_bound_subscripts() -> None:
    body = "parallel (i = 0 to 8) { C[i] = A[i, n] }"
    assert faults(body, "param n = 0 to 9") == ""
    assert "may be 0 to 9" in faults(body, "param n = 0 to 10")
    assert "has no value" in faults(body, "param n = 3 to 3")


def test_places_are_told() -> None:
    text = "kernels 1\nkernel k {\n  inout C: f32[8]\n  parallel (i = 0 to 9) {\n    C[i] = 0.0:f32\n  }\n}\n"
    with pytest.raises(RefusedError) as caught:
        verify_module(parse_module(text, "k.txt"))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.render(text).splitlines()[:3] == [
        "k.txt:5:5: error: subscript 0 of C is i, which may be 0 to 8, outside 0 to 7",
        "      C[i] = 0.0:f32",
        "      ^",
    ]


def _loosened(text: str) -> list[str]:
    """The text with one number of a bound or subscript made larger: each may be wrong or harmless."""
    found: list[str] = []
    for match in re.finditer(r"(?<=[ \[])[0-9]+(?=[\]), ])", text):
        found.append(text[: match.start()] + "97" + text[match.end() :])
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_accepted_never_leaves_its_buffers(name: str) -> None:
    refused = 0
    for text in _loosened(SAMPLES[name].text):
        try:
            module = parse_module(text)
            verify_module(module)
        except RefusedError:
            refused += 1
            continue
        assert not leaves_buffers(module.kernels[0])
    assert refused
