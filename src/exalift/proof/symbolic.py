"""The algebra of terms: a program that runs in it gives each element as a formula of its inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from exalift.affine import FUNCTIONS, Kind
from exalift.affine.algebra import Truth, Values, integer_identity, wrap_integer
from exalift.base import DType

from . import polynomials as poly
from .integer_terms import IntegerTerms
from .polynomials import REAL, Polynomial
from .terms import Atom, Terms

Element = Polynomial | bool
Scalar = Callable[[Sequence[Element]], Element]


def _array(elements: Sequence[Element], shape: tuple[int, ...]) -> Values:
    result = np.empty(len(elements), object)
    result[:] = elements
    return result.reshape(shape)


def _map(function: Scalar, operands: Sequence[Values]) -> Values:
    """A function of single elements on arrays that broadcast together."""
    if not any(operand.ndim for operand in operands):
        return _boxed(function([operand.item() for operand in operands]))
    grids = np.broadcast_arrays(*operands)
    rows = zip(*(grid.ravel().tolist() for grid in grids), strict=True)
    return _array([function(row) for row in rows], grids[0].shape)


class Symbolic:
    """Floating-point types are reals, integers are integers modulo 2^n, truth values are 0 or 1.

    Elements are `Polynomial`s in object arrays; a known truth value is a Python bool, so that the
    interpreter can see it. Square roots, exponentials and the like, rounding, and conversions from
    reals to integers are unknown functions, the same wherever they occur. Rounding of floating-point
    numbers, NaN and infinities that arise in between are not modelled.
    """

    name = "symbolic"

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.integers = IntegerTerms(terms)
        self.variables: dict[tuple[str, tuple[int, ...]], int] = {}

    def inputs(self, name: str, shape: tuple[int, ...], dtype: DType) -> Values:
        """An array of fresh unknowns; `variables` finds their numbers by name and place."""
        result = np.empty(shape, object)
        for place in np.ndindex(*shape):
            truth = dtype is DType.I1
            ring = REAL if truth or dtype.is_float else dtype.bits
            atom = Atom("variable", ring, (), (name, *place), indicator=truth)
            self.variables[name, place] = self.terms.number(atom)
            result[place] = self.terms.term(atom)
        return result

    def storage(self, dtype: DType) -> np.dtype[np.generic]:
        del dtype
        return np.dtype(object)

    def constant(self, value: int | bool | float | Fraction, dtype: DType) -> Values:
        return _boxed(self._constant(value, dtype))

    def _constant(self, value: int | bool | float | Fraction, dtype: DType) -> Element:
        if dtype is DType.I1:
            return bool(value)
        if not dtype.is_float:
            return self.integers.constant(wrap_integer(int(value), dtype), dtype)
        if isinstance(value, float) and math.isnan(value):
            return self.terms.function("nan")
        if isinstance(value, float) and math.isinf(value):
            return poly.scale(self.terms.infinity(), 1 if value > 0 else -1)
        exact = Fraction(value)
        return poly.constant(int(exact) if exact.denominator == 1 else exact, REAL)

    def index(self, values: NDArray[np.int64], dtype: DType) -> Values:
        flat = [self._constant(value, dtype) for value in np.asarray(values).ravel().tolist()]
        return _array(flat, np.shape(values))

    def truth(self, values: Truth) -> Values:
        return _array(np.asarray(values).ravel().tolist(), np.shape(values))

    def apply(self, function: str, operands: Sequence[Values], operand_dtype: DType, dtype: DType) -> Values:
        del dtype
        return _map(self.scalar(function, operand_dtype), operands)

    def scalar(self, function: str, dtype: DType) -> Scalar:
        """A function of `affine.functions` on single elements."""
        if function == "select":
            return lambda xs: self._select(_term(xs[0]), xs[1], xs[2], dtype)
        if FUNCTIONS[function].kind is Kind.COMPARISON:
            return lambda xs: _truth(self._compare(function, _term(xs[0]), _term(xs[1]), dtype))
        if dtype is DType.I1:
            return lambda xs: _truth(self._logical(function, tuple(map(_term, xs))))
        if dtype.is_integer:
            return lambda xs: self.integers.apply(function, tuple(map(_term, xs)), dtype)
        return lambda xs: self._real(function, tuple(map(_term, xs)))

    def _select(self, condition: Polynomial, then: Element, otherwise: Element, dtype: DType) -> Element:
        if condition.value is not None:
            return then if condition.value else otherwise
        if dtype is DType.I1:
            return _truth(self.terms.select(condition, _term(then), _term(otherwise)))
        if dtype.is_integer:
            return self.integers.select(condition, _term(then), _term(otherwise), dtype)
        return self.terms.select(condition, _term(then), _term(otherwise))

    def _compare(self, function: str, left: Polynomial, right: Polynomial, dtype: DType) -> Polynomial:
        """Every comparison by `less`, and for integers `equal`."""
        direction = function.removeprefix("compare_")
        match direction:
            case "gt":
                return self._compare("compare_lt", right, left, dtype)
            case "ge":
                return poly.complement(self._compare("compare_lt", left, right, dtype))
            case "le":
                return poly.complement(self._compare("compare_lt", right, left, dtype))
            case "ne":
                return poly.complement(self._compare("compare_eq", left, right, dtype))
            case _:
                pass
        less = direction == "lt"
        if dtype is DType.I1:
            if less:
                return self.terms.multiply(poly.complement(left), right)
            return poly.complement(self._logical("xor", (left, right)))
        if dtype.is_integer:
            return self.integers.less(left, right, dtype) if less else self.integers.equal(left, right)
        difference = self.terms.subtract(right, left)
        above = self.terms.positive(difference)
        if less:
            return above
        below = self.terms.positive(poly.scale(difference, -1))
        return poly.combine(REAL, ((poly.constant(1, REAL), 1), (above, -1), (below, -1)))

    def _logical(self, function: str, operands: tuple[Polynomial, ...]) -> Polynomial:
        match function, operands:
            case (("and" | "multiply" | "minimum"), (x, y)):
                return self.terms.multiply(x, y)
            case (("or" | "add" | "maximum"), (x, y)):
                both = self.terms.multiply(x, y)
                return poly.combine(REAL, ((x, 1), (y, 1), (both, -1)))
            case "xor", (x, y):
                both = self.terms.multiply(x, y)
                return poly.combine(REAL, ((x, 1), (y, 1), (both, -2)))
            case "not", (x,):
                return poly.complement(x)
            case _:
                raise ValueError(f"{function} is not defined on i1")

    def _real(self, function: str, operands: tuple[Polynomial, ...]) -> Polynomial:
        terms = self.terms
        match function, operands:
            case "add", (x, y):
                return terms.add(x, y)
            case "subtract", (x, y):
                return terms.subtract(x, y)
            case "multiply", (x, y):
                return terms.multiply(x, y)
            case "divide", (x, y):
                return terms.divide(x, y)
            case "power", (x, y):
                return terms.real_power(x, y)
            case "maximum", _:
                return terms.maximum(operands)
            case "minimum", _:
                return terms.minimum(operands)
            case "negate", (x,):
                return poly.scale(x, -1)
            case "abs", (x,):
                return terms.maximum((x, poly.scale(x, -1)))
            case "sign", (x,):
                above, below = terms.positive(x), terms.positive(poly.scale(x, -1))
                return poly.subtract(above, below)
            case "rsqrt", (x,):
                return terms.reciprocal(terms.function("sqrt", x))
            case _ if FUNCTIONS[function].kind is Kind.TRANSCENDENTAL or function == "remainder":
                return terms.function(function, *operands)
            case _:
                raise ValueError(f"{function} is not defined on reals")

    def cast(self, value: Values, source: DType, target: DType) -> Values:
        return _map(lambda xs: self._cast(_term(xs[0]), source, target), (value,))

    def _cast(self, term: Polynomial, source: DType, target: DType) -> Element:
        if target is DType.I1:
            if source is DType.I1:
                return _truth(term)
            zero = self._constant(0, source)
            return _truth(self._compare("compare_ne", term, _term(zero), source))
        if source is DType.I1:
            return term if target.is_float else poly.combine(target.bits, ((term, 1),))
        if source.is_float:
            return term if target.is_float else self.integers.from_real(term, target)
        if target.is_float:
            return self.integers.to_real(term, source)
        return self.integers.convert(term, source, target)

    def reduce(self, function: str, value: Values, axes: tuple[int, ...], dtype: DType) -> Values:
        kept = [axis for axis in range(value.ndim) if axis not in axes]
        moved = value.transpose(*axes, *kept)
        flat = moved.reshape(math.prod(moved.shape[: len(axes)]), *moved.shape[len(axes) :])
        columns = flat.reshape(len(flat), math.prod(flat.shape[1:])).T.tolist()
        return _array([self._fold(function, column, dtype) for column in columns], flat.shape[1:])

    def _fold(self, function: str, elements: list[Element], dtype: DType) -> Element:
        """A reduction of single elements; sums and extrema of reals are built at once, not one by one."""
        if dtype.is_float and elements:
            reals = [_term(element) for element in elements]
            match function:
                case "add":
                    return self.terms.sum(reals)
                case "maximum":
                    return self.terms.maximum(reals)
                case "minimum":
                    return self.terms.minimum(reals)
                case _:
                    pass
        step = self.scalar(function, dtype)
        result = self._identity(function, dtype)
        for element in elements:
            result = step((result, element))
        return result

    def identity(self, function: str, dtype: DType) -> Values:
        return _boxed(self._identity(function, dtype))

    def _identity(self, function: str, dtype: DType) -> Element:
        if not dtype.is_float:
            return self._constant(integer_identity(function, dtype), dtype)
        numbers = {"zero": 0, "one": 1, "lowest": -math.inf, "highest": math.inf}
        return self._constant(numbers[FUNCTIONS[function].identity], dtype)

    def random(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Values:
        del generator
        return self.inputs(f"%{len(self.variables)}", shape, dtype)

    def equal(self, left: Values, right: Values, dtype: DType) -> Truth:
        """Whether the normal forms are the same; terms that differ may still be equal."""
        del dtype
        same = _map(lambda xs: _term(xs[0]) == _term(xs[1]), (left, right))
        return np.asarray(same, np.bool_)


def _boxed(value: Element) -> Values:
    result = np.empty((), object)
    result[()] = value
    return result


def _term(element: Element) -> Polynomial:
    return element if isinstance(element, Polynomial) else poly.constant(int(element), REAL)


def _truth(term: Polynomial) -> Element:
    """A known truth value as a bool."""
    value = term.value
    return term if value is None else bool(value)
