"""Pairs that differ where a careless prover would not look, each beside a twin that is right.

Every pair here differs on inputs that C gives a meaning; none may be proved. The twins show that it is the
difference, and not the program, that stops the prover.
"""

import pytest
from proof_kernels import (
    I32,
    F,
    M,
    N,
    add,
    array_of,
    call,
    i,
    j,
    lifted,
    load,
    loop,
    mul,
    number,
    program,
    scalar_to,
    store,
)

from exalift.affine import Affine, Array, Cast, Constraint, Guard, GuardValue, If, IndexValue, Size
from exalift.base import DType
from exalift.dialects import TensorType, Update
from exalift.dialects.stablehlo import (
    STABLEHLO,
    compare,
    constant,
    convert,
    index_scalar,
    iota,
    op,
    pad,
    reduce,
    reverse,
    slice_,
    splat,
)
from exalift.proof.all_sizes import prove_all_sizes

I8, UI8, UI32, I64, F32, I1 = DType.I8, DType.UI8, DType.UI32, DType.I64, DType.F32, DType.I1


def elementwise(value, **parameters):
    """y[i] = value; `parameters` are the element types of other arrays."""
    arrays = [Array(name, dtype, (N,)) for name, dtype in parameters.items()]
    arrays.append(Array("y", value.dtype, (N,)))
    return program("elementwise", arrays, [loop("i", 0, "N", store("y", [i], value))])


def proved(source, value, strict_fp=False):
    target = lifted(source, [Update("y", value)])
    return prove_all_sizes(source, target, STABLEHLO, budget_s=60, strict_fp=strict_fp).proved


def row(dtype):
    return iota((N,), 0, dtype)


def like(value, node):
    return splat(value, node.type)


# Integers that wrap, mixed with values of indices.


@pytest.mark.parametrize(("here", "there"), [(UI32, I64), (I64, I32), (UI32, I32), (I32, I64)])
def test_a_product_of_an_index_that_wraps_is_told_from_one_that_does_not(here, there):
    """1000000 i / 7 in 32 bits and in 64 part at i = 2148, or 4295."""
    source = elementwise(call("divide", mul(IndexValue(i, here), number(1_000_000, here)), number(7, here)))
    for dtype, expected in ((here, True), (there, False)):
        product = op("multiply", row(dtype), like(1_000_000, row(dtype)))
        assert proved(source, convert(op("divide", product, like(7, product)), here)) is expected


def test_small_multiples_of_indices_fit_in_32_bits():
    source = elementwise(call("divide", mul(IndexValue(i, I64), number(6, I64)), number(4, I64)))
    narrow = op("divide", op("multiply", row(I32), like(6, row(I32))), like(4, row(I32)))
    assert proved(source, convert(narrow, I64))


def test_an_index_in_eight_bits_wraps():
    source = elementwise(Cast(Cast(IndexValue(i, I32), UI8), I32))
    assert not proved(source, row(I32))
    assert proved(source, convert(convert(row(I32), UI8), I32))


def test_an_unsigned_number_is_never_less_than_0():
    x = load("x", i, dtype=UI32)
    source = elementwise(call("select", call("compare_lt", x, number(0, UI32)), call("negate", x), x), x=UI32)
    given = array_of(source, "x")
    assert not proved(source, op("maximum", op("negate", given), given))


def test_a_widened_sum_is_not_the_sum_of_the_widened():
    a, b = load("a", i, dtype=I8), load("b", i, dtype=I8)
    source = elementwise(Cast(add(a, b), I32), a=I8, b=I8)
    left, right = array_of(source, "a"), array_of(source, "b")
    assert proved(source, convert(op("add", left, right), I32))
    assert not proved(source, op("add", convert(left, I32), convert(right, I32)))


def test_signs_of_widened_bytes_matter():
    source = elementwise(Cast(load("a", i, dtype=UI8), I32), a=UI8)
    a = array_of(source, "a")
    assert proved(source, convert(a, I32))
    assert not proved(source, convert(convert(a, I8), I32))


@pytest.mark.parametrize("name", ["divide", "shift_right_arithmetic"])
def test_division_rounds_to_zero_and_a_shift_down(name):
    x = load("x", i, dtype=I32)
    by = number(2 if name == "divide" else 1, I32)
    source = elementwise(call(name, x, by), x=I32)
    given = array_of(source, "x")
    quotient = op("divide", given, like(2, given))
    shifted = op("shift_right_arithmetic", given, like(1, given))
    assert proved(source, quotient) is (name == "divide")
    assert proved(source, shifted) is (name != "divide")


def test_a_logical_shift_of_what_may_be_negative_is_no_division():
    source = elementwise(call("shift_right_logical", IndexValue(i - 3, I32), number(1, I32)))
    moved = op("subtract", row(I32), like(3, row(I32)))
    assert not proved(source, op("divide", moved, like(2, moved)))
    assert proved(source, op("shift_right_logical", moved, like(1, moved)))


