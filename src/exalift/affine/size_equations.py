"""Sizes from shapes that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .affine_expression import Affine


def solve_sizes(equations: Sequence[tuple[Affine, int]], known: Mapping[str, int]) -> dict[str, int]:
    """The sizes that equations `extent == value` tell, one unknown at a time, together with those known.

    Equations that do not hold are not noticed, nor is what several equations tell together.
    """
    values = dict(known)
    progress = True
    while progress:
        progress = False
        for extent, value in equations:
            rest = extent.substitute({name: Affine.of(number) for name, number in values.items()})
            if len(rest.terms) != 1 or not isinstance(rest.terms[0][0], str):
                continue
            (name, coefficient), *_ = rest.terms
            quotient, remainder = divmod(value - rest.constant, coefficient)
            if isinstance(name, str) and not remainder:
                values[name] = quotient
                progress = True
    return values
