"""Tensor functions from elsewhere: what is refused before any compiler sees it."""

from __future__ import annotations

import pytest

from exalift.base import DType, TensorShape, UsageError
from exalift.capsule import Signature
from exalift.capsule.stablehlo_artifact import check_artifact, serialize_portable

SCALAR = TensorShape((), DType.F32)
DOUBLE = "%0 = stablehlo.add %x, %x : tensor<f32>"
CUSTOM = "%0 = stablehlo.custom_call @anything(%x) : (tensor<f32>) -> tensor<f32>"
REPLICA = (
    "%r = stablehlo.replica_id : tensor<ui32>\n%0 = stablehlo.convert %r : (tensor<ui32>) -> tensor<f32>"
)


def artifact(body: str, name: str = "main") -> bytes:
    text = f"func.func @{name}(%x: tensor<f32>) -> tensor<f32> {{ {body}\n  return %0 : tensor<f32> }}"
    return serialize_portable(text)


def test_a_plain_function_is_taken() -> None:
    assert "stablehlo.add" in check_artifact(artifact(DOUBLE), Signature("f", (SCALAR,), (SCALAR,)))


@pytest.mark.parametrize(("body", "refused"), [(CUSTOM, "custom_call"), (REPLICA, "replica_id")])
def test_what_reaches_outside_is_refused(body: str, refused: str) -> None:
    with pytest.raises(UsageError, match=refused):
        check_artifact(artifact(body), Signature("f", (SCALAR,), (SCALAR,)))


def test_types_and_names_must_be_the_routines() -> None:
    wide = TensorShape((2,), DType.F32)
    with pytest.raises(UsageError, match="types of its routine"):
        check_artifact(artifact(DOUBLE), Signature("f", (wide,), (SCALAR,)))
    with pytest.raises(UsageError, match="a function main"):
        check_artifact(artifact(DOUBLE, "other"), Signature("f", (SCALAR,), (SCALAR,)))


def test_nonsense_is_refused() -> None:
    data = artifact(DOUBLE)
    for broken in (b"", b"nonsense", data[:40], data[: len(data) // 2]):
        with pytest.raises(UsageError, match=r"not a portable artifact|a function main"):
            check_artifact(broken, Signature("f", (SCALAR,), (SCALAR,)))