def test_a_remainder_has_the_sign_of_what_is_divided():
    source = elementwise(call("remainder", IndexValue(i - 3, I32), number(2, I32)))
    moved = op("subtract", row(I32), like(3, row(I32)))
    assert proved(source, op("remainder", moved, like(2, moved)))
    assert not proved(source, op("and", moved, like(1, moved)))


def test_a_product_and_its_quotient_do_not_cancel():
    """(a b) / b is a among the integers, not in 32 bits."""
    a, b = load("a", i, dtype=I32), load("b", i, dtype=I32)
    source = elementwise(call("divide", mul(a, b), b), a=I32, b=I32)
    left, right = array_of(source, "a"), array_of(source, "b")
    assert proved(source, op("divide", op("multiply", right, left), right))
    assert not proved(source, left)


def test_a_comparison_of_a_difference_is_not_one_of_the_numbers():
    """a - b < 0 and a < b part where the difference wraps; unsigned, the first never holds."""
    for dtype in (I32, UI32):
        a, b = load("a", i, dtype=dtype), load("b", i, dtype=dtype)
        test = call("compare_lt", call("subtract", a, b), number(0, dtype))
        source = elementwise(Cast(test, I32), a=dtype, b=dtype)
        left, right = array_of(source, "a"), array_of(source, "b")
        apart = op("subtract", left, right)
        assert proved(source, convert(compare("LT", apart, like(0, apart)), I32))
        assert not proved(source, convert(compare("LT", left, right), I32))


def test_equal_differences_are_equal_numbers_even_where_they_wrap():
    a, b = load("a", i, dtype=I32), load("b", i, dtype=I32)
    source = elementwise(Cast(call("compare_eq", a, b), I32), a=I32, b=I32)
    left, right = array_of(source, "a"), array_of(source, "b")
    apart = op("subtract", left, right)
    assert proved(source, convert(compare("EQ", apart, like(0, apart)), I32))
    assert not proved(source, convert(compare("EQ", convert(left, I8), convert(right, I8)), I32))


# Divisions by what sizes tell.


def mean(guarded, minimum=0):
    arrays = [Array("x", F, (N,)), Array("y", F, ())]
    total = loop("i", 0, "N", store("y", [], add(load("y"), load("x", i))))
    divided = store("y", [], call("divide", load("y"), Cast(IndexValue(N, I32), F)))
    last = If(Guard.of(Constraint(N - 1)), (divided,), ()) if guarded else divided
    steps = [store("y", [], number(0)), total, last]
    return program("mean", arrays, steps, sizes=(Size("N", minimum=minimum),))


@pytest.mark.parametrize(("guarded", "minimum"), [(True, 0), (True, 1), (False, 0), (False, 1)])
def test_a_size_of_0_that_the_source_does_not_divide_by(guarded, minimum):
    """n ? sum / n : 0 is not sum / n: without elements the one is 0, the other NaN."""
    source = mean(guarded, minimum)
    total = reduce(array_of(source, "x"), "add", [0])
    value = op("divide", total, convert(index_scalar(N, I32), F))
    assert proved(source, value) is (minimum == 1 or not guarded)


def test_an_index_of_0_that_the_source_does_not_divide_by():
    quotient = call("divide", load("x", i), Cast(IndexValue(i, I32), F))
    nonzero = GuardValue(Guard.of(Constraint(i - 1)))
    source = elementwise(call("select", nonzero, quotient, number(0)), x=F)
    x = array_of(source, "x")
    at = convert(row(I32), F)
    kept = compare("GT", row(I32), like(0, row(I32)))
    divided = op("divide", x, at)
    assert proved(source, op("select", kept, divided, like(0.0, x)))
    # Zero times one over zero is no zero.
    zeroed = op("multiply", op("select", kept, x, like(0.0, x)), op("divide", like(1.0, x), at))
    assert not proved(source, zeroed)


# Floating-point numbers that are no numbers.


def test_differences_of_infinities_are_not_compared():
    """x - inf < z - inf never holds."""
    endless = number(float("inf"))
    x, z = load("x", i), load("z", i)
    test = call("compare_lt", call("subtract", x, endless), call("subtract", z, endless))
    source = elementwise(Cast(test, F), x=F, z=F)
    left, right = array_of(source, "x"), array_of(source, "z")
    assert not proved(source, convert(compare("LT", left, right), F))


