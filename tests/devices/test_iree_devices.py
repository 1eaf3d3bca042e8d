"""IREE on the CPU and on Vulkan: the results of XLA; and code for a GPU that is not there."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from exalift.base import DeviceError, DType, TensorShape, UsageError
from exalift.capsule import Routine, Signature
from exalift.capsule.stablehlo_artifact import serialize_portable
from exalift.devices import Device, find_device, list_devices
from exalift.runtime import compile_routines, random_state, results_of, run_to_end
from sample_capsules import mixed, mixing

DEVICES = [device for device in list_devices() if device.name in ("iree-cpu", "iree-vulkan")]


@pytest.fixture(params=DEVICES, ids=lambda device: device.name)
def device(request: pytest.FixtureRequest) -> Device:
    found: Device = request.param
    if not found.available:
        pytest.skip(found.reason)
    return found


@pytest.mark.parametrize("dtype", [DType.I32, DType.F32, DType.F64], ids=str)
def test_results_are_those_of_xla(device: Device, dtype: DType) -> None:
    capsule = mixing(rows=2, trips=4, dtype=dtype)
    state = random_state(capsule, 2)
    got = results_of(capsule, run_to_end(capsule, device, state))
    expected = results_of(capsule, run_to_end(capsule, find_device("xla"), state))
    for name, value in expected.items():
        assert got[name].dtype == value.dtype
        tolerance = {DType.I32: 0.0, DType.F32: 1e-6, DType.F64: 1e-12}[dtype]
        np.testing.assert_allclose(got[name], value, rtol=tolerance)
    if dtype is DType.I32:
        np.testing.assert_array_equal(got["x"], mixed(state["x"], 2, 4)["x"])


@pytest.mark.parametrize("dtype", [d for d in DType if d is not DType.BF16], ids=str)
def test_every_element_type_goes_in_and_out(device: Device, dtype: DType) -> None:
    session = device.open()
    data = np.array([[0, 1, 2], [3, 1, 0]]).astype(dtype.numpy_name)
    buffer = session.put(data)
    assert buffer.type == TensorShape((2, 3), dtype)
    got = session.get(buffer)
    assert got.dtype == data.dtype
    np.testing.assert_array_equal(got, data)
    scalar = session.put(np.asarray(data[1, 0]))
    assert session.get(scalar).shape == () and session.get(scalar) == data[1, 0]
    session.close()


def test_wrong_operands_are_refused(device: Device) -> None:
    capsule = mixing()
    session, other = device.open(), find_device("xla").open()
    function = compile_routines(capsule, device, session).functions["add"]
    x, y = (session.put(np.zeros(n, np.int32)) for n in (8, 7))
    with pytest.raises(DeviceError, match="argument 1 of add must be"):
        function.run([x, y])
    with pytest.raises(DeviceError, match="takes 2 arguments, got 1"):
        function.run([x])
    with pytest.raises(DeviceError, match="another device"):
        function.run([x, other.put(np.zeros(8, np.int32))])
    custom = (
        "func.func @main() -> tensor<f32> { %0 = stablehlo.custom_call @f() : () -> tensor<f32>"
        " return %0 : tensor<f32> }"
    )
    routine = Routine(Signature("f", (), (TensorShape((), DType.F32),)), serialize_portable(custom))
    with pytest.raises(UsageError, match="custom_call"):
        session.compile_function(routine)
    with pytest.raises(DeviceError, match="runs no kernels"):
        session.compile_kernel(routine)


def test_code_for_cuda_is_made_without_a_gpu() -> None:
    from exalift.devices.iree import TARGETS, IreeDevice

    cuda = IreeDevice(next(target for target in TARGETS if target.name == "iree-cuda"))
    code = cuda.compile_artifact(mixing(dtype=DType.F32).routines[0])
    assert b".target sm_80" in code or len(code) > 1000
    if not cuda.available:
        assert "GPU" in cuda.reason
        with pytest.raises(DeviceError, match="iree-cuda is not available"):
            cuda.open()


def test_what_vulkan_gets_wrong_is_refused() -> None:
    session = vulkan().open()
    for type, text in ((TensorShape((3,), DType.I8), "3xi8"), (TensorShape((4,), DType.F16), "4xf16")):
        same = f"func.func @main(%x: tensor<{text}>) -> tensor<{text}> {{ return %x : tensor<{text}> }}"
        routine = Routine(Signature("same", (type,), (type,)), serialize_portable(same))
        with pytest.raises(DeviceError, match="iree-vulkan does not run same"):
            session.compile_function(routine)


def test_a_loop_runs_on_the_operands_of_each_call() -> None:
    """Command buffers that Vulkan records once would run on those of the first."""
    session = vulkan().open()
    function = session.compile_function(mixing().routines[0])
    x = np.arange(8, dtype=np.int32)
    for limit in (0, 1, 3, 2):
        got = session.get(function.run([0, limit, 0, session.put(x)])[0])
        np.testing.assert_array_equal(got, mixed(x, 1, limit)["x"])


@pytest.mark.parametrize("dtype", [d for d in DType if d is not DType.BF16], ids=str)
def test_memory_that_was_taken_over_stays_while_it_is_used(device: Device, dtype: DType) -> None:
    """A result may be an operand unchanged, and holds the caller's memory after the operand is gone."""
    count = 1 << 17
    text = f"tensor<{count}x{dtype}>"
    type = TensorShape((count,), dtype)
    same = f"func.func @main(%x: {text}) -> {text} {{ return %x : {text} }}"
    session = device.open()
    if dtype is DType.F16 and device.name == "iree-vulkan":
        pytest.skip("f16 is refused there")
    function = session.compile_function(
        Routine(Signature("same", (type,), (type,)), serialize_portable(same))
    )
    data = (np.arange(count) % 2).astype(dtype.numpy_name)
    given = data.copy()
    gone = weakref.ref(given)
    (result,) = function.run([session.put(given, shared=True)])
    del given
    np.testing.assert_array_equal(session.get(result, shared=True), data)
    np.testing.assert_array_equal(session.get(result), data)
    del result
    gc.collect()
    assert gone() is None


def vulkan() -> Device:
    found = next(device for device in DEVICES if device.name == "iree-vulkan")
    if not found.available:
        pytest.skip(found.reason)
    return found
