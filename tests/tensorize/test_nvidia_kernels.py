"""NVIDIA: fragments against the tables of the PTX ISA, whole kernels assembled, and run without a GPU."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contraction_oracle import assert_close, expected, random_array, random_operand, random_values
from cuda_driver import device_problem, run_on_device
from fragment_tables import left, right, shared_right, total
from ptx_simulator import Simulator

from exalift.affine import Affine, Apply, Cast, Load
from exalift.base import DType, UsageError
from exalift.llvm import ptx_text
from exalift.tensorize import (
    SUM,
    Access,
    Contraction,
    Epilogue,
    GridPlan,
    GridSchedule,
    Instruction,
    Nibbles,
    Plan,
    Schedule,
    emit_grid,
    grid_cycles,
    grid_plan_for,
    grid_plans,
    matrix_product,
    plan_for,
)
from exalift.tensorize.inspector import select
from exalift.tensorize.instructions import BY_NAME, nvidia_mma, nvidia_wgmma

INSTRUCTIONS = (*nvidia_mma.INSTRUCTIONS, *nvidia_wgmma.INSTRUCTIONS)
_IDS = [instruction.name for instruction in INSTRUCTIONS]


def assembler() -> str | None:
    """ptxas of the package nvidia-cuda-nvcc, or of the PATH."""
    for name in ("nvidia.cu13", "nvidia.cuda_nvcc"):
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            continue
        for folder in found.submodule_search_locations or () if found else ():
            path = Path(folder) / "bin" / "ptxas"
            if path.exists():
                return str(path)
    return shutil.which("ptxas")


def assembled(ptx: str, name: str, where: Path) -> str:
    """What ptxas says of it."""
    (where / "kernel.ptx").write_text(ptx)
    command = [str(assembler()), f"-arch={name}", "-v", "kernel.ptx", "-o", "kernel.cubin"]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def processor(instruction: Instruction) -> str:
    return next(feature for feature in instruction.features if feature.startswith("sm_"))


def schedule_of(instruction: Instruction) -> GridSchedule:
    assert instruction.fragments is not None
    return (
        GridSchedule(1, 2, 1, 1, 2) if instruction.fragments.threads == 128 else GridSchedule(2, 2, 2, 1, 2)
    )


def product(instruction: Instruction, m: int, n: int, k: int, **options: bool) -> Contraction:
    kinds = instruction.lhs.dtype, instruction.rhs.dtype, instruction.acc.dtype
    return matrix_product(m, n, k, *kinds, **options)


def simulated(plan: GridPlan, seed: int = 0) -> None:
    """Compile, run in the simulator, compare with the contraction's meaning."""
    contraction = plan.contraction
    generator = np.random.default_rng(seed)
    (lhs, left), (rhs, right) = (random_operand(generator, a) for a in (contraction.lhs, contraction.rhs))
    out = random_values(generator, contraction.out.shape, contraction.out.dtype)
    operands = contraction.epilogue.operands if contraction.epilogue else ()
    extra = {name: random_array(generator, access) for name, access in operands}
    wanted = expected(contraction, left, right, out, extra)
    emitted = emit_grid(plan, "kernel")
    simulator = Simulator(ptx_text(emitted.text, processor(plan.instruction)))
    simulator.run(emitted.grid, emitted.threads, [lhs, rhs, out, *extra.values()])
    if "allow-tf32" in plan.instruction.features:
        np.testing.assert_allclose(out, wanted, rtol=0, atol=4e-3 * float(np.abs(wanted).max()))
    else:
        assert_close(out, wanted, contraction.out.dtype)


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=_IDS)
def test_fragments_are_those_of_the_tables(instruction: Instruction) -> None:
    fragments = instruction.fragments
    assert fragments is not None
    size = instruction.lhs.dtype.bytes
    for register, place in (
        (instruction.acc, total),
        (instruction.lhs, lambda thread, number: left(size, thread, number)),
        (instruction.rhs, lambda thread, number: right(size, thread, number)),
    ):
        count = register.lanes // fragments.threads
        if register is instruction.rhs and fragments.descriptor:
            leading, stride = ((fragments.descriptor >> shift & 0x3FFF) << 4 for shift in (16, 32))
            for lane in range(register.lanes):
                assert shared_right(size, leading, stride, *register.element(lane)) == lane * size
            continue
        for lane in range(register.lanes):
            assert register.element(lane) == place(lane // count, lane % count)


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=_IDS)
def test_one_instruction_computes_its_formula(instruction: Instruction) -> None:
    m, n, k = instruction.extents
    contraction = replace(product(instruction, m, n, k), accumulate=True)
    simulated(GridPlan(contraction, instruction, GridSchedule(1, 1, 1, 1, 1)))


