"""Measure plans for common shapes on this CPU, and write them where `tune` looks for what is shipped.

    python benchmarks/tensorize/ship.py [--seconds 1.5] [--threads 1,2]

Entries for other CPUs stay. Products of all element types, and ResNet-50's convolutions (batch 1). Takes a
few minutes; one thread is timed by its own clock, so that other programs disturb little.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import measuring

SHIPPED = Path(__file__).parents[2] / "src" / "exalift" / "tensorize" / "tuner" / "shipped.json"
SIZES = ((512,) * 3, (1024,) * 3, (2048,) * 3, (4096,) * 3, (1000, 1200, 1100))
# One product of this size takes seconds in f64.
LARGEST_OF_WORDS = 2048


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=1.5, help="for each shape")
    parser.add_argument("--threads", default="1,2")
    options = parser.parse_args()
    measuring.pin(max(map(int, options.threads.split(","))))
    import conv
    import peers

    from exalift.base import DType, UsageError, write_atomically
    from exalift.tensorize import Contraction, matrix_product
    from exalift.tensorize.tuner import cache_key, tune

    f32, f64, i8, u8, i32 = DType.F32, DType.F64, DType.I8, DType.UI8, DType.I32
    kinds = ((u8, i8, i32), (i8, i8, i32), (DType.BF16, DType.BF16, f32), (f32, f32, f32), (f64, f64, f64))
    shapes: list[tuple[str, Contraction]] = []
    for types in kinds:
        for size in SIZES:
            if types[0] not in (f32, f64) or max(size) <= LARGEST_OF_WORDS:
                words = f"{types[0]} x {types[1]} {'x'.join(map(str, size))}"
                shapes.append((words, matrix_product(*size, *types)))
    for layer in conv.LAYERS:
        scale = 1.0 / (64.0 * (layer[1] * layer[3] ** 2) ** 0.5)
        shapes.append((f"ResNet-50 {layer}", peers.resnet_layer(1, layer, scale)))
    entries: dict[str, object] = json.loads(SHIPPED.read_text()) if SHIPPED.exists() else {}
    with TemporaryDirectory() as folder:
        for threads in map(int, options.threads.split(",")):
            clock = time.thread_time if threads == 1 else time.perf_counter
            for words, contraction in shapes:
                try:
                    best = tune(
                        contraction,
                        threads,
                        budget_s=options.seconds,
                        most=5,
                        shipped=False,
                        clock=clock,
                        path=Path(folder) / "tuned.json",
                    )
                except UsageError:
                    continue
                entries[cache_key(contraction, threads)] = {
                    "what": f"{words}, {threads} thread(s)",
                    "instruction": best.plan.instruction.name,
                    "schedule": asdict(best.plan.schedule),
                    "seconds": float(f"{best.seconds:.3g}"),
                }
                print(f"{words}, {threads}: {best.seconds * 1e3:.3g} ms", file=sys.stderr)
                write_atomically(SHIPPED, json.dumps(entries, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
