"""Kernels for an x86 processor that may not be at hand, as one static program that checks itself.

    python tests/tensorize/foreign_cpu.py DIRECTORY

writes `DIRECTORY/kernels` for a Sapphire Rapids: run it on one, or under an emulator that has AMX, as in
`sde64 -spr -- DIRECTORY/kernels`. It prints a line for each kernel, and exits with 0 if all are right. With
`EXALIFT_EMULATOR="sde64 -spr --"` the tests do both. Needs gcc and a static C library.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from contraction_oracle import TOLERANCE, Array, expected, random_values
from foreign_cases import EVERY, Case, every_case

from exalift.base import DType
from exalift.llvm import Target, object_code
from exalift.tensorize import emit_kernel

TRIPLE = "x86_64-unknown-linux-gnu"
COMPILER = "gcc"
HARNESS = Path(__file__).with_suffix(".c")
EMULATOR = shlex.split(os.environ.get("EXALIFT_EMULATOR", ""))
TEAMS = (1, 2, 3)
"""How many threads each kernel is run on, by the program."""

_FEATURES = """
    64bit cmov cx8 cx16 fxsr mmx sse sse2 sse3 ssse3 sse4.1 sse4.2 popcnt avx avx2 fma f16c bmi bmi2 lzcnt
    movbe avx512f avx512bw avx512cd avx512dq avx512vl avx512vbmi avx512vbmi2 avx512ifma avx512vnni
    avx512bitalg avx512vpopcntdq avx512bf16 avx512fp16 avxvnni amx-tile amx-int8 amx-bf16
"""
SAPPHIRE_RAPIDS = frozenset(_FEATURES.split())
"""LLVM's names of what kernels may use there."""

_KINDS = {DType.BF16: "BF16", DType.F16: "F16", DType.F32: "F32", DType.F64: "F64"}


@dataclass(slots=True)
class _Data:
    """All arrays of all kernels, one after the other."""

    content: bytearray

    def add(self, array: Array) -> str:
        """The C initialiser of a `struct array`."""
        self.content.extend(bytes(-len(self.content) % 64))
        at = len(self.content)
        self.content.extend(array.tobytes())
        return f"{{{at}, {array.nbytes}, {array.itemsize}}}"


def build(cases: Sequence[Case], where: Path, features: frozenset[str], *, spoil: bool = False) -> Path:
    """The program of these cases. `spoil` changes what they are compared with: all are then wrong."""
    data, entries, externs, objects = _Data(bytearray()), list[str](), list[str](), list[str]()
    for number, case in enumerate(cases):
        name = f"kernel_{number}"
        emitted = emit_kernel(case.plan, name, TRIPLE)
        (where / f"{name}.o").write_bytes(object_code(emitted.text, Target(TRIPLE, features)))
        objects.append(f"{name}.o")
        externs.append(
            f'extern entry {name}_pack __asm__("{emitted.pack_entry}"), {name} __asm__("{emitted.entry}");'
        )
        sizes = ", ".join(str(emitted.workspace_bytes(threads)) for threads in TEAMS)
        code = f'"{case.name}", {name}_pack, {name}, {emitted.packed_bytes}, {{{sizes}}}'
        entries.append(f"{{{code}, {_arrays(case, data, spoil)}}}")
    tiled = [number for number, case in enumerate(cases) if "amx-tile" in case.plan.instruction.features]
    table = " \\\n  ".join(f"{entry}," for entry in entries)
    most = max(len(case.operands) for case in cases)
    (where / "table.h").write_text(
        f"#define NEEDS_TILES {int(bool(tiled))}\n#define FIRST_WITH_TILES {tiled[0] if tiled else 0}\n"
        f"#define MOST_OPERANDS {most}\n" + "\n".join(externs) + f"\n#define TABLE {table}\n"
    )
    (where / "data.bin").write_bytes(data.content)
    (where / "data.s").write_text(
        '.section .rodata\n.global data\n.balign 64\ndata: .incbin "data.bin"\n'
        '.section .note.GNU-stack,"",@progbits\n'
    )
    flags = ("-O1", "-Wall", "-static", "-pthread", "-I.")
    command = [COMPILER, *flags, str(HARNESS), "data.s", *objects, "-lm", "-o", "kernels"]
    subprocess.run(command, cwd=where, check=True)
    return where / "kernels"


def _arrays(case: Case, data: _Data, spoil: bool) -> str:
    """Operands, what the output holds before, what it must hold after: C initialisers."""
    contraction = case.plan.contraction
    generator = np.random.default_rng(case.seed)

    def random(shape: tuple[int, ...], dtype: DType) -> Array:
        if not case.exact:
            return random_values(generator, shape, dtype)
        return generator.integers(-4, 4, shape, endpoint=True).astype(dtype.numpy_name)

    accesses = [contraction.lhs, contraction.rhs, contraction.out, *(access for _, access in case.operands)]
    lhs, rhs, before, *extra = (random(access.shape, access.dtype) for access in accesses)
    names = [name for name, _ in case.operands]
    wanted = expected(contraction, lhs, rhs, before, dict(zip(names, extra, strict=True)))
    dtype = contraction.out.dtype
    tolerance = 0.0
    if dtype.is_float and not case.exact:
        tolerance = TOLERANCE[dtype] * max(1.0, float(np.max(np.abs(wanted.astype(np.float64)))))
    if spoil:
        wanted = wanted.copy()
        wanted.flat[-1] = wanted.flat[-1] + wanted.dtype.type(1)
    placed = ", ".join(data.add(array) for array in (lhs, rhs, before))
    at = data.add(wanted).strip("{}").split(",")[0]
    operands = ", ".join(data.add(array) for array in extra) or "{0}"
    kind = _KINDS.get(dtype, "INTEGER")
    return f"{placed}, {at}, {kind}, {tolerance!r}, {len(extra)}, {{{operands}}}"


def run(program: Path, timeout_s: float = 3600) -> tuple[int, str]:
    """Run it, under the emulator where one is named; its exit status and what it printed."""
    command = [*EMULATOR, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    return done.returncode, done.stdout


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    where = Path(sys.argv[1])
    where.mkdir(parents=True, exist_ok=True)
    print(build(every_case(EVERY, SAPPHIRE_RAPIDS), where, SAPPHIRE_RAPIDS))


if __name__ == "__main__":
    main()