@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=_IDS)
@pytest.mark.parametrize("transposed", [(False, False), (True, True), (False, True)])
def test_whole_products_with_edges(instruction: Instruction, transposed: tuple[bool, bool]) -> None:
    contraction = product(instruction, 70, 50, 44, transpose_lhs=transposed[0], transpose_rhs=transposed[1])
    simulated(GridPlan(contraction, instruction, schedule_of(instruction)))


@pytest.mark.parametrize("name", ["mma_m16n8k32_s8_s8", "mma_m16n8k16_bf16_bf16", "wgmma_m64n64k32_u8_s8"])
def test_operands_of_four_bits_are_unpacked_on_the_way_to_shared_memory(name: str) -> None:
    instruction = BY_NAME[name]
    plain = product(instruction, 20, 23, 37, transpose_rhs=True)
    codes = Nibbles(signed=False, added=0 if instruction.lhs.dtype is DType.UI8 else -8)
    lhs, rhs = replace(plain.lhs, nibbles=codes), replace(plain.rhs, nibbles=Nibbles())
    for contraction in (replace(plain, lhs=lhs, rhs=rhs), replace(plain, rhs=rhs)):
        simulated(GridPlan(contraction, instruction, schedule_of(instruction)))


def test_batches_and_what_follows() -> None:
    """out[b,m,n] = f32(sum) * scale[n] + out, of bytes."""
    column = Affine.symbol("n")
    scale = Access(DType.F32, (20,), (column,))
    plain = matrix_product(18, 20, 40, DType.I8, DType.I8, DType.I32, batch=3)
    scaled = Apply(
        "multiply",
        (Cast(Load(SUM, (), DType.I32), DType.F32), Load("scale", (column,), DType.F32)),
        DType.F32,
    )
    contraction = replace(
        plain, out=replace(plain.out, dtype=DType.F32), epilogue=Epilogue(scaled, (("scale", scale),))
    )
    simulated(GridPlan(contraction, BY_NAME["mma_m16n8k32_s8_s8"], GridSchedule(1, 2, 1, 1, 1)))


def test_a_wrong_fragment_gives_wrong_numbers() -> None:
    """The simulator does not go by descriptions: one that is wrong is found out."""
    instruction = BY_NAME["mma_m16n8k16_bf16_bf16"]
    for name in ("lhs", "rhs", "acc"):
        register = getattr(instruction, name)
        first, second = register.layout
        rows = {"lhs": 16, "rhs": 16, "acc": 16}[name]
        turned = replace(register, layout=((first + 8) % rows, second))
        wrong = replace(instruction, **{name: turned})
        plan = GridPlan(product(wrong, 16, 8, 16), wrong, GridSchedule(1, 1, 1, 1, 1))
        with pytest.raises(AssertionError, match="error"):
            simulated(plan)


@pytest.mark.skipif(assembler() is None, reason="needs ptxas: pip install nvidia-cuda-nvcc")
@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=_IDS)
def test_kernels_assemble(instruction: Instruction, tmp_path: Path) -> None:
    contraction = product(instruction, 1000, 1200, 1100, transpose_rhs=True)
    schedule = (
        GridSchedule(1, 2, 2, 1, 2) if processor(instruction) == "sm_90a" else GridSchedule(4, 4, 2, 2, 2)
    )
    emitted = emit_grid(GridPlan(contraction, instruction, schedule), "kernel")
    for name in {processor(instruction), "sm_90a"}:
        said = assembled(ptx_text(emitted.text, name), name, tmp_path)
        assert "0 bytes spill stores" in said, said


