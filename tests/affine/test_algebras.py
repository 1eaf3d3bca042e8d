"""Laws of the algebras, each against plain Python arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exalift.affine import FUNCTIONS, Kind
from exalift.affine.algebra import PRIME, Machine, OtherDivision, PrimeField, Rational, wrap_integer
from exalift.base import DType, UsageError

FIELD, MACHINE, RATIONAL = PrimeField(), Machine(), Rational()
ALGEBRAS = [FIELD, MACHINE, RATIONAL]
INTEGERS = [d for d in DType if d.is_integer]
HALF = (PRIME - 1) // 2

residues = st.one_of(st.integers(0, PRIME - 1), st.sampled_from([0, 1, 2, PRIME - 1, HALF, HALF + 1]))
fractions = st.fractions(max_denominator=1000)
quick = settings(max_examples=60, deadline=None)


def scalar(algebra, value, dtype=DType.F64):
    return algebra.constant(value, dtype)


def field(function, *values):
    operands = [np.asarray(value, np.int64) for value in values]
    result = FIELD.apply(function, operands, DType.F64, DType.F64)
    assert isinstance(result, np.ndarray)
    return result[()]


@quick
@given(residues, residues, residues)
def test_field_laws(x, y, z):
    add, multiply = "add", "multiply"
    assert field(add, x, y) == (x + y) % PRIME
    assert field("subtract", x, y) == (x - y) % PRIME
    assert field(multiply, x, y) == x * y % PRIME
    assert field(multiply, x, field(add, y, z)) == field(add, field(multiply, x, y), field(multiply, x, z))
    assert field("negate", x) == -x % PRIME
    if y:
        assert field(multiply, field("divide", x, y), y) == x
    else:
        assert field("divide", x, y) == 0


@quick
@given(residues, residues)
def test_field_order_is_that_of_the_signed_representatives(x, y):
    def signed(value):
        return value - PRIME if value > HALF else value

    assert field("compare_lt", x, y) == (signed(x) < signed(y))
    assert field("compare_ge", x, y) == (signed(x) >= signed(y))
    assert field("maximum", x, y) == max(x, y, key=signed)
    assert field("minimum", x, y) == min(x, y, key=signed)
    assert field("abs", x) == abs(signed(x))
    assert field("sign", x) == np.sign(signed(x)) % PRIME


@quick
@given(residues, st.integers(-16, 16))
def test_field_multiplies_small_powers_out(x, exponent):
    expected = 0 if not x and exponent < 0 else pow(x, exponent, PRIME)
    assert field("power", x, exponent % PRIME) == expected


@quick
@given(fractions, fractions)
def test_constants_embed_the_rationals_in_the_field(x, y):
    def embed(value):
        return scalar(FIELD, value)[()]

    assert embed(x + y) == field("add", embed(x), embed(y))
    assert embed(x * y) == field("multiply", embed(x), embed(y))
    assert embed(0.1) == embed(Fraction(0.1))


def test_infinities_are_the_extremes_of_the_field():
    low, high = scalar(FIELD, -math.inf), scalar(FIELD, math.inf)
    assert low == FIELD.identity("maximum", DType.F32) and high == FIELD.identity("minimum", DType.F32)
    values = FIELD.random(np.random.default_rng(0), (1000,), DType.F64)
    assert np.all(FIELD.apply("compare_le", (low, values), DType.F64, DType.I1))
    assert np.all(FIELD.apply("compare_ge", (high, values), DType.F64, DType.I1))
    positive = np.mean(FIELD.apply("compare_gt", (values, scalar(FIELD, 0)), DType.F64, DType.I1))
    assert 0.4 < positive < 0.6


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if f.kind is Kind.TRANSCENDENTAL])
def test_functions_without_a_law_are_fixed_and_unlike_each_other(name):
    generator = np.random.default_rng(0)
    operands = [FIELD.random(generator, (50,), DType.F64) for _ in range(FUNCTIONS[name].arity)]
    first = FIELD.apply(name, operands, DType.F64, DType.F64)
    again = FIELD.apply(name, [x[:1] for x in operands], DType.F64, DType.F64)
    assert first[0] == again[0]
    assert len(set(first.tolist())) == 50 and not set(first.tolist()) & set(operands[0].tolist())
    assert first.min() >= 0 and first.max() < PRIME
    for other in ("sqrt", "log", "tan"):
        if name != other and FUNCTIONS[name].arity == 1:
            assert np.all(FIELD.apply(other, operands, DType.F64, DType.F64) != first)


@pytest.mark.parametrize("algebra", ALGEBRAS, ids=lambda a: a.name)
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integers_follow_the_rules_of_c(algebra, dtype):
    @settings(max_examples=40, deadline=None)
    @given(st.integers(-(2**64), 2**64), st.one_of(st.integers(-5, 5), st.integers(-(2**64), 2**64)))
    def check(x, y):
        x, y = wrap_integer(x, dtype), wrap_integer(y, dtype)
        a, b = scalar(algebra, x, dtype), scalar(algebra, y, dtype)

        def result(function, *operands):
            value = algebra.apply(function, operands, dtype, dtype)
            assert value.dtype == algebra.storage(dtype)
            return int(value)

        assert result("add", a, b) == wrap_integer(x + y, dtype)
        assert result("subtract", a, b) == wrap_integer(x - y, dtype)
        assert result("multiply", a, b) == wrap_integer(x * y, dtype)
        assert result("negate", a) == wrap_integer(-x, dtype)
        assert result("abs", a) == wrap_integer(abs(x), dtype)
        assert result("sign", a) == (x > 0) - (x < 0)
        assert result("maximum", a, b) == max(x, y)
        assert result("xor", a, b) == x ^ y
        assert result("not", a) == wrap_integer(~x, dtype)
        quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1) if y else 0
        assert result("divide", a, b) == wrap_integer(quotient, dtype)
        assert result("remainder", a, b) == (x - quotient * y if y else 0)

    check()


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_shifts(dtype):
    bits = dtype.bits

    def shift(function, value, amount):
        operands = [scalar(MACHINE, value, dtype), scalar(MACHINE, amount, dtype)]
        return int(MACHINE.apply(function, operands, dtype, dtype))

    for value in (1, 5, -1, -6, 2 ** (bits - 2), -(2 ** (bits - 1))):
        wrapped = wrap_integer(value, dtype)
        unsigned = wrapped % 2**bits
        as_signed = unsigned - 2**bits if unsigned >> (bits - 1) else unsigned
        for amount in (0, 1, 3, bits - 1):
            assert shift("shift_left", value, amount) == wrap_integer(wrapped << amount, dtype)
            assert shift("shift_right_logical", value, amount) == wrap_integer(unsigned >> amount, dtype)
            assert shift("shift_right_arithmetic", value, amount) == wrap_integer(as_signed >> amount, dtype)
        assert shift("shift_left", value, bits) == 0
        assert shift("shift_right_arithmetic", value, bits) == wrap_integer(-1 if as_signed < 0 else 0, dtype)


@quick
@given(st.integers(-20, 20), st.integers(-6, 6))
def test_integer_powers(base, exponent):
    operands = [scalar(MACHINE, base, DType.I32), scalar(MACHINE, exponent, DType.I32)]
    exact = Fraction(base) ** exponent if base or exponent >= 0 else Fraction(0)
    expected = wrap_integer(math.trunc(exact), DType.I32)
    assert MACHINE.apply("power", operands, DType.I32, DType.I32) == expected


@pytest.mark.parametrize("algebra", ALGEBRAS, ids=lambda a: a.name)
@pytest.mark.parametrize("dtype", [DType.F64, DType.F32, DType.I32, DType.UI8, DType.I1], ids=str)
@pytest.mark.parametrize("function", ["add", "multiply", "maximum", "minimum", "and", "or", "xor"])
def test_reduce_is_the_fold_of_apply(algebra, dtype, function):
    if dtype.is_float and function in ("and", "or", "xor"):
        return
    generator = np.random.default_rng(1)
    for shape, axes in [((3, 4, 2), (0, 2)), ((5,), (0,)), ((0, 3), (0,)), ((2, 3), ()), ((7, 3), (0,))]:
        value = algebra.random(generator, shape, dtype)
        result = algebra.reduce(function, value, axes, dtype)
        kept = [k for k in range(len(shape)) if k not in axes]
        moved = value.transpose(*axes, *kept).reshape(-1, *(shape[k] for k in kept))
        expected = np.full(moved.shape[1:], algebra.identity(function, dtype)[()], algebra.storage(dtype))
        for row in moved:
            expected = algebra.apply(function, (expected, row), dtype, dtype)
        assert result.dtype == algebra.storage(dtype) and result.shape == expected.shape
        assert np.all(algebra.equal(result, expected, dtype))


@pytest.mark.parametrize("dtype", [DType.F64, DType.F32, DType.F16, DType.BF16], ids=str)
def test_machine_functions_are_numpys(dtype):
    generator = np.random.default_rng(2)
    x, y = (MACHINE.random(generator, (40,), dtype) for _ in range(2))

    def apply(function, *operands):
        return MACHINE.apply(function, operands, dtype, dtype)

    for function, expected in [
        (apply("add", x, y), x + y),
        (apply("divide", x, y), x / y),
        (apply("remainder", x, y), np.fmod(x, y)),
        (apply("exponential", x), np.exp(x)),
        (apply("atan2", x, y), np.arctan2(x, y)),
        (apply("floor", x), np.floor(x)),
        (apply("round_nearest_even", x), np.rint(x)),
        (apply("logistic", x), 1 / (1 + np.exp(-x.astype(np.float64)))),
    ]:
        assert function.dtype == MACHINE.storage(dtype)
        assert np.all(MACHINE.equal(function, expected.astype(x.dtype), dtype))
    assert apply("erf", np.asarray(0.5, x.dtype)).dtype == x.dtype


def test_rounding_halves():
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994, -0.0])
    away = MACHINE.apply("round_nearest_afz", (x,), DType.F64, DType.F64)
    assert away.tolist() == [-3, -2, -1, 1, 2, 3, 0, 0]
    exact = RATIONAL.cast(np.array([-5, -3, 3, 5]), DType.I64, DType.F64)
    halves = RATIONAL.apply("divide", (exact, scalar(RATIONAL, 2)), DType.F64, DType.F64)
    assert RATIONAL.apply("round_nearest_afz", (halves,), DType.F64, DType.F64).tolist() == [-3, -2, 2, 3]
    assert RATIONAL.apply("round_nearest_even", (halves,), DType.F64, DType.F64).tolist() == [-2, -2, 2, 2]


@pytest.mark.parametrize("algebra", ALGEBRAS, ids=lambda a: a.name)
@pytest.mark.parametrize("source", list(DType), ids=str)
@pytest.mark.parametrize("target", list(DType), ids=str)
def test_casts_keep_small_integers(algebra, source, target):
    values = scalar(algebra, 1, source)
    result = algebra.cast(values, source, target)
    assert isinstance(result, np.ndarray) and result.dtype == algebra.storage(target)
    # Conversions to an integer are opaque in the field.
    if not (algebra is FIELD and source.is_float and target.is_integer):
        assert algebra.equal(result, scalar(algebra, 1, target), target)
    if source.is_integer and source.is_signed and (target.is_float or target.is_integer):
        result = algebra.cast(scalar(algebra, -3, source), source, target)
        assert np.all(algebra.equal(result, scalar(algebra, -3, target), target))


def test_casts_to_truth_and_to_integers():
    for algebra in ALGEBRAS:
        values = algebra.apply("divide", (scalar(algebra, 1), scalar(algebra, 3)), DType.F64, DType.F64)
        assert algebra.cast(values, DType.F64, DType.I1)
        assert not algebra.cast(scalar(algebra, 0), DType.F64, DType.I1)
    for algebra in (MACHINE, RATIONAL):
        assert algebra.cast(scalar(algebra, -2.7), DType.F64, DType.I32) == -2
        assert algebra.cast(scalar(algebra, 2.7), DType.F64, DType.I8) == 2


@pytest.mark.parametrize("algebra", ALGEBRAS, ids=lambda a: a.name)
def test_every_answer_is_an_array_of_the_storage_type(algebra):
    for dtype in (DType.F64, DType.I32, DType.I1):
        storage = algebra.storage(dtype)
        assert algebra.index(np.asarray(1), dtype).dtype == storage
        assert algebra.random(np.random.default_rng(0), (2, 3), dtype).dtype == storage
        assert algebra.random(np.random.default_rng(0), (), dtype).shape == ()
        condition = algebra.truth(np.asarray([True, False]))
        value = algebra.apply(
            "select", (condition, scalar(algebra, 1, dtype), scalar(algebra, 0, dtype)), dtype, dtype
        )
        assert value.shape == (2,) and value.dtype == storage


def test_what_has_no_meaning_is_an_error():
    with pytest.raises(UsageError, match="sqrt has no exact value"):
        RATIONAL.apply("sqrt", (scalar(RATIONAL, 2),), DType.F64, DType.F64)
    one = scalar(MACHINE, 1, DType.I1)
    with pytest.raises(ValueError, match="not defined on i1"):
        MACHINE.apply("divide", (one, one), DType.I1, DType.I1)
    with pytest.raises(ValueError, match="not defined on i32"):
        MACHINE.apply("sqrt", (scalar(MACHINE, 1, DType.I32),), DType.I32, DType.I32)
    with pytest.raises(ValueError, match="not defined on f64"):
        FIELD.apply("and", (scalar(FIELD, 1), scalar(FIELD, 1)), DType.F64, DType.F64)


def test_machine_equality_allows_for_rounding_only():
    x = np.array([1.0, 1e6, math.nan, math.inf])
    assert MACHINE.equal(x, x * (1 + 1e-14), DType.F64).all()
    assert MACHINE.equal(x, x + np.array([1e-3, 0, 0, 0]), DType.F64).tolist() == [False, True, True, True]
    assert not MACHINE.equal(np.array([math.inf]), np.array([1.0]), DType.F64).any()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_another_machine_differs_in_divisions_by_zero_alone(dtype):
    other = OtherDivision(MACHINE)
    left, right = (np.array(values).astype(dtype.numpy_name) for values in ([5, 6, 0], [2, 3, 7]))
    for function in ("divide", "remainder", "add"):
        expected = MACHINE.apply(function, [left, right], dtype, dtype)
        assert np.array_equal(other.apply(function, [left, right], dtype, dtype), expected)
    assert not other.asked
    zero = np.zeros_like(left)
    assert (other.apply("divide", [left, zero], dtype, dtype) == np.array(-1).astype(left.dtype)).all()
    assert (other.apply("remainder", [left, zero], dtype, dtype) == left).all()
    assert other.asked
