"""Kernels as a program that checks itself: run here, on a processor with AMX, or under an emulator of one."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import pytest
from foreign_cases import AMX, EVERY, VECTORS, Case, every_case, planned, product
from foreign_cpu import COMPILER, EMULATOR, SAPPHIRE_RAPIDS, build, run

from exalift.base import DType
from exalift.llvm import host_target
from exalift.tensorize import usable_features
from exalift.tensorize.emission.emulate import emulated
from exalift.tensorize.instructions import BY_NAME

pytestmark = pytest.mark.skipif(
    not (platform.machine() == "x86_64" and platform.system() == "Linux" and shutil.which(COMPILER)),
    reason="needs Linux on x86-64, and Debian's gcc and libc6-dev",
)


def _sample(name: str) -> list[Case]:
    """A few kernels of one instruction: in place and packed, whole and at edges."""
    instruction = BY_NAME[name]
    shapes = ((48, 40, 192, ""), (37, 45, 150, "lr"), (1, 1, 1, ""))
    return [
        Case(f"{name} {m}x{n}x{k}{turn}", planned(product(instruction, m, n, k, turn), instruction), m)
        for m, n, k, turn in shapes
    ]


def test_a_program_of_what_this_processor_has_is_right(tmp_path: Path) -> None:
    here = [name for name in EVERY if BY_NAME[name].features <= usable_features()]
    cases = [case for name in here for case in _sample(name)]
    if not cases:
        pytest.skip("this CPU has none of the instructions")
    status, text = run(build(cases, tmp_path, host_target().features))
    assert status == 0, text
    assert text.count(": right\n") == len(cases)


def test_instructions_in_software_are_right_in_a_program(tmp_path: Path) -> None:
    """Registers in software are one for all threads, so that there is one block of rows, which one takes."""
    instruction = emulated(BY_NAME["tdpbssd"])
    one = planned(product(instruction, 32, 40, 192), instruction, (2, 2))
    assert one.tile[0] == 32 and one.lhs_in_place
    status, text = run(build([Case("one part", one, exact=True)], tmp_path, host_target().features))
    assert status == 0, text


def test_wrong_results_are_found_out(tmp_path: Path) -> None:
    cases = [
        Case(kind, planned(product(BY_NAME[kind], 3, 5, 7), BY_NAME[kind]), 1, exact)
        for kind, exact in (("pmaddwd_xmm", False), ("mul_add_f32_xmm", False), ("mul_add_f64_xmm", True))
    ]
    status, text = run(build(cases, tmp_path, host_target().features, spoil=True))
    assert status == 1 and text.count("1 threads: WRONG") == len(cases) and ": right" not in text


@pytest.mark.parametrize("name", AMX)
def test_a_program_for_a_processor_with_amx_is_built(name: str, tmp_path: Path) -> None:
    cases = _sample(name)
    program = build(cases, tmp_path, SAPPHIRE_RAPIDS)
    if not EMULATOR and not BY_NAME[name].features <= usable_features():
        return
    status, text = run(program)
    assert status == 0, text


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_every_kernel_for_sapphire_rapids(name: str, tmp_path: Path) -> None:
    """Everything of `foreign_cases`, on this CPU or under EXALIFT_EMULATOR."""
    if not EMULATOR and not BY_NAME[name].features <= usable_features():
        needs = ", ".join(sorted(BY_NAME[name].features - usable_features()))
        pytest.skip(f"needs a CPU with {needs}, or EXALIFT_EMULATOR='sde64 -spr --' or the like")
    target = SAPPHIRE_RAPIDS if EMULATOR else host_target().features
    features = target if EMULATOR else usable_features()
    status, text = run(build(every_case([name], features), tmp_path, target))
    assert status == 0, text


def test_all_instructions_of_the_family_are_tried() -> None:
    amx = {name for name, instruction in BY_NAME.items() if instruction.family == "amx"}
    assert amx == set(AMX) and DType.F16 in {BY_NAME[name].acc.dtype for name in VECTORS}
