"""Signs of affine expressions where nothing is known but that sizes are at least 1."""

from __future__ import annotations

from fractions import Fraction

from exalift.affine import Affine, FloorDiv


def linear_bound(expression: Affine, upper: bool) -> tuple[dict[str, Fraction], Fraction]:
    """Linear terms and constant of a rational linear bound: floor(x/d) lies in [(x-d+1)/d, x/d]."""
    terms: dict[str, Fraction] = {}
    constant = Fraction(expression.constant)
    for atom, coefficient in expression.terms:
        if isinstance(atom, str):
            terms[atom] = terms.get(atom, Fraction(0)) + coefficient
            continue
        assert isinstance(atom, FloorDiv)
        # Nesting of floor divisions is as deep as the source's own expressions, so recursion is short.
        from_above = upper == (coefficient > 0)
        inner, inner_constant = linear_bound(atom.numerator, from_above)
        slack = 0 if from_above else 1 - atom.denominator
        factor = Fraction(coefficient, atom.denominator)
        constant += factor * (inner_constant + slack)
        for name, value in inner.items():
            terms[name] = terms.get(name, Fraction(0)) + factor * value
    return terms, constant


def never_negative(expression: Affine) -> bool:
    """Whether the expression is provably >= 0 where every symbol is at least 1."""
    terms, constant = linear_bound(expression, upper=False)
    # The expression is an integer, so a bound above -1 is enough.
    return all(value >= 0 for value in terms.values()) and constant + sum(terms.values()) > -1


def negative_for_small_sizes_only(expression: Affine) -> bool:
    """Whether the expression is >= 0 for all sizes, or for all that are large enough, each on its own.

    `N - 2` passes: a stencil's interior is empty or missing at sizes that are too small for it. Where
    concrete sizes turn out too small, printing says so. `N - M` does not pass, nor does `-1`.
    """
    terms, constant = linear_bound(expression, upper=False)
    if not terms or not any(terms.values()):
        return constant > -1
    return all(value >= 0 for value in terms.values())


def never_at_least_zero(expression: Affine) -> bool:
    """Whether the expression is provably < 0 where every symbol is at least 1.

    Where windows and extents are different symbols, `N - R` may be either; what the program's
    constraints say of it is not known here, and printing checks concrete shapes.
    """
    return never_negative(-expression - 1)


def quotient(dividend: Affine, divisor: Affine) -> int | None:
    """The integer `q` with `dividend == q * divisor` for all sizes, or None; `divisor` is not 0."""
    if divisor.is_constant:
        if divisor.constant == 0 or not dividend.is_constant or dividend.constant % divisor.constant:
            return None
        return dividend.constant // divisor.constant
    atom, coefficient = divisor.terms[0]
    matching = next((c for a, c in dividend.terms if a == atom), 0)
    if not matching or matching % coefficient:
        return None
    result = matching // coefficient
    return result if divisor * result == dividend else None


def exact_division(dividend: Affine, divisor: int) -> Affine | None:
    """`dividend / divisor` where it is exact for all sizes, term by term; else None."""
    if any(c % divisor for _, c in dividend.terms) or dividend.constant % divisor:
        return None
    return Affine(tuple((a, c // divisor) for a, c in dividend.terms), dividend.constant // divisor)
