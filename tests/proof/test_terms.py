"""Normal forms mean what the programs mean: random straight-line programs, in terms and in numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from term_values import value_of

from exalift.affine import Formula, Reduce, evaluate
from exalift.affine.affine_expression import Affine
from exalift.affine.algebra import Rational, wrap_integer
from exalift.affine.expressions import Axis, Load
from exalift.base import DType
from exalift.proof import polynomials as poly
from exalift.proof.polynomials import Polynomial
from exalift.proof.smt import Answer, decide
from exalift.proof.symbolic import Symbolic
from exalift.proof.terms import TermLimit, Terms

F, I1, I8, U8, I16, I32 = DType.F64, DType.I1, DType.I8, DType.UI8, DType.I16, DType.I32
TYPES = (F, I1, I8, U8, I16, I32)
RATIONAL = Rational()

_REAL = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "negate", "abs", "sign"]
_INTEGER = [*_REAL, "remainder", "and", "or", "xor", "not"]
_INTEGER += ["shift_left", "shift_right_logical", "shift_right_arithmetic"]
_TRUTH = ["and", "or", "xor", "not", "add", "multiply", "maximum"]
_COMPARISONS = [f"compare_{d}" for d in ("lt", "le", "gt", "ge", "eq", "ne")]
_UNARY = {"negate", "abs", "sign", "not"}


class Both:
    """One random straight-line program, run in terms and in exact numbers at once."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.terms = Terms()
        self.symbolic = Symbolic(self.terms)
        self.inputs = {}
        self.values = {dtype: [] for dtype in TYPES}
        for dtype in TYPES:
            for k in range(2):
                number = self.number(dtype)
                name = f"{dtype}{k}"
                term = self.symbolic.inputs(name, (), dtype)
                ring = 2**dtype.bits if dtype.is_integer else None
                self.inputs[self.symbolic.variables[name, ()]] = number % ring if ring else number
                self.values[dtype].append((term, RATIONAL.constant(number, dtype)))

    def one_of(self, items):
        return items[int(self.random.integers(len(items)))]

    def number(self, dtype):
        if dtype is F:
            return Fraction(int(self.random.integers(-6, 7)), self.one_of([1, 2, 3]))
        if dtype is I1:
            return bool(self.random.integers(2))
        return wrap_integer(int(self.random.integers(*self.one_of([(-3, 4), (-200, 201)]))), dtype)

    def pick(self, dtype):
        if not self.random.integers(5):
            number = self.number(dtype)
            return self.symbolic.constant(number, dtype), RATIONAL.constant(number, dtype)
        return self.one_of(self.values[dtype][-4:] + self.values[dtype][:2])

    def apply(self, function, operands, dtype, result):
        terms, numbers = zip(*operands, strict=True)
        term = self.symbolic.apply(function, terms, dtype, result)
        self.values[result].append((term, RATIONAL.apply(function, numbers, dtype, result)))
        return self.values[result][-1]

    def step(self):
        kind = self.one_of(["apply", "apply", "compare", "select", "extremum", "cast"])
        dtype = self.one_of(TYPES)
        match kind:
            case "cast":
                source = self.one_of(TYPES)
                term, number = self.pick(source)
                image = self.symbolic.cast(term, source, dtype), RATIONAL.cast(number, source, dtype)
                self.values[dtype].append(image)
            case "compare":
                self.apply(self.one_of(_COMPARISONS), [self.pick(dtype), self.pick(dtype)], dtype, I1)
            case "select":
                self.apply("select", [self.pick(I1), self.pick(dtype), self.pick(dtype)], dtype, dtype)
            case "extremum":
                # As people write it: a < b ? a : b, either way round.
                a, b = self.pick(dtype), self.pick(dtype)
                flag = self.apply(self.one_of(_COMPARISONS), [a, b], dtype, I1)
                self.apply("select", [flag, *self.one_of([(a, b), (b, a)])], dtype, dtype)
            case _:
                function = self.one_of(_REAL if dtype is F else _TRUTH if dtype is I1 else _INTEGER)
                count = 1 if function in _UNARY else 2
                self.apply(function, [self.pick(dtype) for _ in range(count)], dtype, dtype)

    def run(self, most):
        for _ in range(int(self.random.integers(1, most))):
            if max(len(e[()].terms) for v in self.values.values() for e, _ in v if is_term(e)) < 50:
                self.step()

    def value(self, term, dtype):
        element = term[()]
        if isinstance(element, bool):
            return element
        value = value_of(element, self.terms, self.inputs)
        return wrap_integer(int(value), dtype) if dtype.is_integer else value


