"""Whole programs: what is printed computes what the program means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stablehlo_random_programs import ARGUMENTS, SIZES, TYPES, M, N, programs

from exalift.affine import Affine
from exalift.affine.algebra import Machine
from exalift.base import DType, UsageError, VerificationError
from exalift.dialects import (
    Argument,
    ArrayValue,
    Node,
    Result,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
    evaluate_program,
)
from exalift.dialects.stablehlo import (
    STABLEHLO,
    convert,
    deserialize_portable,
    dynamic_slice,
    dynamic_update_slice,
    index_scalar,
    interpret_module,
    op,
    print_module,
    serialize_portable,
    slice_,
    splat,
    verify_module,
)

Row, Col = Affine.symbol("i"), Affine.symbol("j")


def inputs_for(seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    shapes = {name: TYPES[name] for name in ARGUMENTS}
    return {
        name: np.asarray(generator.integers(-3, 4, size=type.at(SIZES))).astype(type.dtype.numpy_name)
        for name, type in shapes.items()
    }


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=programs(), seed=st.integers(0, 100))
def test_random_programs_mean_what_is_printed(program: TensorProgram, seed: int) -> None:
    inputs = inputs_for(seed)
    expected = evaluate_program(program, inputs, SIZES, Machine(), STABLEHLO)
    text = print_module(program, SIZES)
    assert text == print_module(program, SIZES)
    got = interpret_module(text, [inputs[name] for name in ARGUMENTS])
    for result, value in zip(program.results, got, strict=True):
        # Sums of products of small integers: exact, whatever the order. Big ones may round.
        np.testing.assert_allclose(value, expected[result.name], rtol=1e-12, err_msg=text)


def array(name: str) -> ArrayValue:
    return ArrayValue(name, TYPES[name])


def program_of(*body: Update | TensorLoop, results: tuple[str, ...] = ("y",)) -> TensorProgram:
    return TensorProgram(
        "kernel",
        "stablehlo",
        ("N", "M"),
        tuple(Argument(name, TYPES[name]) for name in ARGUMENTS),
        tuple(Argument(name, TYPES[name]) for name in ("t", "u")),
        body,
        tuple(Result(name, name, TYPES[name]) for name in results),
    )


def run(program: TensorProgram, seed: int = 0) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, ...]]:
    inputs = inputs_for(seed)
    return inputs, interpret_module(print_module(program, SIZES), [inputs[name] for name in ARGUMENTS])


def test_prefix_sum_is_a_loop_that_carries_one_array() -> None:
    before = dynamic_slice(array("y"), [Row - 1], [1])
    here = dynamic_slice(array("y"), [Row], [1])
    step = Update("y", dynamic_update_slice(array("y"), op("add", before, here), [Row]))
    program = program_of(TensorLoop("i", (Affine.of(1),), (N,), (step,)))
    text = print_module(program, SIZES)
    assert "while(%i = %c, %y_0 = %y) : tensor<i64>, tensor<4xf64>" in text
    assert "pad" not in text
    inputs, (got,) = run(program)
    np.testing.assert_array_equal(got, np.cumsum(inputs["y"]))


def test_triangular_nest_with_bounds_from_the_outer_loop() -> None:
    """for i < N, for max(i-1, 0) <= j < min(i+1, M): A[i, j] += i * 10 + j."""
    corner = dynamic_slice(array("A"), [Row, Col], [1, 1])
    number = op("reshape", index_scalar(Row * 10 + Col, DType.F64), attributes=(("shape", (1, 1)),))
    update = Update("A", dynamic_update_slice(array("A"), op("add", corner, number), [Row, Col]))
    inner = TensorLoop("j", (Row - 1, Affine()), (Row + 1, M), (update,))
    program = program_of(TensorLoop("i", (Affine(),), (N,), (inner,)), results=("A",))
    inputs, (got,) = run(program)
    expected = inputs["A"].copy()
    for i in range(4):
        for j in range(max(i - 1, 0), min(i + 1, 3)):
            expected[i, j] += i * 10 + j
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("divisor", [2, 3])
def test_floor_division_of_negative_counters(divisor: int) -> None:
    """y[i] = floor((2i - 5) / d), which is negative at first."""
    value = op("reshape", index_scalar((Row * 2 - 5) // divisor, DType.F64), attributes=(("shape", (1,)),))
    update = Update("y", dynamic_update_slice(array("y"), value, [Row]))
    _, (got,) = run(program_of(TensorLoop("i", (Affine(),), (N,), (update,))))
    np.testing.assert_array_equal(got, [(2 * i - 5) // divisor for i in range(4)])


def test_out_of_bounds_starts_read_zeros_and_write_nothing() -> None:
    shifted = dynamic_slice(array("y"), [Row - 1], [2])
    window = Update("y", dynamic_update_slice(array("y"), op("negate", shifted), [Row - 1]))
    program = program_of(TensorLoop("i", (Affine(),), (N + 1,), (window,)))
    inputs, (got,) = run(program)
    expected = inputs["y"].copy()
    for i in range(5):
        for k in (i - 1, i):
            if 0 <= k < 4:
                expected[k] = -expected[k]
    np.testing.assert_array_equal(got, expected)


def test_single_elements_out_of_bounds_are_decided_without_padding() -> None:
    """y[i - 1] = -y[i + 1], where what is out of bounds reads as 0 and is not written."""
    ahead = dynamic_slice(array("y"), [Row + 1], [1])
    step = Update("y", dynamic_update_slice(array("y"), op("negate", ahead), [Row - 1]))
    program = program_of(TensorLoop("i", (Affine(),), (N + 2,), (step,)))
    text = print_module(program, SIZES)
    assert "stablehlo.select" in text and "stablehlo.pad" not in text
    inputs, (got,) = run(program)
    expected = inputs["y"].copy()
    for i in range(6):
        if 0 <= i - 1 < 4:
            expected[i - 1] = -expected[i + 1] if i + 1 < 4 else 0.0
    np.testing.assert_array_equal(got, expected)
    meant = evaluate_program(program, inputs, SIZES, Machine(), STABLEHLO)
    np.testing.assert_array_equal(got, meant["y"])


def test_constant_elements_out_of_bounds_read_zero_too() -> None:
    step = Update("y", dynamic_update_slice(array("y"), dynamic_slice(array("y"), [7], [1]), [1]))
    inputs, (got,) = run(program_of(step))
    np.testing.assert_array_equal(got, [inputs["y"][0], 0.0, *inputs["y"][2:]])
    gone = Update("y", dynamic_update_slice(array("y"), dynamic_slice(array("y"), [1], [1]), [-2]))
    inputs, (got,) = run(program_of(gone))
    np.testing.assert_array_equal(got, inputs["y"])


def test_a_local_that_dies_in_an_iteration_is_not_carried() -> None:
    body = (
        Update("u", op("add", array("y"), array("y"))),
        Update("y", op("multiply", array("u"), array("u"))),
    )
    text = print_module(program_of(TensorLoop("i", (Affine(),), (N,), body)), SIZES)
    assert "%u" not in text
    assert "stablehlo.while(%i = %c, %y_0 = %y)" in text


def test_dead_updates_and_empty_loops_are_not_printed() -> None:
    dead = Update("t", op("negate", array("t")))
    empty = TensorLoop("i", (N,), (M,), (Update("y", op("negate", array("y"))),))
    text = print_module(program_of(dead, empty), SIZES)
    assert "stablehlo" not in text
    assert "return %y" in text


def test_equal_ops_are_printed_once_across_updates() -> None:
    twice = op("add", array("x"), array("x"))
    again = op("add", array("x"), array("x"))
    text = print_module(
        program_of(
            Update("s", op("reduce", twice, attributes=(("body", "add"), ("dimensions", (0,))))),
            Update("x", op("negate", again)),
            results=("s", "x"),
        ),
        SIZES,
    )
    assert text.count("stablehlo.add %x, %x") == 1


def test_deep_dags_do_not_recurse() -> None:
    node: Node = array("y")
    for position in range(20_000):
        node = op(("add", "maximum")[position % 2], node, array("y"))
    text = print_module(program_of(Update("y", node)), SIZES)
    assert text.count("\n") > 20_000


def test_unread_sizes_and_wrong_types_are_refused() -> None:
    with pytest.raises(VerificationError, match="y has type"):
        print_module(program_of(Update("y", array("x"))), SIZES)
    with pytest.raises(VerificationError, match="neither an argument nor a local"):
        print_module(program_of(Update("y", ArrayValue("z", TYPES["y"]))), SIZES)
    with pytest.raises(UsageError, match="too small"):
        print_module(program_of(Update("y", array("y"))), {"N": -1, "M": 3})
    moving = op("add", splat(1.0, TYPES["s"]), index_scalar("q", DType.F64))
    with pytest.raises(VerificationError, match="q is neither a size nor a loop around"):
        print_module(program_of(Update("s", moving), results=("s",)), SIZES)


def test_static_slices_do_not_move_with_loops() -> None:
    part = slice_(array("A"), [Row, 0], [Row + 1, M])
    update = Update("A", dynamic_update_slice(array("A"), part, [0, 0]))
    loop = TensorLoop("i", (Affine(),), (N,), (update,))
    with pytest.raises(VerificationError, match=r"indices of stablehlo.slice must not depend on i"):
        print_module(program_of(loop, results=("A",)), SIZES)


def test_zero_extents_are_legal() -> None:
    program = program_of(
        Update("y", op("dot_general", array("A"), array("x"), attributes=_MATVEC)), results=("y", "x")
    )
    verify_module(text := print_module(program, {"N": 3, "M": 0}))
    inputs = [np.zeros((3, 0)), np.zeros((0, 3)), np.zeros(0), np.ones(3), np.asarray(1.0), np.zeros(3, "i4")]
    got = interpret_module(text, inputs)
    np.testing.assert_array_equal(got[0], np.zeros(3))
    assert got[1].shape == (0,)


_MATVEC = (
    ("lhs_batching_dimensions", ()),
    ("lhs_contracting_dimensions", (1,)),
    ("rhs_batching_dimensions", ()),
    ("rhs_contracting_dimensions", (0,)),
)


def test_portable_artifacts_round_trip_and_hold_chlo() -> None:
    program = program_of(Update("y", op("chlo.erf", op("tan", array("y")))))
    text = print_module(program, SIZES)
    assert "chlo.erf" in text
    artifact = serialize_portable(text)
    inputs = inputs_for(1)
    ordered = [inputs[name] for name in ARGUMENTS]
    again = interpret_module(deserialize_portable(artifact), ordered)
    np.testing.assert_allclose(again[0], interpret_module(text, ordered)[0])
    with pytest.raises(UsageError, match="cannot hold"):
        serialize_portable(text, "0.9.0")
    with pytest.raises(UsageError, match="not a portable artifact"):
        deserialize_portable(b"nonsense")


def test_sizes_used_as_data_are_plain_numbers() -> None:
    average = op("divide", array("s"), convert(index_scalar("N", DType.I32), DType.F64))
    text = print_module(program_of(Update("s", average), results=("s",)), SIZES)
    assert "convert" not in text
    assert "dense<4.000000e+00> : tensor<f64>" in text
    moving = op("divide", array("s"), convert(index_scalar("i", DType.I32), DType.F64))
    loop = TensorLoop("i", (Affine.of(1),), (N,), (Update("s", moving),))
    inputs, (got,) = run(program_of(loop, results=("s",)))
    np.testing.assert_allclose(got, inputs["s"] / 6)


def test_integer_bounds_wrap_to_the_element_type() -> None:
    type = TensorType((), DType.UI8)
    program = TensorProgram(
        "f",
        "stablehlo",
        (),
        (),
        (Argument("c", type),),
        (Update("c", splat(300, type)),),
        (Result("c", "c", type),),
    )
    (got,) = interpret_module(print_module(program, {}), [])
    assert got == 300 % 256
