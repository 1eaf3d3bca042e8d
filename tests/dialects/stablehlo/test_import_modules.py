"""Modules read back: what is printed is what was meant, and what is no module is refused with its place."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stablehlo_random_programs import ARGUMENTS, SIZES, TYPES, programs

from exalift.affine.algebra import Machine
from exalift.base import RefusedError, UsageError
from exalift.dialects import TensorProgram, evaluate_program
from exalift.dialects.stablehlo import (
    IMPORTED,
    STABLEHLO,
    import_module,
    print_module,
    read_signature,
)
from exalift.pipeline import lift, read_suite

KERNELS = {k.name: k for k in read_suite(Path(__file__).parents[3] / "benchmarks" / "kernels")}
SAMPLE = ("gemm", "trmm", "jacobi-2d", "trisolv", "symm")


def numbers(seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        name: np.asarray(generator.integers(-3, 4, size=TYPES[name].at(SIZES))).astype(
            TYPES[name].dtype.numpy_name
        )
        for name in ARGUMENTS
    }


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=programs(), seed=st.integers(0, 100))
def test_random_programs_are_read_back(program: TensorProgram, seed: int) -> None:
    inputs = numbers(seed)
    expected = evaluate_program(program, inputs, SIZES, Machine(), STABLEHLO)
    text = print_module(program, SIZES)
    names = [result.name for result in program.results]
    imported = import_module(text, arguments=list(ARGUMENTS), results=names)
    found = evaluate_program(imported.program, inputs, {}, Machine(), IMPORTED)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, err_msg=text)


def _round_trip(name: str) -> None:
    kernel = KERNELS[name]
    defines = [f"{k}={v}" for k, v in kernel.mini.defines.items()]
    lifted = lift(kernel.path, kernel.function, sizes=kernel.mini.sizes, defines=defines, level="tested")
    arguments = [argument.name for argument in lifted.program.arguments]
    signature = read_signature(lifted.text())
    assert [argument.hint for argument in signature.arguments] == arguments
    results = [result.name for result in lifted.program.results]
    imported = import_module(lifted.text(), arguments=arguments, results=results)
    generator = np.random.default_rng(0)
    inputs = {
        value.name: np.asarray(generator.uniform(1, 2, value.shape)).astype(value.dtype.numpy_name)
        for value in lifted.arguments
    }
    expected = evaluate_program(lifted.program, inputs, lifted.sizes.values, Machine(), STABLEHLO)
    found = evaluate_program(imported.program, inputs, {}, Machine(), IMPORTED)
    for result in results:
        np.testing.assert_allclose(found[result], expected[result], rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", SAMPLE)
def test_lifted_kernels_are_read_back(name: str) -> None:
    _round_trip(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(KERNELS))
def test_all_lifted_kernels_are_read_back(name: str) -> None:
    _round_trip(name)


WRAPPED = "func.func public @f(%a: tensor<3xf64>) -> tensor<3xf64> {{\n {} \n return %r : tensor<3xf64>\n}}"

BAD = {
    "nothing": ("", "exactly one public function"),
    "no text": ("MLïR\0\1", "not text"),
    "syntax": ("func.func @f(", "not a valid StableHLO module"),
    "unknown op": (
        WRAPPED.format('%r = "foo.bar"(%a) : (tensor<3xf64>) -> tensor<3xf64>'),
        "foo.bar, which has no",
    ),
    "unknown name": (WRAPPED.format("%r = stablehlo.add %a, %b : tensor<3xf64>"), "undeclared SSA value"),
    "types": (WRAPPED.format("%r = stablehlo.add %a, %a : tensor<4xf64>"), "not a valid StableHLO module"),
    "dynamic": (
        "func.func @f(%a: tensor<?xf64>) -> tensor<?xf64> { return %a : tensor<?xf64> }",
        "only static tensors",
    ),
    "memref": ("func.func @f(%a: memref<3xf64>) { return }", "only static tensors"),
    "complex": ("func.func @f(%a: tensor<complex<f64>>) { return }", "elements of type complex"),
    "two": ("func.func @f() { return } func.func @g() { return }", "exactly one public function; .*f, g"),
    "recursion": (
        "func.func private @g(%a: tensor<3xf64>) -> tensor<3xf64> { "
        "%0 = call @g(%a) : (tensor<3xf64>) -> tensor<3xf64> return %0 : tensor<3xf64> } "
        + WRAPPED.format("%r = call @g(%a) : (tensor<3xf64>) -> tensor<3xf64>"),
        "g calls itself",
    ),
    "external": (
        "func.func private @g(tensor<3xf64>) -> tensor<3xf64> "
        + WRAPPED.format("%r = call @g(%a) : (tensor<3xf64>) -> tensor<3xf64>"),
        "g has no body",
    ),
    "depth": ("(" * 1000, "nests deeper"),
    "regions": ('"a.b"() ({' * 100_000, "nests deeper"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_modules_are_refused(name: str) -> None:
    text, message = BAD[name]
    with pytest.raises((RefusedError, UsageError), match=message):
        import_module(text)


DAMAGED = """module {
  func.func public @f(%A: tensor<4x4xf64>, %x: tensor<4xf64>) -> tensor<4xf64> {
    %zero = stablehlo.constant dense<0> : tensor<i64>
    %0:2 = stablehlo.while(%i = %zero, %y = %x) : tensor<i64>, tensor<4xf64> cond {
      %n = stablehlo.constant dense<4> : tensor<i64>
      %c = stablehlo.compare LT, %i, %n, SIGNED : (tensor<i64>, tensor<i64>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    } do {
      %one = stablehlo.constant dense<1> : tensor<i64>
      %row = stablehlo.dynamic_slice %A, %i, %zero, sizes = [1, 4]
        : (tensor<4x4xf64>, tensor<i64>, tensor<i64>) -> tensor<1x4xf64>
      %r = stablehlo.reshape %row : (tensor<1x4xf64>) -> tensor<4xf64>
      %s = stablehlo.dot_general %r, %y, contracting_dims = [0] x [0]
        : (tensor<4xf64>, tensor<4xf64>) -> tensor<f64>
      %b = stablehlo.broadcast_in_dim %s, dims = [] : (tensor<f64>) -> tensor<1xf64>
      %z = stablehlo.dynamic_update_slice %y, %b, %i
        : (tensor<4xf64>, tensor<1xf64>, tensor<i64>) -> tensor<4xf64>
      %j = stablehlo.add %i, %one : tensor<i64>
      stablehlo.return %j, %z : tensor<i64>, tensor<4xf64>
    }
    return %0#1 : tensor<4xf64>
  }
}"""


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_modules_are_read_or_refused(data: st.DataObject) -> None:
    """A piece of the text is dropped, doubled, or replaced by another piece: no other error comes of it."""
    pieces = re.findall(r"[\w.]+|[^\w\s]|\s+", DAMAGED)
    at = data.draw(st.integers(0, len(pieces) - 1))
    match data.draw(st.integers(0, 2)):
        case 0:
            pieces[at] = ""
        case 1:
            pieces[at] *= 2
        case _:
            pieces[at] = pieces[data.draw(st.integers(0, len(pieces) - 1))]
    try:
        import_module("".join(pieces))
    except (RefusedError, UsageError):
        return


def test_the_place_of_an_error_is_told() -> None:
    with pytest.raises(RefusedError) as refusal:
        import_module(BAD["unknown name"][0], filename="m.mlir")
    assert str(refusal.value).startswith("m.mlir:2:")


def test_huge_constants_cost_nothing() -> None:
    text = """func.func @f() -> tensor<f64> {
      %c = stablehlo.constant dense<1.0> : tensor<100000x100000x1000xf64>
      %z = stablehlo.constant dense<0.0> : tensor<f64>
      %r = stablehlo.reduce(%c init: %z) applies stablehlo.add across dimensions = [0, 1, 2]
        : (tensor<100000x100000x1000xf64>, tensor<f64>) -> tensor<f64>
      return %r : tensor<f64>
    }"""
    assert import_module(text).program.results[0].type.rank == 0


def test_many_ops_in_a_row() -> None:
    rows = "\n".join(f"%{k + 1} = stablehlo.add %{k}, %{k} : tensor<3xf64>" for k in range(5000))
    text = (
        f"func.func @f(%a: tensor<3xf64>) -> tensor<3xf64> {{ %0 = stablehlo.abs %a : tensor<3xf64>\n{rows}\n"
    )
    imported = import_module(text + "return %5000 : tensor<3xf64> }")
    assert len(imported.program.body) == 1


def test_names_must_fit() -> None:
    text = "func.func @f(%a: tensor<3xf64>, %b: tensor<3xf64>) -> tensor<3xf64> { return %a : tensor<3xf64> }"
    with pytest.raises(UsageError, match="takes 2 tensors, but 1 are named"):
        import_module(text, arguments=["x"])
    with pytest.raises(UsageError, match="used twice"):
        import_module(text, arguments=["x", "x"])
    assert import_module(text, arguments=["x", "y"], results=["y"]).program.results[0].array == "y"


def _floored(divisor: int, body: str) -> str:
    """x[floor((2 i - 5) / d) + 3] for i < 6, with the floor division written as `body` makes `%f`."""
    return f"""
func.func @f(%x: tensor<12xf64>, %y: tensor<6xf64>) -> tensor<6xf64> {{
  %zero = stablehlo.constant dense<0> : tensor<i32>
  %one = stablehlo.constant dense<1> : tensor<i32>
  %two = stablehlo.constant dense<2> : tensor<i32>
  %five = stablehlo.constant dense<5> : tensor<i32>
  %six = stablehlo.constant dense<6> : tensor<i32>
  %d = stablehlo.constant dense<{divisor}> : tensor<i32>
  %sd = stablehlo.sign %d : tensor<i32>
  %out:2 = stablehlo.while(%i = %zero, %s = %y) : tensor<i32>, tensor<6xf64>
  cond {{
    %go = stablehlo.compare LT, %i, %six : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %go : tensor<i1>
  }} do {{
    %i2 = stablehlo.multiply %i, %two : tensor<i32>
    %n = stablehlo.subtract %i2, %five : tensor<i32>
    %q = stablehlo.divide %n, %d : tensor<i32>
    %r = stablehlo.remainder %n, %d : tensor<i32>
    %q1 = stablehlo.subtract %q, %one : tensor<i32>
{body}
    %at = stablehlo.add %f, %five : tensor<i32>
    %e = stablehlo.dynamic_slice %x, %at, sizes = [1] : (tensor<12xf64>, tensor<i32>) -> tensor<1xf64>
    %t = "stablehlo.dynamic_update_slice"(%s, %e, %i)
      : (tensor<6xf64>, tensor<1xf64>, tensor<i32>) -> tensor<6xf64>
    %j = stablehlo.add %i, %one : tensor<i32>
    stablehlo.return %j, %t : tensor<i32>, tensor<6xf64>
  }}
  return %out#1 : tensor<6xf64>
}}
"""


_COMPARE = "(tensor<i32>, tensor<i32>) -> tensor<i1>"
_BY_REMAINDER = f"""
    %c = stablehlo.compare LT, %r, %zero : {_COMPARE}
    %f = stablehlo.select %c, %q1, %q : tensor<i1>, tensor<i32>"""
_BY_SIGNS = f"""
    %sn = stablehlo.sign %n : tensor<i32>
    %differ = stablehlo.compare NE, %sn, %sd : {_COMPARE}
    %some = stablehlo.compare NE, %r, %zero : {_COMPARE}
    %c = stablehlo.and %differ, %some : tensor<i1>
    %f = stablehlo.select %c, %q1, %q : tensor<i1>, tensor<i32>"""
_MODULO = f"""
    %c = stablehlo.compare LT, %r, %zero : {_COMPARE}
    %more = stablehlo.add %r, %d : tensor<i32>
    %f = stablehlo.select %c, %more, %r : tensor<i1>, tensor<i32>"""
_BACKWARDS = f"""
    %c = stablehlo.compare GE, %r, %zero : {_COMPARE}
    %f = stablehlo.select %c, %q1, %q : tensor<i1>, tensor<i32>"""
_ALSO_AT_MULTIPLES = f"""
    %c = stablehlo.compare LT, %n, %zero : {_COMPARE}
    %f = stablehlo.select %c, %q1, %q : tensor<i1>, tensor<i32>"""


@pytest.mark.parametrize("divisor", [2, 3, 5])
@pytest.mark.parametrize("body", [_BY_REMAINDER, _BY_SIGNS, _MODULO])
def test_floor_divisions_of_what_may_be_negative(body: str, divisor: int) -> None:
    imported = import_module(_floored(divisor, body), arguments=["x", "y"])
    x = np.arange(12.0)
    found = evaluate_program(imported.program, {"x": x, "y": np.zeros(6)}, {}, Machine(), IMPORTED)
    n = 2 * np.arange(6) - 5
    expected = n % divisor if body == _MODULO else n // divisor
    np.testing.assert_array_equal(found["result0"], x[expected + 5])


@pytest.mark.parametrize("body", [_BACKWARDS, _ALSO_AT_MULTIPLES])
def test_what_looks_like_a_floor_division_and_is_none(body: str) -> None:
    with pytest.raises(RefusedError, match="not affine"):
        import_module(_floored(3 if body == _BACKWARDS else 5, body), arguments=["x", "y"])