def is_term(array):
    return isinstance(array[()], Polynomial)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_normal_forms_have_the_values_of_the_programs(seed):
    both = Both(seed)
    both.run(25)
    for dtype, pairs in both.values.items():
        for term, number in pairs:
            assert both.value(term, dtype) == number[()]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_the_solver_agrees_with_the_numbers(seed):
    """What it calls equal has equal values; where it says different, its values show it."""
    both = Both(seed)
    both.run(8)
    dtype = both.one_of(TYPES)
    (first, one), (second, other) = (both.one_of(both.values[dtype]) for _ in range(2))
    pair = [e if isinstance(e, Polynomial) else poly.constant(int(e), 0) for e in (first[()], second[()])]
    decision = decide(both.terms, *pair, 1.0)
    if one[()] != other[()]:
        assert decision.answer is not Answer.EQUAL
    if decision.answer is Answer.DIFFERENT:
        inputs = {n: v for n, v in both.inputs.items() if n not in decision.values} | decision.values
        # Of these the solver knows less than the numbers do.
        if not any(atom.kind in ("reciprocal", "integer") for atom in both.terms.atoms):
            assert value_of(pair[0], both.terms, inputs) != value_of(pair[1], both.terms, inputs)


@pytest.fixture
def algebra():
    return Symbolic(Terms())


def variables(algebra, *names, dtype=F):
    return [algebra.inputs(name, (), dtype) for name in names]


def same(left, right):
    return left[()] == right[()]


def test_laws_that_need_no_solver(algebra):
    a, b, c, d = variables(algebra, "a", "b", "c", "d")

    def f(name, *xs):
        return algebra.apply(name, xs, F, F)

    zero = algebra.constant(0, F)
    assert same(f("multiply", a, f("add", b, c)), f("add", f("multiply", c, a), f("multiply", a, b)))
    assert same(f("divide", f("add", a, b), c), f("add", f("divide", a, c), f("divide", b, c)))
    assert same(f("divide", a, f("multiply", b, c)), f("divide", f("divide", a, c), b))
    assert same(f("maximum", a, f("maximum", b, c)), f("maximum", f("maximum", c, a), b))
    assert same(f("add", f("maximum", a, b), c), f("maximum", f("add", a, c), f("add", c, b)))
    assert same(f("minimum", a, b), f("negate", f("maximum", f("negate", b), f("negate", a))))
    assert same(f("sqrt", f("add", a, b)), f("sqrt", f("add", b, a)))
    assert not same(f("sqrt", a), f("exponential", a))
    larger = algebra.apply("compare_gt", (a, b), F, I1)
    assert same(f("select", larger, a, b), f("maximum", a, b))
    smaller = algebra.apply("compare_le", (b, a), F, I1)
    assert same(f("select", smaller, b, a), f("minimum", a, b))
    assert same(
        f("select", larger, f("multiply", a, d), d),
        f("multiply", d, f("select", larger, a, algebra.constant(1, F))),
    )
    positive = algebra.apply("compare_gt", (a, zero), F, I1)
    negative = algebra.apply("compare_lt", (a, zero), F, I1)
    both = algebra.apply("and", (positive, negative), I1, I1)
    assert both[()] is False


def test_a_divisor_is_not_cancelled(algebra):
    a, b = variables(algebra, "a", "b")
    quotient = algebra.apply("divide", (algebra.apply("multiply", (a, b), F, F), b), F, F)
    assert not same(quotient, a)
    assert decide(algebra.terms, quotient[()], a[()], 2.0).answer is Answer.DIFFERENT


def test_infinities_bound_everything(algebra):
    (a,) = variables(algebra, "a")
    low, high = algebra.constant(-math.inf, F), algebra.constant(math.inf, F)
    assert same(algebra.apply("maximum", (low, a), F, F), a)
    assert same(algebra.apply("minimum", (a, high), F, F), a)
    assert algebra.apply("compare_lt", (a, high), F, I1)[()] is True
    empty = algebra.reduce("maximum", np.empty((0, 2), object), (0,), F)
    assert same(empty[0:1].reshape(()), low)


