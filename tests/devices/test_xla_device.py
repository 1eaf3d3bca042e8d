"""XLA's CPU through JAX: right values, whatever `jax_enable_x64` says, and clear errors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from exalift.affine import Affine
from exalift.base import DeviceError, DType, UsageError, VerificationError
from exalift.devices import Device, XlaDevice, as_jax_function, list_devices
from exalift.dialects import (
    Argument,
    ArrayValue,
    Node,
    Result,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
)
from exalift.dialects.stablehlo import (
    broadcast,
    dot_general,
    dynamic_slice,
    dynamic_update_slice,
    op,
    print_module,
)

N, M, ROW = Affine.symbol("N"), Affine.symbol("M"), Affine.symbol("i")


def value(name: str, *shape: Affine, dtype: DType) -> ArrayValue:
    return ArrayValue(name, TensorType(shape, dtype))


def program(name: str, operands: tuple[ArrayValue, ...], result: Node) -> TensorProgram:
    out = Argument("out", result.type)
    return TensorProgram(
        name,
        "stablehlo",
        ("N", "M"),
        tuple(Argument(o.name, o.type) for o in operands),
        (out,),
        (Update("out", result),),
        (Result("out", "out", result.type),),
    )


def gemv(dtype: DType) -> str:
    a, x, s = value("A", N, M, dtype=dtype), value("x", M, dtype=dtype), value("alpha", dtype=dtype)
    scaled = op("multiply", broadcast(s, (N,), ()), dot_general(a, x, [(1, 0)]))
    return print_module(program("gemv", (s, a, x), scaled), {"N": 5, "M": 7})


def inputs(dtype: str) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(), (5, 7), (7,)]
    return [np.asarray(generator.standard_normal(shape)).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("dtype", [DType.F32, DType.F64])
def test_runs_whatever_jax_is_set_to(dtype: DType, wide: bool) -> None:
    alpha, a, x = inputs(dtype.numpy_name)
    with jax.enable_x64(wide):
        executable = XlaDevice().compile(gemv(dtype))
        (got,) = executable.run([alpha, a, x])
        assert jnp.zeros(1, float).dtype == (np.float64 if wide else np.float32)
    assert got.dtype == dtype.numpy_name
    np.testing.assert_allclose(got, alpha * (a @ x), rtol=1e-12 if dtype is DType.F64 else 1e-5)


def test_loops_with_captured_values_run() -> None:
    """x[i] += c * x[i-1], with i64 counters and the scalar captured from outside."""
    x, c = value("x", N, dtype=DType.F64), value("c", dtype=DType.F64)
    before = op("multiply", broadcast(c, (1,), ()), dynamic_slice(x, [ROW - 1], [1]))
    step = dynamic_update_slice(x, op("add", dynamic_slice(x, [ROW], [1]), before), [ROW])
    loop = TensorLoop("i", (Affine.of(1),), (N,), (Update("x", step),))
    arguments = (Argument("c", c.type), Argument("x", x.type))
    results = (Result("x", "x", x.type),)
    text = print_module(
        TensorProgram("scan", "stablehlo", ("N",), arguments, (), (loop,), results), {"N": 50}
    )
    data = np.random.default_rng(1).standard_normal(50)
    (got,) = XlaDevice().compile(text).run([np.asarray(0.5), data])
    expected = data.copy()
    for i in range(1, 50):
        expected[i] += 0.5 * expected[i - 1]
    np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_dot_is_what_numpy_says() -> None:
    """`dot` is the one op that the reference interpreter does not run."""
    a, x = value("A", N, M, dtype=DType.F64), value("x", M, dtype=DType.F64)
    text = print_module(program("f", (a, x), op("dot", a, x)), {"N": 5, "M": 7})
    _, matrix, vector = inputs("float64")
    (got,) = XlaDevice().compile(text).run([matrix, vector])
    np.testing.assert_allclose(got, matrix @ vector)


@pytest.mark.parametrize("dtype", list(DType), ids=str)
def test_every_element_type_goes_in_and_out(dtype: DType) -> None:
    pytest.importorskip("ml_dtypes")
    x = value("x", N, dtype=dtype)
    doubled = op("or", x, x) if dtype is DType.I1 else op("add", x, x)
    data = np.array([0, 1, 2, 3]).astype(dtype.numpy_name)
    (got,) = XlaDevice().compile(print_module(program("f", (x,), doubled), {"N": 4, "M": 1})).run([data])
    assert got.dtype == data.dtype
    np.testing.assert_array_equal(got, data | data if dtype is DType.I1 else data + data)


def test_zero_extents_run() -> None:
    a, x = value("A", N, M, dtype=DType.F32), value("x", M, dtype=DType.F32)
    text = print_module(program("f", (a, x), dot_general(a, x, [(1, 0)])), {"N": 3, "M": 0})
    (got,) = XlaDevice().compile(text).run([np.zeros((3, 0), "f"), np.zeros(0, "f")])
    np.testing.assert_array_equal(got, np.zeros(3))


def test_wrong_inputs_are_refused() -> None:
    executable = XlaDevice().compile(gemv(DType.F64))
    alpha, a, x = inputs("float64")
    with pytest.raises(DeviceError, match="gemv takes 3 arguments, got 2"):
        executable.run([alpha, a])
    with pytest.raises(DeviceError, match=r"argument 1 of gemv must be tensor<5x7xf64>, got shape \(7, 5\)"):
        executable.run([alpha, a.T, x])
    with pytest.raises(DeviceError, match=r"argument 2 .* of float32"):
        executable.run([alpha, a, x.astype("f")])


def test_wrong_modules_are_refused() -> None:
    with pytest.raises(VerificationError, match="not a valid module"):
        XlaDevice().compile("this is no module")
    with pytest.raises(UsageError, match="a function gemm; it has: gemv"):
        XlaDevice().compile(gemv(DType.F32), "gemm")
    dynamic = "func.func public @f(%x: tensor<?xf32>) -> tensor<?xf32> { return %x : tensor<?xf32> }"
    with pytest.raises(UsageError, match="not a static tensor"):
        XlaDevice().compile(dynamic)
    with pytest.raises(DeviceError, match=r"xla-nowhere is not available: JAX has no nowhere platform"):
        XlaDevice("nowhere").compile(gemv(DType.F32))
    call = (
        "func.func public @f() -> tensor<f32> { %0 = stablehlo.custom_call @nothing_of_the_kind() "
        ": () -> tensor<f32> return %0 : tensor<f32> }"
    )
    with pytest.raises(DeviceError, match="f"):
        XlaDevice().compile(call).run([])


def test_private_functions_stay_and_the_entry_is_found() -> None:
    text = """
    func.func private @main_part(%x: tensor<f32>) -> tensor<f32> {
      %0 = stablehlo.add %x, %x : tensor<f32>
      return %0 : tensor<f32>
    }
    func.func public @twice(%x: tensor<f32>) -> tensor<f32> {
      %0 = call @main_part(%x) : (tensor<f32>) -> tensor<f32>
      return %0 : tensor<f32>
    }
    """
    (got,) = XlaDevice().compile(text).run([np.asarray(2.0, "f")])
    assert got == 4.0


def test_devices_are_listed_with_reasons() -> None:
    devices = list_devices()
    first: Device = devices[0]
    assert first.name == "xla-cpu" and first.kind == "xla" and first.available and not first.reason
    assert not XlaDevice("cpu", 99).available
    assert "devices only" in XlaDevice("cpu", 99).reason


def test_timing_is_bounded() -> None:
    executable = XlaDevice().compile(gemv(DType.F64))
    timing = executable.time(inputs("float64"), repeats=3)
    assert len(timing.seconds) == 3
    assert 0 < timing.best <= timing.median
    assert len(executable.time(inputs("float64"), repeats=1000, budget=0.0).seconds) == 1


def test_jax_function_works_under_jit_beside_other_code() -> None:
    function = as_jax_function(gemv(DType.F32))
    alpha, a, x = inputs("float32")

    @jax.jit
    def twice(a: jax.Array, x: jax.Array) -> jax.Array:
        (once,) = function(alpha, a, x)
        (again,) = function(jnp.float32(1), a, x * 2)
        return once + again

    np.testing.assert_allclose(
        twice(jnp.asarray(a), jnp.asarray(x)), alpha * (a @ x) + a @ (x * 2), rtol=1e-5
    )
    assert function.__name__ == "gemv"
    with pytest.raises(DeviceError, match="argument 1"):
        jax.jit(function)(alpha, a.T, x)


def test_jax_function_tells_how_to_get_64_bits() -> None:
    function = as_jax_function(gemv(DType.F64))
    alpha, a, x = inputs("float64")
    with jax.enable_x64(False), pytest.raises(DeviceError, match="jax_enable_x64"):
        function(alpha, a, x)
    with jax.enable_x64(True):
        (got,) = jax.jit(function)(alpha, a, x)
    np.testing.assert_allclose(got, alpha * (a @ x))