def test_a_maximum_of_nothing_is_not_0():
    arrays = [Array("x", F, (N,)), Array("y", F, ())]
    larger = loop("i", 0, "N", store("y", [], call("maximum", load("y"), load("x", i))))
    source = program("top", arrays, [store("y", [], number(0)), larger], sizes=(Size("N", minimum=0),))
    top = reduce(array_of(source, "x"), "maximum", [0])
    assert not proved(source, top)
    assert proved(source, op("maximum", top, constant(0.0, F)))


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_extrema_of_signed_zeros_keep_their_order_where_bits_count(name):
    a, b = load("a", i), load("b", i)
    source = elementwise(call(name, a, b), a=F, b=F)
    left, right = array_of(source, "a"), array_of(source, "b")
    assert proved(source, op(name, right, left))
    assert not proved(source, op(name, right, left), strict_fp=True)
    assert proved(source, op(name, left, right), strict_fp=True)
    chosen = op("select", compare("GT" if name == "maximum" else "LT", left, right), left, right)
    assert proved(source, chosen)
    assert not proved(source, chosen, strict_fp=True)


@pytest.mark.parametrize("value", ["x + 0", "x - 0", "0 - x", "x * 1", "x * 0", "x - x", "x / x", "-(-x)"])
def test_laws_that_a_zero_or_a_nan_breaks_are_not_used_where_bits_count(value):
    """Each is x, -x, 0 or 1 for most x; the left side is the C, the right what one might write instead."""
    x, zero, one = load("x", i), number(0.0), number(1.0)
    written = {
        "x + 0": call("add", x, zero),
        "x - 0": call("subtract", x, zero),
        "0 - x": call("subtract", zero, x),
        "x * 1": call("multiply", x, one),
        "x * 0": call("multiply", x, zero),
        "x - x": call("subtract", x, x),
        "x / x": call("divide", x, x),
        "-(-x)": call("negate", call("negate", x)),
    }
    source = elementwise(written[value], x=F)
    given = array_of(source, "x")
    others = {"0 - x": op("negate", given), "x * 0": like(0.0, given), "x - x": like(0.0, given)}
    others["x / x"] = like(1.0, given)
    assert not proved(source, others.get(value, given), strict_fp=True)


def test_literals_have_the_rounding_of_their_type_where_bits_count():
    """x * (double)0.1f is not x * 0.1."""
    source = elementwise(mul(load("x", i), Cast(number(0.1, F32), F)), x=F)
    x = array_of(source, "x")
    narrow = convert(splat(0.1, TensorType((N,), F32)), F)
    assert proved(source, op("multiply", x, narrow), strict_fp=True)
    assert not proved(source, op("multiply", x, like(0.1, x)), strict_fp=True)


def test_zero_and_minus_zero_are_two_literals_where_bits_count():
    """x + 0.0 is not x + -0.0 for x = -0.0; nor is a program remembered for the other."""
    for mine in (0.0, -0.0):
        source = elementwise(add(load("x", i), number(mine)), x=F)
        x = array_of(source, "x")
        for other in (0.0, -0.0):
            expected = str(mine) == str(other)
            assert proved(source, op("add", x, like(other, x)), strict_fp=True) is expected
            assert proved(source, op("add", x, like(other, x)))


def test_rounding_to_float_and_back_is_seen_where_bits_count():
    source = elementwise(Cast(Cast(load("x", i), F32), F), x=F)
    x = array_of(source, "x")
    assert proved(source, convert(convert(x, F32), F), strict_fp=True)
    assert not proved(source, x, strict_fp=True)


# Opaque functions.


def test_one_function_of_equal_arguments_is_one_value_and_of_others_another():
    a, b = load("a", i), load("b", i)
    source = elementwise(call("exponential", add(a, b)), a=F, b=F)
    left, right = array_of(source, "a"), array_of(source, "b")
    assert proved(source, op("exponential", op("add", right, left)))
    assert not proved(source, op("exponential", op("subtract", left, right)))
    assert not proved(source, op("tanh", op("add", left, right)))


def test_functions_agree_only_where_their_arguments_do():
    """sqrt(x[i]) for i < M and sqrt(x[0]) beyond is not sqrt(x[i])."""
    early = GuardValue(Guard.of(Constraint(M - 1 - i)))
    value = call("select", early, call("sqrt", load("x", i)), call("sqrt", load("x", 0)))
    arrays = [Array("x", F, (N,)), Array("y", F, (N,))]
    source = program(
        "parts", arrays, [loop("i", 0, "N", store("y", [i], value))], sizes=(Size("N"), Size("M", minimum=0))
    )
    x = array_of(source, "x")
    assert not proved(source, op("sqrt", x))
    first = scalar_to(reduce(slice_(x, [0], [1]), "add", [0]), x)
    kept = compare("LT", row(I64), scalar_to(index_scalar(M, I64), row(I64)))
    assert proved(source, op("select", kept, op("sqrt", x), op("sqrt", first)))