def test_integers_wrap_at_their_width(algebra):
    x, y = variables(algebra, "x", "y", dtype=I8)

    def f(name, *xs):
        return algebra.apply(name, xs, I8, I8)

    hundred = algebra.constant(100, I8)
    assert same(f("multiply", x, algebra.constant(0, I8)), algebra.constant(256, I8))
    assert same(f("add", f("add", x, hundred), hundred), f("subtract", x, algebra.constant(56, I8)))
    wide = algebra.cast(f("add", x, y), I8, I16)
    narrow = algebra.cast(wide, I16, I8)
    assert same(narrow, f("add", y, x))
    assert not same(
        wide, algebra.apply("add", (algebra.cast(x, I8, I16), algebra.cast(y, I8, I16)), I16, I16)
    )


def test_formulas_evaluate_to_terms(algebra):
    x = algebra.inputs("x", (3,), F)
    n, i = Affine.symbol("N"), Affine.symbol("i")
    total = Reduce("add", (Axis("i", n),), Load("x", (i,), F), F)
    whole = evaluate(Formula((), total), {"x": x}, {"N": 3}, algebra)
    back = algebra.apply("add", (x[2, ...], algebra.apply("add", (x[1, ...], x[0, ...]), F, F)), F, F)
    assert algebra.equal(whole, back, F)


def test_limits_are_kept():
    small = Symbolic(Terms(most_monomials=50))
    x = small.inputs("x", (), F)
    total = small.apply("add", (x, small.constant(1, F)), F, F)
    with pytest.raises(TermLimit, match="more than 50 monomials"):
        for _ in range(20):
            total = small.apply("multiply", (total, total), F, F)
    late = Symbolic(Terms(deadline=0.0))
    with pytest.raises(TermLimit, match="out of time"):
        late.inputs("x", (), F)


def test_what_the_solver_is_needed_for(algebra):
    a, b, c = variables(algebra, "a", "b", "c")
    x, y = variables(algebra, "x", "y", dtype=I8)

    def real(name, *xs):
        return algebra.apply(name, xs, F, F)

    def integer(name, *xs):
        return algebra.apply(name, xs, I8, I8)

    clamp = real("maximum", a, real("minimum", b, algebra.constant(1, F)))
    other = real("minimum", real("maximum", a, b), real("maximum", a, algebra.constant(1, F)))
    assert decide(algebra.terms, clamp[()], other[()], 5.0).answer is Answer.EQUAL
    root = real("sqrt", real("multiply", a, a))
    assert decide(algebra.terms, root[()], real("abs", a)[()], 5.0).answer is Answer.EQUAL
    assert decide(algebra.terms, root[()], a[()], 5.0).answer is Answer.DIFFERENT
    both = integer("add", integer("and", x, y), integer("or", x, y))
    assert decide(algebra.terms, both[()], integer("add", x, y)[()], 5.0).answer is Answer.EQUAL
    shifted = integer("shift_right_arithmetic", x, algebra.constant(1, I8))
    halved = integer("divide", x, algebra.constant(2, I8))
    decision = decide(algebra.terms, shifted[()], halved[()], 5.0)
    assert decision.answer is Answer.DIFFERENT and wrap_integer(next(iter(decision.values.values())), I8) < 0
    product = real("multiply", real("multiply", a, b), c)
    assert (
        decide(algebra.terms, product[()], real("exponential", product)[()], 5.0).answer is not Answer.EQUAL
    )


def test_narrowing_looks_through_widening(algebra):
    (x,) = variables(algebra, "x", dtype=I8)
    wide = algebra.cast(x, I8, I32)
    assert same(algebra.cast(wide, I32, I16), algebra.cast(x, I8, I16))
    unsigned = algebra.cast(algebra.cast(x, I8, U8), U8, I32)
    assert not same(algebra.cast(unsigned, I32, I16), algebra.cast(x, I8, I16))
    (y,) = variables(algebra, "y", dtype=I16)
    low = algebra.cast(algebra.cast(y, I16, I32), I32, I8)
    assert same(low, algebra.cast(y, I16, I8))
