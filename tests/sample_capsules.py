"""Small capsules written by hand, and what they compute, in NumPy."""

from __future__ import annotations

import numpy as np

from exalift.base import DType, TensorShape
from exalift.capsule import (
    Array,
    Bounds,
    Call,
    Capsule,
    Index,
    Loop,
    Result,
    Role,
    Routine,
    Signature,
    StateArray,
    Sweep,
)
from exalift.capsule.stablehlo_artifact import serialize_portable

I64 = TensorShape((), DType.I64)

# x[k] = 3 * x[k-1] + k + offset modulo 2^32, once an iteration: no two iterations may be left out or swapped.
MIX = """
func.func @main(%first: tensor<i64>, %limit: tensor<i64>, %offset: tensor<i64>, %x: tensor<{n}x{t}>)
    -> tensor<{n}x{t}> {{
  %one = stablehlo.constant dense<1> : tensor<i64>
  %three = stablehlo.constant dense<{three}> : tensor<{n}x{t}>
  %r:2 = stablehlo.while(%k = %first, %a = %x) : tensor<i64>, tensor<{n}x{t}>
    cond {{
      %c = stablehlo.compare LT, %k, %limit, SIGNED : (tensor<i64>, tensor<i64>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    }} do {{
      %s = stablehlo.slice %a [0:{m}] : (tensor<{n}x{t}>) -> tensor<{m}x{t}>
      %e = stablehlo.slice %a [{m}:{n}] : (tensor<{n}x{t}>) -> tensor<1x{t}>
      %rolled = stablehlo.concatenate %e, %s, dim = 0
        : (tensor<1x{t}>, tensor<{m}x{t}>) -> tensor<{n}x{t}>
      %scaled = stablehlo.multiply %rolled, %three : tensor<{n}x{t}>
      %ko = stablehlo.add %k, %offset : tensor<i64>
      %kt = stablehlo.convert %ko : (tensor<i64>) -> tensor<{t}>
      %kb = stablehlo.broadcast_in_dim %kt, dims = [] : (tensor<{t}>) -> tensor<{n}x{t}>
      %b = stablehlo.add %scaled, %kb : tensor<{n}x{t}>
      %next = stablehlo.add %k, %one : tensor<i64>
      stablehlo.return %next, %b : tensor<i64>, tensor<{n}x{t}>
    }}
  return %r#1 : tensor<{n}x{t}>
}}
"""
ADD = """
func.func @main(%x: tensor<{n}x{t}>, %y: tensor<{n}x{t}>) -> tensor<{n}x{t}> {{
  %0 = stablehlo.add %x, %y : tensor<{n}x{t}>
  return %0 : tensor<{n}x{t}>
}}
"""


def mixing(rows: int = 3, trips: int = 10, n: int = 8, dtype: DType = DType.I32) -> Capsule:
    """`for r < rows: { x mixed trips times, from r to trips; y += x }`; `x` an argument, `y` a local."""
    shape = TensorShape((n,), dtype)
    names = {"n": n, "m": n - 1, "t": str(dtype), "three": "0.3" if dtype.is_float else "3"}
    counter = Index(0, (("r", 1),))
    return Capsule(
        "mixing",
        (("n", n),),
        (StateArray("x", shape, Role.ARGUMENT), StateArray("y", shape, Role.LOCAL)),
        (
            Routine(
                Signature("mix", (I64, I64, I64, shape), (shape,)), serialize_portable(MIX.format(**names))
            ),
            Routine(Signature("add", (shape, shape), (shape,)), serialize_portable(ADD.format(**names))),
        ),
        (
            Loop(
                "r",
                Bounds((Index(0),), (Index(rows),)),
                (
                    Sweep(Bounds((counter,), (Index(trips),)), "mix", (counter, Array("x")), ("x",)),
                    Call("add", (Array("y"), Array("x")), ("y",)),
                ),
            ),
        ),
        (Result("x", "x"), Result("total", "y")),
    )


def mixed(x: np.ndarray, rows: int = 3, trips: int = 10) -> dict[str, np.ndarray]:
    """What `mixing` of integers gives."""
    values = x.astype(np.int64)
    total = np.zeros_like(values)
    for r in range(rows):
        for k in range(r, trips):
            values = (3 * np.roll(values, 1) + k + r).astype(np.int32).astype(np.int64)
        total += values
    return {"x": values.astype(np.int32), "total": total.astype(np.int32)}


SORT = """
func.func @main(%x: tensor<8xi32>) -> tensor<8xi32> {
  %0 = "stablehlo.sort"(%x) ({
    ^bb0(%a: tensor<i32>, %b: tensor<i32>):
      %c = stablehlo.compare LT, %a, %b, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
  }) {dimension = 0 : i64, is_stable = true} : (tensor<8xi32>) -> tensor<8xi32>
  return %0 : tensor<8xi32>
}
"""


def sorting() -> Capsule:
    """`x` sorted: an op that has no formula, so that not every device reads it."""
    shape = TensorShape((8,), DType.I32)
    return Capsule(
        "sorting",
        (),
        (StateArray("x", shape, Role.ARGUMENT),),
        (Routine(Signature("sort", (shape,), (shape,)), serialize_portable(SORT)),),
        (Call("sort", (Array("x"),), ("x",)),),
        (Result("x", "x"),),
    )
