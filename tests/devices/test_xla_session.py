"""XLA as a session: buffers, routines, and clear errors."""

from __future__ import annotations

import numpy as np
import pytest

from exalift.base import DeviceError, DType, TensorShape
from exalift.capsule import Routine, Signature
from exalift.capsule.stablehlo_artifact import serialize_portable
from exalift.devices import find_device

ROW = TensorShape((3,), DType.F64)
I64 = TensorShape((), DType.I64)
TEXT = """
func.func @main(%n: tensor<i64>, %x: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>) {
  %0 = stablehlo.convert %n : (tensor<i64>) -> tensor<f64>
  %1 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<f64>) -> tensor<3xf64>
  %2 = stablehlo.multiply %x, %1 : tensor<3xf64>
  return %2, %x : tensor<3xf64>, tensor<3xf64>
}
"""
SCALE = Routine(Signature("scale", (I64, ROW), (ROW, ROW)), serialize_portable(TEXT))


def test_a_routine_runs_on_buffers_and_integers() -> None:
    session = find_device("xla").open()
    function = session.compile_function(SCALE)
    data = np.array([1.0, 2.0, 3.0])
    buffer = session.put(data)
    data[:] = 0
    assert buffer.type == ROW
    scaled, same = function.run([3, buffer])
    np.testing.assert_array_equal(session.get(scaled), [3.0, 6.0, 9.0])
    np.testing.assert_array_equal(session.get(same), [1.0, 2.0, 3.0])
    session.close()


def test_wrong_operands_and_routines_are_refused() -> None:
    session = find_device("xla-cpu").open()
    function = session.compile_function(SCALE)
    with pytest.raises(DeviceError, match="argument 1 of scale must be"):
        function.run([3, session.put(np.zeros(4))])
    with pytest.raises(DeviceError, match="no tensor function"):
        session.compile_function(Routine(SCALE.signature, kernel="text"))
    with pytest.raises(DeviceError, match="runs no kernels"):
        session.compile_kernel(SCALE)
