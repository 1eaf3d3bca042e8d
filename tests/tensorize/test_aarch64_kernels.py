"""AArch64 kernels: compiled to objects here, linked, and run under qemu, against their meaning.

A program has one kernel for each length of vectors and takes the one for the length that it finds.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contraction_oracle import assert_close, depthwise, expected, random_operand

from exalift.base import DType
from exalift.llvm import Target, object_code
from exalift.tensorize import (
    Instruction,
    LanePlan,
    LaneSchedule,
    Nibbles,
    Plan,
    Schedule,
    emit_kernel,
    matrix_product,
)
from exalift.tensorize.instructions import (
    BY_NAME,
    aarch64_dot,
    aarch64_matrix,
    aarch64_sme,
    aarch64_sve,
)
from exalift.tensorize.peaks import instruction_text

TRIPLE = "aarch64-unknown-linux-gnu"
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
M, N, K = 11, 21, 37

HARNESS = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
typedef void phase(void *, void *, void *, void *, void *, void *, long, long);
%(externs)s
static struct { int bytes; phase *pad, *pack, *run; long packed, workspace; } kernels[] = {%(table)s};
void __arm_tpidr2_save(void) { abort(); }
static void *bytes(long size) {
  size = (size + 127) / 64 * 64;
  return memset(aligned_alloc(64, size), 0, size);
}
int main(int argc, char **argv) {
  int option = atoi(argv[1]), length = option ? prctl(option, 0, 0, 0, 0) & 0xffff : 0, which = 0;
  long size[3];
  for (int i = 0; i < 3; i++) size[i] = atol(argv[i + 2]);
  while (kernels[which].bytes != length) which++;
  char *lhs = bytes(size[0]), *rhs = bytes(size[1]), *out = bytes(size[2]);
  char *packed = bytes(kernels[which].packed), *workspace = bytes(kernels[which].workspace);
  if (fread(lhs, size[0], 1, stdin) != 1 || fread(rhs, size[1], 1, stdin) != 1) return 1;
  for (long part = 0; part < 2; part++)
    if (kernels[which].pad) kernels[which].pad(lhs, rhs, out, packed, workspace, 0, part, 2);
  for (long part = 0; part < 2; part++) kernels[which].pack(lhs, rhs, out, packed, workspace, 0, part, 2);
  for (long part = 0; part < 2; part++) kernels[which].run(lhs, rhs, out, packed, workspace, 0, part, 2);
  fprintf(stderr, "%%d", length);
  return fwrite(out, 1, size[2], stdout) != (size_t)size[2];
}
"""
_OPTIONS = {"": 0, "sve": 51, "sme": 64}

pytestmark = pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)),
    reason="needs Debian's gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user",
)