def test_an_integer_function_is_known_by_its_type():
    a, b = load("a", i, dtype=I8), load("b", i, dtype=I8)
    source = elementwise(Cast(call("maximum", a, b), UI8), a=I8, b=I8)
    left, right = array_of(source, "a"), array_of(source, "b")
    assert proved(source, convert(op("maximum", right, left), UI8))
    assert not proved(source, op("maximum", convert(left, UI8), convert(right, UI8)))


# Ranges that may be empty, windows at edges, and the order of writes.


def test_a_window_is_0_beyond_its_edge_only_if_it_is_padded_so():
    """y[i] = i + 1 < N ? x[i + 1] : x[N - 1]."""
    inner = GuardValue(Guard.of(Constraint(N - 2 - i)))
    source = elementwise(call("select", inner, load("x", i + 1), load("x", N - 1)), x=F)
    x = array_of(source, "x")
    moved = pad(slice_(x, [1], [N]), constant(0.0, F), [0], [1])
    assert not proved(source, moved)
    before_last = compare("LT", row(I64), scalar_to(index_scalar(N - 1, I64), row(I64)))
    assert proved(source, op("select", before_last, moved, x))


def test_what_a_loop_that_may_not_run_leaves_is_the_old_value():
    """The last of x[0 .. M): with M = 0 nothing is written."""
    arrays = [Array("x", F, (N,)), Array("y", F, ())]
    admitted = Guard.of(Constraint(N - M))
    body = [loop("i", 0, "M", store("y", [], load("x", i)))]

    def source_of(minimum):
        sizes = (Size("N"), Size("M", minimum=minimum))
        return program("last", arrays, body, sizes=sizes, constraints=admitted)

    for minimum in (0, 1):
        source = source_of(minimum)
        at = op(
            "select",
            compare("EQ", row(I64), scalar_to(index_scalar(M - 1, I64), row(I64))),
            array_of(source, "x"),
            like(0.0, array_of(source, "x")),
        )
        assert proved(source, reduce(at, "add", [0])) is (minimum == 1)


def test_the_later_of_two_writes_to_one_element_counts():
    arrays = [Array(name, F, (N,)) for name in "aby"]

    def source_of(first, second):
        steps = [store("y", [i], load(first, i)), store("y", [i], load(second, i))]
        return program("twice", arrays, [loop("i", 0, "N", *steps)])

    source, swapped = source_of("a", "b"), source_of("b", "a")
    assert proved(source, array_of(source, "b"))
    assert not proved(swapped, array_of(swapped, "b"))


def test_a_reversed_copy_in_place_reads_what_was_written():
    """x[i] = x[N - 1 - i] leaves a palindrome, not a reversal."""
    source = program(
        "flip", [Array("y", F, (N,))], [loop("i", 0, "N", store("y", [i], load("y", N - 1 - i)))]
    )
    y = array_of(source, "y")

    assert not proved(source, reverse(y, [0]))


def test_strided_counts_are_not_taken_for_dense_ones():
    """The sum of c over even j below N is c times (N + 1) / 2, not c times N."""
    arrays = [Array("c", F, ()), Array("y", F, (N,))]
    even = Guard.of(Constraint(Affine.symbol("j") % 2, True))
    body = If(even, (store("y", [i], add(load("y", i), load("c"))),), ())
    source = program("even", arrays, [loop("i", 0, "N", loop("j", 0, "N", body))])
    y, c = array_of(source, "y"), array_of(source, "c")
    for count in (N, (N + 1) // 2 + 1, N // 2):
        factor = scalar_to(convert(index_scalar(count, I32), F), y)
        assert not proved(source, op("add", y, op("multiply", scalar_to(c, y), factor)))


def test_repeated_maxima_are_one_and_repeated_sums_are_not():
    arrays = [Array("x", F, (N,)), Array("y", F, ())]
    for function, expected in (("maximum", True), ("add", False)):
        body = store("y", [], call(function, load("y"), load("x", j)))
        source = program(
            "twice", arrays, [loop("i", 0, "M", loop("j", 0, "N", body))], sizes=(Size("M"), Size("N"))
        )
        y = array_of(source, "y")
        once = op(function, y, reduce(array_of(source, "x"), function, [0]))
        assert proved(source, once) is expected


def test_a_truth_is_its_own_square_and_a_number_is_not():
    x = load("x", i)
    positive = Cast(call("compare_gt", x, number(0)), F)
    source = elementwise(mul(positive, positive), x=F)
    given = array_of(source, "x")
    assert proved(source, convert(compare("GT", given, like(0.0, given)), F))
    square = elementwise(mul(x, x), x=F)
    assert not proved(square, array_of(square, "x"))
    assert proved(elementwise(Cast(Cast(x, I1), F), x=F), convert(compare("NE", given, like(0.0, given)), F))
