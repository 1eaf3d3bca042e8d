"""Kernels by hand, as texts: what the tests of the language and of the devices run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exalift.capsule.kernels import Kernel, native, parse_module, verify_module

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Sample:
    """A kernel, and inputs for the arrays that it binds. exact: whether all devices give the same bits."""

    text: str
    exact: bool
    fill: Callable[[Kernel, np.random.Generator], list[Array]]

    @property
    def kernel(self) -> Kernel:
        module = parse_module(self.text)
        verify_module(module)
        return module.kernels[0]

    def inputs(self, seed: int = 0) -> list[Array]:
        return self.fill(self.kernel, np.random.default_rng(seed))


def _random(kernel: Kernel, generator: np.random.Generator) -> list[Array]:
    values: list[Array] = []
    for buffer in kernel.bound:
        dtype = native(buffer.dtype)
        if dtype.kind == "f":
            values.append(generator.standard_normal(buffer.shape).astype(dtype))
        else:
            values.append(generator.integers(0, 100, buffer.shape).astype(dtype))
    return values


def _dominant(kernel: Kernel, generator: np.random.Generator) -> list[Array]:
    (matrix,) = _random(kernel, generator)
    return [(matrix + 20 * np.eye(matrix.shape[0])).astype(matrix.dtype)]


STENCIL = Sample(
    """kernels 1

kernel stencil {
  inout A: i32[19, 23]
  local B: i32[19, 23]
  for t = 0 to 9 {
    parallel (i = 1 to 18, j = 1 to 22) {
      B[i, j] = (A[i - 1, j] + A[i + 1, j] + A[i, j - 1] + A[i, j + 1] * 3:i32) / (1:i32 + A[i, j] % 5:i32)
    }
    yield
    parallel (i = 1 to 18, j = 1 to 22) {
      A[i, j] = xor(B[i, j], shift_left(A[i, j], 1:i32)) + index(i - 2*j + t, i32)
    }
    yield
  }
}
""",
    True,
    _random,
)

LU = Sample(
    """kernels 1

kernel lu {
  inout A: f32[21, 21]
  for k = 0 to 20 {
    parallel (i = k + 1 to 21) {
      A[i, k] = A[i, k] / A[k, k]
    }
    yield
    parallel (i = k + 1 to 21, j = k + 1 to 21) {
      A[i, j] = A[i, j] - A[i, k] * A[k, j]
    }
    yield
  }
}
""",
    True,
    _dominant,
)

TRAINING = Sample(
    """kernels 1

kernel training {
  in X: f32[24, 5]
  in Y: f32[24]
  inout W: f32[5, 7]
  inout V: f32[7]
  out loss: f32[]
  local H: f32[24, 7]
  local E: f32[24]
  for step = 0 to 12 {
    parallel (n = 0 to 24, h = 0 to 7) {
      var sum: f32 = 0.0:f32
      for k = 0 to 5 {
        sum = sum + X[n, k] * W[k, h]
      }
      H[n, h] = tanh(sum)
    }
    parallel (n = 0 to 24) {
      var sum: f32 = -Y[n]
      for h = 0 to 7 {
        sum = sum + H[n, h] * V[h]
      }
      E[n] = sum
    }
    yield
    parallel (k = 0 to 5, h = 0 to 7) {
      var sum: f32 = 0.0:f32
      for n = 0 to 24 {
        sum = sum + X[n, k] * (E[n] * V[h] * (1.0:f32 - H[n, h] * H[n, h]))
        yield
      }
      W[k, h] = W[k, h] - 0.01:f32 * sum
    }
    parallel (h = 0 to 7) {
      var sum: f32 = 0.0:f32
      for n = 0 to 24 {
        sum = sum + E[n] * H[n, h]
      }
      V[h] = V[h] - 0.01:f32 * sum
    }
    parallel () {
      var sum: f32 = 0.0:f32
      for n = 0 to 24 {
        sum = sum + E[n] * E[n]
      }
      loss[] = sum
    }
    yield
  }
}
""".replace("= -Y[n]", "= negate(Y[n])"),
    False,
    _random,
)

# Everything that a frame can hold: registers of several types, loops whose bounds move, nested yields.
FRAMED = Sample(
    """kernels 1

kernel framed {
  param first = 0 to 4
  in A: i64[13, 40]
  in F: f32[13]
  inout C: i64[13, 3]
  inout G: f32[13, 3]
  inout O: i1[13, 3]
  for t = first to 4 {
    parallel (i = 0 to 13, j = 0 to 3) {
      var total: i64 = C[i, j]
      var seen: i1 = false
      var scale: f32 = 1.0:f32
      for k = t to 10 {
        var part: i64 = index(k + i, i64)
        for m = k to min(2*k + 4, 20) {
          part = part * 3:i64 + A[i, m + 2*j]
          if (m - i >= 0) {
            scale = scale * 0.5:f32 + F[i]
          }
          yield
        }
        total = xor(total, part)
        seen = or(seen, part > 1000:i64)
        yield
      }
      C[i, j] = total
      G[i, j] = scale
      O[i, j] = xor(seen, O[i, j])
    }
  }
}
""",
    True,
    _random,
)

SAMPLES = {"stencil": STENCIL, "lu": LU, "training": TRAINING, "framed": FRAMED}