@pytest.mark.skipif(bool(device_problem()), reason=device_problem() or "")
@pytest.mark.parametrize("instruction", INSTRUCTIONS, ids=_IDS)
def test_kernels_on_a_gpu(instruction: Instruction) -> None:
    contraction = product(instruction, 300, 200, 156)
    emitted = emit_grid(GridPlan(contraction, instruction, schedule_of(instruction)), "kernel")
    generator = np.random.default_rng(0)
    lhs, rhs = (random_array(generator, access) for access in (contraction.lhs, contraction.rhs))
    out = np.zeros(contraction.out.shape, contraction.out.dtype.numpy_name)
    wanted = expected(contraction, lhs, rhs, out)
    ptx = ptx_text(emitted.text, processor(instruction))
    run_on_device(ptx, emitted.name, emitted.grid, emitted.threads, [lhs, rhs, out])
    if "allow-tf32" in instruction.features:
        np.testing.assert_allclose(out, wanted, rtol=0, atol=4e-3 * float(np.abs(wanted).max()))
    else:
        assert_close(out, wanted, contraction.out.dtype)


def test_plans_that_no_grid_can_run_are_refused() -> None:
    mma, wgmma = BY_NAME["mma_m16n8k32_s8_s8"], BY_NAME["wgmma_m64n64k32_s8_s8"]
    good = product(mma, 64, 64, 64)
    for contraction, instruction, schedule, reason in (
        (good, mma, GridSchedule(1, 1, 8, 8, 1), "threads"),
        (good, mma, GridSchedule(4, 4, 4, 4, 8), "shared memory"),
        (good, mma, GridSchedule(8, 8, 1, 1, 1), "a thread needs 304 registers"),
        (good, wgmma, GridSchedule(1, 2, 4, 2, 1), "a block has 65536 registers"),
        (good, BY_NAME["sdot"], GridSchedule(1, 1, 1, 1, 1), "see `Plan`"),
        (good, BY_NAME["mma_m16n8k32_u8_s8"], GridSchedule(1, 1, 1, 1, 1), "takes ui8"),
        (replace(good, lhs_shift=3), wgmma, GridSchedule(1, 1, 1, 1, 1), "zero points"),
    ):
        with pytest.raises(ValueError, match=reason):
            GridPlan(contraction, instruction, schedule)
    with pytest.raises(ValueError, match="see `GridPlan`"):
        Plan(good, mma, Schedule(1, 1, 16, 32))
    with pytest.raises(UsageError):
        plan_for(good, frozenset({"sm_80"}))


@pytest.mark.parametrize("shape", [(1000, 1200, 1100), (17, 3000, 64)])
@pytest.mark.parametrize("kinds", [(DType.I8, DType.I32), (DType.BF16, DType.F32)])
@pytest.mark.parametrize("machine", ["sm_80", "sm_90a"])
def test_the_chosen_plan_fits_a_block(
    shape: tuple[int, int, int], kinds: tuple[DType, DType], machine: str, tmp_path: Path
) -> None:
    contraction = matrix_product(*shape, kinds[0], *kinds)
    plan = grid_plan_for(contraction, frozenset({machine, "allow-tf32"}))
    plans = grid_plans(contraction, plan.instruction)
    assert plan == plans[0] and len(plans) > 20
    assert [*map(grid_cycles, plans)] == sorted(map(grid_cycles, plans))
    emitted = emit_grid(plan, "kernel")
    ptx = ptx_text(emitted.text, machine)
    if assembler() is None:
        pytest.skip("needs ptxas: pip install nvidia-cuda-nvcc")
    assert "0 bytes spill stores" in assembled(ptx, machine, tmp_path)


def test_without_an_instruction_of_a_gpu_the_reasons_are_given() -> None:
    with pytest.raises(UsageError, match="mma_m16n8k8_tf32_tf32: this CPU has no allow-tf32"):
        grid_plan_for(matrix_product(8, 8, 8, DType.F32, DType.F32, DType.F32), frozenset({"sm_80"}))


def test_factors_are_rounded_only_on_request() -> None:
    contraction = matrix_product(64, 64, 64, DType.F32, DType.F32, DType.F32)
    matches, refusals = select(contraction, frozenset({"sm_80", "sm_90a"}))
    assert not matches
    reasons = {refusal.instruction.name: refusal.reason for refusal in refusals}
    assert "allow-tf32" in reasons["mma_m16n8k8_tf32_tf32"]
    matches, _ = select(contraction, frozenset({"sm_80", "allow-tf32"}))
    assert [match.instruction.name for match in matches] == ["mma_m16n8k8_tf32_tf32"]
