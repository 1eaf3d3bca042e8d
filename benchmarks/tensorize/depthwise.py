"""Depthwise convolutions: along the lanes, a column at a time, and as the native device's plain loops.

    python benchmarks/tensorize/depthwise.py [--seconds 0.3] [--clock wall|cpu]

MobileNet's 3 x 3 windows on random data, one thread, channels last and first, f32 and bytes. Weights are
packed once by the first two; images have their margins already. GOP/s, medians; lanes and loops take turns.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import measuring
import numpy as np

from exalift import lift
from exalift.affine import Affine
from exalift.base import DType
from exalift.llvm import host_target
from exalift.native import NativeDevice
from exalift.tensorize import (
    Access,
    Contraction,
    Dimension,
    Role,
    best_plan_for,
    compile_kernel,
    plan_for,
    usable_features,
)

# Height and width, channels, stride: Howard et al., "MobileNets" (2017), table 1.
LAYERS = ((112, 32, 1), (112, 64, 2), (56, 128, 1), (28, 256, 1), (14, 512, 1), (7, 1024, 1))
KINDS = {
    "f32": ((DType.F32, DType.F32, DType.F32), ("float", "float", "float")),
    "u8s8": ((DType.UI8, DType.I8, DType.I32), ("uint8_t", "int8_t", "int32_t")),
    "s8s8": ((DType.I8, DType.I8, DType.I32), ("int8_t", "int8_t", "int32_t")),
}


def contraction(layer: tuple[int, int, int], kinds: tuple[DType, DType, DType], first: bool) -> Contraction:
    """`out[y,x,c] = sum r,s. image[stride*y + r, stride*x + s, c] * weights[r,s,c]`."""
    height, channels, stride = layer
    out = height // stride
    y, x, c, r, s = map(Affine.symbol, "yxcrs")
    turn = (2, 0, 1) if first else (0, 1, 2)

    def access(dtype: DType, shape: tuple[int, ...], indices: tuple[Affine, ...]) -> Access:
        return Access(dtype, tuple(shape[i] for i in turn), tuple(indices[i] for i in turn))

    roles = {
        "y": (out, Role.M),
        "x": (out, Role.M),
        "c": (channels, Role.BATCH),
        "r": (3, Role.K),
        "s": (3, Role.K),
    }
    return Contraction(
        tuple(Dimension(name, *one) for name, one in roles.items()),
        access(kinds[0], (height + 2, height + 2, channels), (y * stride + r, x * stride + s, c)),
        access(kinds[1], (3, 3, channels), (r, s, c)),
        access(kinds[2], (out, out, channels), (y, x, c)),
        kinds[2],
    )


def source(layer: tuple[int, int, int], types: tuple[str, str, str], first: bool) -> str:
    """The same in C."""
    height, channels, stride = layer
    out, wide = height // stride, height + 2

    def order(*one: object) -> str:
        turn = (2, 0, 1) if first else (0, 1, 2)
        return "".join(f"[{one[i]}]" for i in turn)

    loops = [f"for (int y = 0; y < {out}; y++)", f"for (int x = 0; x < {out}; x++)"]
    loops.insert(0 if first else 2, f"for (int c = 0; c < {channels}; c++)")
    return f"""#include <stdint.h>
void layer(const {types[0]} image{order(wide, wide, channels)},
           const {types[1]} weights{order(3, 3, channels)}, {types[2]} out{order(out, out, channels)}) {{
  {" ".join(loops)} {{
    {types[2]} sum = 0;
    for (int r = 0; r < 3; r++)
      for (int s = 0; s < 3; s++)
        sum += image{order(f"y * {stride} + r", f"x * {stride} + s", "c")} * weights{order("r", "s", "c")};
    out{order("y", "x", "c")} = sum;
  }}
}}
"""


def compare(layer: tuple[int, int, int], kind: str, first: bool, options: argparse.Namespace) -> None:
    kinds, types = KINDS[kind]
    product = contraction(layer, kinds, first)
    generator = np.random.default_rng(0)

    def random(access: Access) -> np.ndarray:
        if access.dtype.is_float:
            return generator.standard_normal(access.shape).astype(access.dtype.numpy_name)
        limits = np.iinfo(access.dtype.numpy_name)
        return generator.integers(
            limits.min, limits.max, access.shape, access.dtype.numpy_name, endpoint=True
        )

    image, weights = random(product.lhs), random(product.rhs)
    lanes, column = (compile_kernel(make(product, usable_features())) for make in (best_plan_for, plan_for))
    outs = [np.zeros(product.out.shape, product.out.dtype.numpy_name) for _ in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.c"
        path.write_text(source(layer, types, first))
        module = lift(path, "layer", level="tested").text()
    loops = NativeDevice(host_target(), 1).compile_module(module)
    bound = loops.bind([image, weights])
    runs = {"lanes": lanes.bind(image, lanes.pack(weights), outs[0]), "native": bound.run}
    # By itself: what it packs takes the caches from the others.
    alone = {"column": column.bind(image, column.pack(weights), outs[1])}
    for run in (*runs.values(), *alone.values()):
        run()
    (result,) = loops.run([image, weights])
    for out in outs:
        np.testing.assert_allclose(out, result, rtol=1e-4, atol=1e-4)
    seconds = measuring.medians(runs, options.seconds, options.clock)
    seconds |= measuring.medians(alone, 0.0, options.clock)
    speeds = {name: product.operations / one / 1e9 for name, one in seconds.items()}
    named = "  ".join(f"{name} {speed:7.1f}" for name, speed in speeds.items())
    order = "NCHW" if first else "NHWC"
    ratio = speeds["lanes"] / speeds["native"]
    print(f"{kind} {order} {'x'.join(map(str, layer)):11}  {named}  lanes/native {ratio:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=0.3, help="for each comparison")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    options = parser.parse_args()
    measuring.pin(1)
    for kind in KINDS:
        for first in (False, True):
            for layer in LAYERS:
                # Rows along lanes are contiguous at stride 1 alone.
                if not first or layer[2] == 1:
                    compare(layer, kind, first, options)


if __name__ == "__main__":
    main()