def _plan(instruction: Instruction, transpose_lhs: bool, weights: Nibbles | None = None) -> Plan:
    kinds = instruction.lhs.dtype, instruction.rhs.dtype, instruction.acc.dtype
    contraction = matrix_product(M, N, K, *kinds, transpose_lhs=transpose_lhs)
    contraction = replace(contraction, rhs=replace(contraction.rhs, nibbles=weights))
    m, _, k = instruction.extents
    rows, columns = (2, 2) if instruction.moves else (4, 2)
    return Plan(contraction, instruction, Schedule(rows, columns, rows * m, -(-K // k) * k))


def _build(plans: Sequence[Plan | LanePlan], where: Path) -> None:
    """`main`, of a kernel for each plan; their instructions differ in the length of vectors."""
    externs, table, objects = "", "", list[str]()
    for plan in plans:
        instruction = plan.instruction
        name = f"kernel_{instruction.name}"
        emitted = emit_kernel(plan, name, TRIPLE)
        code = object_code(emitted.text, Target(TRIPLE, instruction.features))
        (where / f"{name}.o").write_bytes(code)
        objects.append(f"{name}.o")
        externs += f'extern phase {name}_pack __asm__("{name}.pack"), {name};\n'
        externs += f'extern phase {name}_pad __asm__("{name}.pad");\n' if emitted.pad else ""
        pad = f"{name}_pad" if emitted.pad else "0"
        length = int(instruction.length.partition("=")[2] or 0) // 8
        sizes = f"{emitted.packed_bytes}, {emitted.workspace_bytes(2)}"
        table += f"{{{length}, {pad}, {name}_pack, {name}, {sizes}}},"
    (where / "main.c").write_text(HARNESS % {"externs": externs, "table": table})
    subprocess.run([COMPILER, "-O1", "-static", "main.c", *objects, "-o", "main"], cwd=where, check=True)


def _check(
    instructions: Sequence[Instruction],
    where: Path,
    cpus: dict[int, str],
    transpose_lhs: bool = False,
    weights: Nibbles | None = None,
) -> None:
    """Build, run on every processor (bytes of its vectors -> qemu's options), compare."""
    _check_plans([_plan(one, transpose_lhs, weights) for one in instructions], where, cpus)


def _check_plans(plans: Sequence[Plan | LanePlan], where: Path, cpus: dict[int, str]) -> None:
    _build(plans, where)
    contraction = plans[0].contraction
    option = _OPTIONS[plans[0].instruction.length.partition("=")[0]]
    generator = np.random.default_rng(0)
    (lhs, left), (rhs, right) = (random_operand(generator, a) for a in (contraction.lhs, contraction.rhs))
    before = np.zeros(contraction.out.shape, contraction.out.dtype.numpy_name)
    wanted = expected(contraction, left, right, before)
    for length, cpu in cpus.items():
        done = subprocess.run(
            [EMULATOR, "-cpu", cpu, "./main", *map(str, (option, lhs.nbytes, rhs.nbytes, before.nbytes))],
            cwd=where,
            input=lhs.tobytes() + rhs.tobytes(),
            capture_output=True,
            check=True,
            timeout=300,
        )
        assert int(done.stderr) == length
        out = np.frombuffer(done.stdout, before.dtype).reshape(before.shape)
        assert_close(out, wanted, contraction.out.dtype)


@pytest.mark.parametrize(
    "instruction", (*aarch64_dot.INSTRUCTIONS, *aarch64_matrix.INSTRUCTIONS), ids=lambda i: i.name
)
def test_a_kernel_for_another_processor_is_right(instruction: Instruction, tmp_path: Path) -> None:
    _check([instruction], tmp_path, {0: "max"}, transpose_lhs=instruction.extents[0] > 1)


@pytest.mark.parametrize("name", ["sdot", "smmla", "udot"])
def test_weights_of_four_bits(name: str, tmp_path: Path) -> None:
    instruction = BY_NAME[name]
    weights = Nibbles(signed=instruction.rhs.dtype is DType.I8)
    _check([instruction], tmp_path, {0: "max"}, weights=weights)


@pytest.mark.parametrize("name", ["sdot", "usdot", "bfdot", "fmla_f32"])
def test_depthwise_windows_along_the_lanes(name: str, tmp_path: Path) -> None:
    instruction = BY_NAME[name]
    plan = LanePlan(depthwise(instruction, (5, 7, 21)), instruction, "c", LaneSchedule(4, 2))
    _check_plans([plan], tmp_path, {0: "max"})


@pytest.mark.parametrize("form", ["sdot_z", "fmla_f32_z"])
def test_depthwise_windows_along_scalable_lanes(form: str, tmp_path: Path) -> None:
    plans = [
        LanePlan(depthwise(one, (5, 7, 21)), one, "c", LaneSchedule(3, 1))
        for one in (BY_NAME[f"{form}{bits}"] for bits in (128, 256, 512))
    ]
    cpus = {bits: f"max,sve-max-vq=16,sve-default-vector-length={bits}" for bits in (16, 32, 64)}
    _check_plans(plans, tmp_path, cpus)


def _forms(instructions: Sequence[Instruction]) -> list[str]:
    """Names without the length: "smmla_z" of smmla_z128, smmla_z256 and so on."""
    return list(dict.fromkeys(re.sub(r"\d+$", "", instruction.name) for instruction in instructions))


@pytest.mark.parametrize("form", _forms(aarch64_sve.INSTRUCTIONS))
def test_scalable_vectors_of_every_length(form: str, tmp_path: Path) -> None:
    lengths = (128, 256, 512, 2048) if form == "smmla_z" else (128, 256, 512)
    cpus = {bits // 8: f"max,sve-max-vq=16,sve-default-vector-length={bits // 8}" for bits in lengths}
    _check([BY_NAME[f"{form}{bits}"] for bits in lengths], tmp_path, cpus)


@pytest.mark.parametrize("name", ["smmla", "fmla_f64", "smmla_z256", "bfdot_z2048"])
def test_what_measures_peaks_compiles(name: str) -> None:
    instruction = BY_NAME[name]
    assert object_code(instruction_text(instruction), Target(TRIPLE, instruction.features))


def _emulator_version() -> tuple[int, ...]:
    text = subprocess.run([EMULATOR, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    assert found
    return tuple(map(int, found.groups()))


_BYTES = [i for i in aarch64_sme.INSTRUCTIONS if i.lhs.dtype in (DType.I8, DType.UI8)]


@pytest.mark.parametrize("form", _forms(_BYTES))
def test_outer_products_of_bytes_become_programs(form: str, tmp_path: Path) -> None:
    """Where the emulator is too old to run them, they are compiled to objects and linked."""
    _build([_plan(BY_NAME[f"{form}{bits}"], False) for bits in (128, 256, 512)], tmp_path)
    assert (tmp_path / "main").stat().st_size


@pytest.mark.parametrize("form", _forms(aarch64_sme.INSTRUCTIONS))
def test_outer_products_of_every_length(form: str, tmp_path: Path) -> None:
    if BY_NAME[f"{form}128"].lhs.dtype in (DType.I8, DType.UI8) and _emulator_version() < (10, 0):
        pytest.skip("needs qemu 10: its outer products of bytes were seen to be wrong in 7.2")
    lengths = (128, 256, 512)
    cpus = {bits // 8: f"max,sme=on,sme-default-vector-length={bits // 8}" for bits in lengths}
    _check([BY_NAME[f"{form}{bits}"] for bits in lengths], tmp_path, cpus)
