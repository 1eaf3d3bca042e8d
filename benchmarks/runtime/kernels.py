"""What yield points inside kernels cost, and how soon a run stops that is asked to, for each device.

    python benchmarks/runtime/kernels.py [DEVICE ...]

Overhead: a matrix product whose work-items can stop every 64 steps of their sums, against the same text
without yields; both warm, in turns, medians. Time to yield: from `interrupt` to the return of `run`, where
a device can be asked in the middle of a launch; elsewhere the time of a slice of one yield point.
"""

from __future__ import annotations

import re
import statistics
import sys
import threading
import time

import numpy as np

from exalift.capsule import Routine, Signature
from exalift.devices import KernelExecutable, Session, find_device, list_devices

N, K = 192, 4096
REPEATS = 9

PRODUCT = f"""kernels 1

kernel product {{
  in A: f32[{N}, {K}]
  in B: f32[{K}, {N}]
  inout C: f32[{N}, {N}]
  parallel (i = 0 to {N}, j = 0 to {N}) {{
    var sum: f32 = 0.0:f32
    for t = 0 to {K // 64} {{
      for k = 64*t to 64*t + 64 {{
        sum = sum + A[i, k] * B[k, j]
      }}
      yield
    }}
    C[i, j] = sum
  }}
}}
"""


def compiled(session: Session, text: str) -> KernelExecutable:
    return session.compile_kernel(Routine(Signature("product", (), ()), None, text))


def seconds(executable: KernelExecutable, buffers: list[object]) -> float:
    start = time.perf_counter()
    assert executable.run(buffers) is None
    return time.perf_counter() - start


def time_to_yield(executable: KernelExecutable, buffers: list[object], whole: float) -> list[float]:
    """Seconds from asking to standing still, asked at random moments of a run."""
    generator = np.random.default_rng(0)
    found: list[float] = []
    while len(found) < REPEATS:
        asked: list[float] = []

        def ask(asked: list[float] = asked) -> None:
            asked.append(time.perf_counter())
            executable.interrupt()

        timer = threading.Timer(whole * generator.uniform(0.1, 0.6), ask)
        timer.start()
        cursor = executable.run(buffers)
        stopped = time.perf_counter()
        timer.join()
        if cursor is not None and asked:
            found.append(stopped - asked[0])
        while cursor is not None:
            cursor = executable.run(buffers, cursor)
    return found


def slices(executable: KernelExecutable, buffers: list[object]) -> list[float]:
    found: list[float] = []
    cursor: tuple[int, ...] | None = ()
    while cursor is not None:
        start = time.perf_counter()
        cursor = executable.run(buffers, cursor, 0)
        found.append(time.perf_counter() - start)
    return found


def measure(name: str) -> None:
    session = find_device(name).open()
    generator = np.random.default_rng(0)
    shapes = ((N, K), (K, N), (N, N))
    buffers: list[object] = [session.put(generator.random(s, np.float32)) for s in shapes]
    yielding = compiled(session, PRODUCT)
    plain = compiled(session, re.sub(r"\n *yield", "", PRODUCT))
    seconds(yielding, buffers), seconds(plain, buffers)
    pairs = [(seconds(yielding, buffers), seconds(plain, buffers)) for _ in range(REPEATS)]
    first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{name}: whole {second * 1e3:.1f} ms, with yields {first * 1e3:.1f} ms ({first / second - 1:+.1%})"
    )
    steps = slices(yielding, buffers)
    print(
        f"{name}: a slice of one yield point {statistics.median(steps) * 1e3:.2f} ms, of {len(steps)} slices"
    )
    if name in ("opencl", "aarch64"):
        waits = time_to_yield(yielding, buffers, first)
        middle, most = statistics.median(waits) * 1e3, max(waits) * 1e3
        print(f"{name}: time to yield {middle:.2f} ms, at most {most:.2f} ms")
    session.close()


if __name__ == "__main__":
    available = [device.name for device in list_devices() if device.runs_kernels and device.available]
    for one in sys.argv[1:] or [name for name in available if name != "interpreter"]:
        measure(one)
