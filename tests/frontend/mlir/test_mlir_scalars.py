"""Every scalar operation on awkward values, against MLIR run value by value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ssa_machine import read_function, run

from exalift.affine import interpret, print_expression
from exalift.affine.algebra import Machine
from exalift.base import DType, RefusedError
from exalift.frontend.mlir import parse_mlir
from exalift.frontend.mlir.facts import Facts
from exalift.frontend.mlir.scalar_operations import library_function
from exalift.frontend.mlir.scalars import load

FLOATS = [0.0, -0.0, 1.0, -2.5, 0.5, 3.5, 1e30, math.inf, -math.inf, math.nan]
INTEGERS = [0, 1, 5, -1, -7, 100, 2**31 - 1, -(2**31)]
PREDICATES = [
    "false",
    "oeq",
    "ogt",
    "oge",
    "olt",
    "ole",
    "one",
    "ord",
    "ueq",
    "ugt",
    "uge",
    "ult",
    "ule",
    "une",
    "uno",
    "true",
]


def module(operation: str, element: str, result: str) -> str:
    """Applies an operation of %a and %b to all pairs of elements of x and y."""
    return f"""
      func.func @f(%x: memref<10x{element}>, %y: memref<10x{element}>, %r: memref<10x10x{result}>) {{
        %zero = arith.constant 0 : index
        %ten = arith.constant 10 : index
        %one = arith.constant 1 : index
        affine.for %i = 0 to 10 {{
          affine.for %j = 0 to 10 {{
            %a = affine.load %x[%i] : memref<10x{element}>
            %b = affine.load %y[%j] : memref<10x{element}>
            %c = {operation}
            affine.store %c, %r[%i, %j] : memref<10x10x{result}>
          }}
        }}
        return
      }}
    """


def check(text: str, x: np.ndarray, y: np.ndarray, result: type) -> None:
    (program,) = parse_mlir(text, "scalar.mlir")
    inputs = {"x": x, "y": y, "r": np.zeros((10, 10), result)}
    with np.errstate(all="ignore"):
        found = interpret(program, inputs, {}, Machine())["r"]
        direct = [array.copy() for array in inputs.values()]
        run(read_function(text, "f"), direct)
    np.testing.assert_array_equal(found, direct[2])


@pytest.mark.parametrize("predicate", PREDICATES)
def test_float_comparisons(predicate: str) -> None:
    values = np.array(FLOATS)
    check(module(f"arith.cmpf {predicate}, %a, %b : f64", "f64", "i1"), values, values, np.bool_)


@pytest.mark.parametrize("name", ["addf", "subf", "mulf", "divf", "maximumf", "minimumf"])
def test_float_arithmetic(name: str) -> None:
    values = np.array(FLOATS, np.float32)
    check(module(f"arith.{name} %a, %b : f32", "f32", "f32"), values, values, np.float32)


@pytest.mark.parametrize(
    "name",
    [
        "negf",
        "sqrt",
        "exp",
        "log",
        "absf",
        "tanh",
        "floor",
        "ceil",
        "trunc",
        "rsqrt",
        "log2",
        "exp2",
        "roundeven",
    ],
)
def test_float_functions(name: str) -> None:
    values = np.abs(np.array(FLOATS)) if name in ("sqrt", "log", "log2", "rsqrt") else np.array(FLOATS)
    values[6] = 2.0  # so that exp2 and log2 are exact in either way of computing them
    dialect = "arith" if name == "negf" else "math"
    check(module(f"{dialect}.{name} %a : f64", "f64", "f64"), values, values, np.float64)


def integers(dtype: type) -> np.ndarray:
    return np.array([*INTEGERS, 33, -128], np.int64).astype(dtype)


NAMES = [
    "addi",
    "subi",
    "muli",
    "divsi",
    "remsi",
    "divui",
    "remui",
    "maxsi",
    "minsi",
    "maxui",
    "minui",
    "andi",
    "ori",
    "xori",
    "shli",
    "shrsi",
    "shrui",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.int32, np.int8])
def test_integer_arithmetic(name: str, dtype: type) -> None:
    values = integers(dtype)
    kind = f"i{values.itemsize * 8}"
    right = values
    if "div" in name or "rem" in name:
        right = np.where(values == 0, 3, values).astype(dtype)
    elif name.startswith("sh"):
        right = (np.arange(10) % (values.itemsize * 8)).astype(dtype)
    if name in ("divsi", "remsi"):  # the quotient of the lowest number and -1 has no meaning
        right = np.where(right == -1, 7, right).astype(dtype)
    check(module(f"arith.{name} %a, %b : {kind}", kind, kind), values, right, dtype)


@pytest.mark.parametrize("predicate", ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"])
def test_integer_comparisons(predicate: str) -> None:
    values = integers(np.int32)
    check(module(f"arith.cmpi {predicate}, %a, %b : i32", "i32", "i1"), values, values, np.bool_)


@pytest.mark.parametrize(
    ("operation", "element", "result"),
    [
        ("arith.extsi %a : i8 to i32", np.int8, np.int32),
        ("arith.extui %a : i8 to i32", np.int8, np.int32),
        ("arith.trunci %a : i32 to i8", np.int32, np.int8),
        ("arith.trunci %a : i32 to i1", np.int32, np.bool_),
        ("arith.sitofp %a : i32 to f64", np.int32, np.float64),
        ("arith.uitofp %a : i32 to f64", np.int32, np.float64),
        ("arith.sitofp %a : i1 to f64", np.bool_, np.float64),
        ("arith.uitofp %a : i1 to f32", np.bool_, np.float32),
        ("arith.extsi %a : i1 to i32", np.bool_, np.int32),
        ("arith.extui %a : i1 to i64", np.bool_, np.int64),
        ("arith.fptosi %a : f64 to i32", np.float64, np.int32),
        ("arith.truncf %a : f64 to f32", np.float64, np.float32),
        ("arith.extf %a : f32 to f64", np.float32, np.float64),
        ("arith.cmpi eq, %a, %b : i1", np.bool_, np.bool_),
        ("arith.xori %a, %b : i1", np.bool_, np.bool_),
        ("arith.addi %a, %b : i1", np.bool_, np.bool_),
    ],
)
def test_conversions(operation: str, element: type, result: type) -> None:
    floats = np.array([0, -0.0, 1, -2.5, 0.5, 3.5, 1e6, 0.1, -0.1, 1e-40])
    values = floats.astype(element) if np.issubdtype(element, np.floating) else integers(element)

    def kind(dtype: type) -> str:
        if dtype is np.bool_:
            return "i1"
        return f"{'f' if np.issubdtype(dtype, np.floating) else 'i'}{np.dtype(dtype).itemsize * 8}"

    check(module(operation, kind(element), kind(result)), values, values, result)


def index_value(operations: str) -> str:
    """The right-hand side that index arithmetic gives, printed; %i runs from -3 to 10, %n is a size."""
    text = f"""
      func.func @f(%n: i32, %x: memref<99xi64>) {{
        %N = arith.index_cast %n : i32 to index
        %c2 = arith.constant 2 : index
        %c3 = arith.constant 3 : index
        %u = affine.for %k = 0 to %N iter_args(%s = %c2) -> (index) {{ affine.yield %s : index }}
        affine.for %i = -3 to 10 {{
          affine.for %j = 0 to %N {{
            {operations}
            %d = arith.index_cast %r : index to i64
            affine.store %d, %x[0] : memref<99xi64>
          }}
        }}
        return
      }}
    """
    (program,) = parse_mlir(text, "index.mlir")
    loop = next(s for s in program.body if getattr(s, "iv", "") == "i")
    return print_expression(loop.body[0].body[0].value)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ("%r = arith.addi %i, %j : index", "index<i64>(i + j)"),
        ("%a = arith.muli %c3, %i : index %r = arith.subi %a, %N : index", "index<i64>(3*i - n)"),
        ("%r = arith.muli %i, %j : index", "index<i64>(i) * index<i64>(j)"),
        ("%r = arith.divsi %j, %c3 : index", "index<i64>(floor((j)/3))"),
        ("%r = arith.divsi %i, %c3 : index", "index<i64>(i) / 3i64"),
        ("%r = arith.divui %j, %c3 : index", "index<i64>(floor((j)/3))"),
        ("%r = arith.floordivsi %i, %c3 : index", "index<i64>(floor((i)/3))"),
        ("%r = arith.ceildivsi %i, %c3 : index", "index<i64>(floor((i + 2)/3))"),
        ("%r = arith.remsi %j, %c3 : index", "index<i64>(j - 3*floor((j)/3))"),
        ("%r = arith.remsi %i, %c3 : index", "index<i64>(i) % 3i64"),
        ("%r = arith.shli %i, %c2 : index", "index<i64>(4*i)"),
        ("%r = arith.shrsi %i, %c2 : index", "index<i64>(floor((i)/4))"),
        ("%r = arith.minsi %i, %j : index", "minimum(index<i64>(i), index<i64>(j))"),
        (
            "%a = arith.maxsi %i, %j : index %r = arith.subi %c2, %a : index",
            "minimum(index<i64>(-i + 2), index<i64>(-j + 2))",
        ),
        (
            "%c = arith.cmpi slt, %i, %j : index %r = arith.select %c, %i, %j : index",
            "minimum(index<i64>(i), index<i64>(j))",
        ),
        (
            "%c = arith.cmpi sge, %i, %j : index %r = arith.select %c, %i, %j : index",
            "maximum(index<i64>(i), index<i64>(j))",
        ),
        (
            "%c = arith.cmpi eq, %i, %j : index %r = arith.select %c, %i, %c2 : index",
            "holds(i - j == 0) ? index<i64>(i) : 2i64",
        ),
        (
            "%r = affine.apply affine_map<(d0)[s0] -> (d0 * 2 + s0 ceildiv 4)>(%i)[%N]",
            "index<i64>(2*i + floor((n + 3)/4))",
        ),
    ],
)
def test_index_arithmetic(operations: str, expected: str) -> None:
    assert index_value(operations) == expected


def test_library_functions() -> None:
    facts = Facts(lambda _: None)
    x, y = load("x", (), DType.F32), load("y", (), DType.F32)
    for name, operands, expected in [
        ("sqrtf", [x], "sqrt(x)"),
        ("pow", [x, y], "power(x, y)"),
        ("fmodf", [x, y], "x % y"),
        ("fabs", [x], "abs(x)"),
        ("fmaf", [x, x, y], "x * x + y"),
        ("log10", [x], "log(x) / 2.302585092994046f32"),
    ]:
        found = library_function(name, operands, facts)
        assert found is not None
        assert print_expression(found.expression) == expected
    assert library_function("erff", [x, y], facts) is None
    assert library_function("printf", [x], facts) is None
    assert library_function("sqrt", [], facts) is None


@pytest.mark.parametrize(
    "operation",
    [
        "arith.bitcast %a : f64 to i64",
        "math.copysign %a, %b : f64",
        "math.ctlz %k : i64",
        "arith.floordivsi %k, %k : i64",
    ],
)
def test_refused(operation: str) -> None:
    text = f"""func.func @f(%a: f64, %b: f64, %k: i64) {{
      %c = {operation}
      return
    }}"""
    with pytest.raises(RefusedError) as caught:
        parse_mlir(text, "x.mlir")
    assert operation.split()[0] in str(caught.value)
    assert str(caught.value).startswith("x.mlir:2:12: error: ")
