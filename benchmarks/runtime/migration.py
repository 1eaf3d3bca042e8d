"""What moving a job costs: `python benchmarks/runtime/migration.py`.

Two daemon workers (XLA and IREE on the CPU) hand a job of the given state over and back. "warm" are moves
after the first to each device; their downtime is the record's: from the last piece completed at the source to
the first one at the destination. Beside it, the time of a plain copy of the same bytes, twice.
The last table is one job run by the coroutine, which could be moved at every piece, and by one call.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np

from exalift.base import DType, TensorShape, UsageError
from exalift.capsule import (
    Array,
    Bounds,
    Capsule,
    Index,
    Result,
    Role,
    Routine,
    Signature,
    StateArray,
    Sweep,
    to_bytes,
)
from exalift.capsule.stablehlo_artifact import serialize_portable
from exalift.devices import find_device
from exalift.runtime import Execution, compile_routines, random_state
from exalift.runtime.client import Client
from exalift.runtime.daemon import serve

I64 = TensorShape((), DType.I64)
HALVE = """
func.func @main(%first: tensor<i64>, %limit: tensor<i64>, %x: tensor<{n}xf32>) -> tensor<{n}xf32> {{
  %one = stablehlo.constant dense<1> : tensor<i64>
  %half = stablehlo.constant dense<0.999> : tensor<{n}xf32>
  %r:2 = stablehlo.while(%k = %first, %a = %x) : tensor<i64>, tensor<{n}xf32>
    cond {{
      %c = stablehlo.compare LT, %k, %limit, SIGNED : (tensor<i64>, tensor<i64>) -> tensor<i1>
      stablehlo.return %c : tensor<i1>
    }} do {{
      %b = stablehlo.multiply %a, %half : tensor<{n}xf32>
      %next = stablehlo.add %k, %one : tensor<i64>
      stablehlo.return %next, %b : tensor<i64>, tensor<{n}xf32>
    }}
  return %r#1 : tensor<{n}xf32>
}}
"""


def fading(size: int, trips: int) -> Capsule:
    """`size` bytes of f32, multiplied by a constant `trips` times."""
    shape = TensorShape((size // 4,), DType.F32)
    routine = Routine(
        Signature("fade", (I64, I64, shape), (shape,)), serialize_portable(HALVE.format(n=size // 4))
    )
    plan = (Sweep(Bounds((Index(0),), (Index(trips),)), "fade", (Array("x"),), ("x",)),)
    state = (StateArray("x", shape, Role.ARGUMENT),)
    return Capsule("fading", (), state, (routine,), plan, (Result("x", "x"),))


def moves(client: Client, size: int, count: int) -> None:
    job = client.submit(to_bytes(fading(size, 1 << 50)), device="xla").name
    while not any(r.name == job and r.steps > 0 for r in client.jobs()):
        time.sleep(0.05)
    for position in range(count):
        client.migrate(job, ("iree-cpu", "xla")[position % 2])
    record = next(r for r in client.jobs() if r.name == job)
    client.cancel(job)
    cold, warm = record.migrations[0], record.migrations[2:]
    source = np.ones(size, np.uint8)
    target = np.zeros(size, np.uint8)
    times: list[float] = []
    for _ in range(5):
        begun = time.perf_counter()
        target[...] = source
        source[...] = target
        times.append(time.perf_counter() - begun)
    downtimes = [move.downtime * 1e3 for move in warm]
    print(
        f"{size:>10} bytes: warm downtime median {median(downtimes):.2f} ms, worst {max(downtimes):.2f} ms "
        f"of {len(warm)}; first move {cold.downtime * 1e3:.2f} ms after {cold.preparation:.2f} s of "
        f"preparation; two copies {median(times) * 1e3:.2f} ms"
    )


def slowdown(size: int, seconds: float = 3.0) -> None:
    device = find_device("xla")
    session = device.open()
    trial = fading(size, 1 << 50)
    compiled = compile_routines(trial, device, session)
    function = compiled.functions["fade"]
    x = session.put(random_state(trial, 0)["x"])
    trips, taken = 1, 0.0
    while taken < seconds / 4:
        trips *= 2
        begun = time.perf_counter()
        function.run([0, trips, x])
        taken = time.perf_counter() - begun
    whole: list[float] = []
    sliced: list[float] = []
    for _ in range(5):
        begun = time.perf_counter()
        function.run([0, trips, x])
        whole.append(time.perf_counter() - begun)
        state, capsule = random_state(trial, 0), fading(size, trips)
        begun = time.perf_counter()
        execution = Execution.begin(capsule, session, compiled, state)
        for _ in execution.pieces():
            pass
        sliced.append(time.perf_counter() - begun)
    ratio = median(sliced) / median(whole) - 1
    print(f"{size:>10} bytes: in pieces {median(sliced):.3f} s, in one {median(whole):.3f} s: {ratio:+.1%}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        threading.Thread(
            target=lambda: asyncio.run(serve(root, ("xla-cpu", "iree-cpu"))), daemon=True
        ).start()
        while True:
            try:
                client = Client(root)
                break
            except UsageError:
                time.sleep(0.2)
        moves(client, 8 << 10, 42)
        moves(client, 64 << 20, 12)
        client.close()
    slowdown(8 << 10)
    slowdown(4 << 20)


if __name__ == "__main__":
    main()
