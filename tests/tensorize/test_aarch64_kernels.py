"""AArch64 kernels: compiled to objects here, linked, and run under qemu, against their meaning."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from contraction_oracle import assert_close, expected, random_array

from exalift.llvm import Target, object_code
from exalift.tensorize import Plan, Schedule, emit_kernel, matrix_product
from exalift.tensorize.instructions import aarch64_dot

TRIPLE = "aarch64-unknown-linux-gnu"
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"

HARNESS = """
#include <stdio.h>
#include <stdlib.h>
typedef void phase(void *, void *, void *, void *, void *, void *, long, long);
extern phase pack_it __asm__("kernel.pack"), run_it __asm__("kernel");
static void *bytes(long size) { return aligned_alloc(64, (size + 127) / 64 * 64); }
int main(int argc, char **argv) {
  long size[5];
  for (int i = 0; i < 5; i++) size[i] = atol(argv[i + 1]);
  char *lhs = bytes(size[0]), *rhs = bytes(size[1]), *out = bytes(size[2]);
  char *packed = bytes(size[3]), *workspace = bytes(size[4]);
  if (fread(lhs, size[0], 1, stdin) != 1 || fread(rhs, size[1], 1, stdin) != 1) return 1;
  for (long part = 0; part < 2; part++) pack_it(lhs, rhs, out, packed, workspace, 0, part, 2);
  for (long part = 0; part < 2; part++) run_it(lhs, rhs, out, packed, workspace, 0, part, 2);
  return fwrite(out, 1, size[2], stdout) != (size_t)size[2];
}
"""


@pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)),
    reason="needs Debian's gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user",
)
@pytest.mark.parametrize("instruction", aarch64_dot.INSTRUCTIONS, ids=lambda i: i.name)
def test_a_kernel_for_another_processor_is_right(instruction, tmp_path: Path) -> None:
    contraction = matrix_product(
        11, 21, 37, instruction.lhs.dtype, instruction.rhs.dtype, instruction.acc.dtype
    )
    k = -(-37 // instruction.extents[2]) * instruction.extents[2]
    emitted = emit_kernel(Plan(contraction, instruction, Schedule(4, 2, 8, k)), "kernel", TRIPLE)
    code = object_code(emitted.text, Target(TRIPLE, instruction.features))
    (tmp_path / "kernel.o").write_bytes(code)
    (tmp_path / "main.c").write_text(HARNESS)
    link = [COMPILER, "-O1", "-static", "main.c", "kernel.o", "-o", "main"]
    subprocess.run(link, cwd=tmp_path, check=True)
    generator = np.random.default_rng(0)
    lhs, rhs = (random_array(generator, access) for access in (contraction.lhs, contraction.rhs))
    before = np.zeros((11, 21), instruction.acc.dtype.numpy_name)
    sizes = (lhs.nbytes, rhs.nbytes, before.nbytes, emitted.packed_bytes, emitted.workspace_bytes(2))
    done = subprocess.run(
        [EMULATOR, "-cpu", "max", "./main", *map(str, sizes)],
        cwd=tmp_path,
        input=lhs.tobytes() + rhs.tobytes(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    out = np.frombuffer(done.stdout, before.dtype).reshape(11, 21)
    assert_close(out, expected(contraction, lhs, rhs, before), instruction.acc.dtype)
