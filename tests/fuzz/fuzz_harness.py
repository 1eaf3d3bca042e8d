"""One C text through every stage, each compared with what gcc makes of it."""

from __future__ import annotations

import subprocess
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

import exalift
from exalift.affine import (
    Program,
    Role,
    evaluate_regions,
    interpret,
    print_program,
    split_in_source_order,
    split_into_regions,
    verify_program,
)
from exalift.affine.algebra import Machine
from exalift.base import DType, RefusedError, UsageError, VerificationError
from exalift.devices import XlaDevice
from exalift.dialects.stablehlo import STABLEHLO, print_module, simplify
from exalift.frontend.c import parse_c
from exalift.reference import (
    InputRules,
    NativeError,
    NativeFunction,
    compare,
    compile_c,
    random_inputs,
)
from exalift.synthesis import LiftOptions, lift_regions

Arrays = Mapping[str, NDArray[np.generic]]
Run = Callable[[Arrays, Mapping[str, int]], Arrays]

# -O1 without contraction computes what the text says, step by step; what C leaves undefined traps.
REASSOCIATING_FLAGS = (
    "-O2",
    "-ffp-contract=off",
    "-fassociative-math",
    "-fno-signed-zeros",
    "-fno-trapping-math",
)
REFERENCE_FLAGS = (
    "-O1",
    "-ffp-contract=off",
    "-fsanitize=signed-integer-overflow,shift,integer-divide-by-zero,float-cast-overflow,bounds",
    "-fsanitize-undefined-trap-on-error",
)
_TRAPS = ("SIGILL", "SIGTRAP", "SIGFPE")
_ALLOWED = {DType.F64: 1e-9, DType.F32: 3e-4}  # single precision anywhere limits everything


class Outcome(Enum):
    PASSED = "passed"
    REFUSED = "refused"  # with a diagnostic, or at these sizes by the program's constraints
    UNANSWERED = (
        "unanswered"  # lifting gave nothing out, and said so: no wrong answer, but a defect all the same
    )
    UNDEFINED = "undefined"  # the C program itself has undefined behaviour on these inputs
    UNSTABLE = (
        "unstable"  # the C program's own results are not finite, or change with the last digits of inputs
    )
    FAILED = "failed"


@dataclass(frozen=True)
class Report:
    """What became of a text: the outcome, the last stage reached, and what there is to say about it."""

    outcome: Outcome
    stage: str
    detail: str = ""


STAGES = ("interpret", "regions", "lift")


def check(text: str, sizes: Sequence[Mapping[str, int]], seed: int, stages: Sequence[str] = STAGES) -> Report:
    """Parse the text, run it natively, and run what each stage makes of it, at each of the sizes."""
    try:
        (program,) = parse_c(text, "fuzz.c", function="kernel")
    except RefusedError as error:
        told = error.diagnostics and all(d.message and d.span.file == "fuzz.c" for d in error.diagnostics)
        return Report(Outcome.REFUSED if told else Outcome.FAILED, "parse", str(error))
    except Exception:
        return Report(Outcome.FAILED, "parse", traceback.format_exc())
    stage = "parse"
    try:
        verify_program(program)
        native = compile_c(text, "fuzz.c", program, flags=REFERENCE_FLAGS)
        runs: dict[str, Run] = {}
        for given in sizes:
            values = {size.name: given.get(size.name, max(size.minimum, 3)) for size in program.sizes}
            if not program.constraints.at(values):
                return Report(Outcome.REFUSED, "sizes", f"{values} break {program.constraints}")
            inputs = inputs_for(program, values, seed)
            try:
                expected = native(inputs, values, isolated=True, timeout_seconds=20)
            except NativeError as error:
                undefined = any(trap in str(error) for trap in _TRAPS)
                return Report(Outcome.UNDEFINED if undefined else Outcome.FAILED, "native", str(error))
            if not all(_finite(array) for array in expected.values()):
                return Report(Outcome.UNSTABLE, "native", "not finite")
            for stage in stages:
                if stage not in runs:
                    runs[stage] = prepare(stage, text, program)
                actual = runs[stage](inputs, values)
                wrong = difference(program, expected, actual, inputs)
                if wrong and unstable(native, program, inputs, values, expected):
                    return Report(Outcome.UNSTABLE, stage, wrong)
                if wrong and reassociation_decides(text, program, inputs, values, expected):
                    return Report(Outcome.UNSTABLE, stage, wrong)
                if wrong:
                    return Report(Outcome.FAILED, stage, f"at {values}: {wrong}")
    except RefusedError as error:
        return Report(Outcome.REFUSED if error.diagnostics else Outcome.FAILED, stage, str(error))
    except (VerificationError, UsageError) as error:
        return Report(Outcome.UNANSWERED if stage == "lift" else Outcome.FAILED, stage, str(error))
    except Exception:
        return Report(Outcome.FAILED, stage, traceback.format_exc())
    return Report(Outcome.PASSED, stage)


def inputs_for(program: Program, sizes: Mapping[str, int], seed: int) -> dict[str, NDArray[np.generic]]:
    """Random inputs of both signs."""
    floats = [a.name for a in program.arrays if a.role is Role.PARAMETER and a.dtype.is_float]
    return random_inputs(program, sizes, seed, InputRules(ranges=dict.fromkeys(floats, (-1.5, 1.5))))


def prepare(stage: str, text: str, program: Program) -> Run:
    """One of the `STAGES` as a function of inputs and sizes; what does not depend on them is done here."""
    match stage:
        case "interpret":
            return lambda inputs, sizes: interpret(program, inputs, sizes, Machine())
        case "regions":
            regions = split_into_regions(program)
            return lambda inputs, sizes: evaluate_regions(regions, inputs, sizes, Machine())
        case "lift":
            return run_lifted(exalift.lift(text, function="kernel", budget_s=30.0))
        case "direct":
            return run_direct(program)
        case _:
            raise ValueError(f"no stage {stage}")


def run_direct(program: Program) -> Run:
    """The last resort of a lift, whether it is needed or not: all loops stay, nothing is searched for."""
    regions = split_in_source_order(program)
    found = lift_regions(regions, STABLEHLO, LiftOptions(direct=True))
    lifted = simplify(found.program)

    def run(inputs: Arrays, sizes: Mapping[str, int]) -> Arrays:
        compiled = XlaDevice().compile(print_module(lifted, sizes))
        values = compiled.run([inputs[argument.name] for argument in lifted.arguments])
        results = zip((result.name for result in lifted.results), values, strict=True)
        return {**inputs, **{name: np.asarray(value) for name, value in results}}

    return run


def run_lifted(lifted: exalift.Lifted) -> Run:
    """The lifted program on XLA; arrays that it does not write stay as they were."""

    def run(inputs: Arrays, sizes: Mapping[str, int]) -> Arrays:
        named = {argument.name: inputs[argument.name] for argument in lifted.program.arguments}
        own = {name: value for name, value in sizes.items() if name in lifted.sizes.values}
        values = lifted.call((), named, own)
        results = zip((result.name for result in lifted.program.results), values, strict=True)
        return {**inputs, **{name: np.asarray(value) for name, value in results}}

    return run


def difference(program: Program, expected: Arrays, actual: Arrays, inputs: Arrays) -> str:
    """Empty where all results agree, else which do not."""
    # A sum that is reordered rounds relative to the largest number in it, not to its result.
    known = [a for a in (*inputs.values(), *expected.values()) if a.dtype.kind == "f" and a.size]
    scale = max((float(np.abs(a).max()) for a in known), default=1.0)
    single = "f32" in print_program(program)
    allowed = _ALLOWED[DType.F32 if single else DType.F64]
    problems: list[str] = []
    for name, right in expected.items():
        dtype = _dtype(program, name)
        if name not in actual:
            problems.append(f"{name} is missing")
            continue
        given = np.asarray(actual[name])
        if given.shape != right.shape:
            problems.append(f"{name} has shape {given.shape}, not {right.shape}")
            continue
        found = compare(right, given, dtype, allowed=allowed if dtype.is_float else None, scale=scale)
        if not found.within and found.worst is not None:
            problems.append(f"{name}: {found}: C gives {right[found.worst]}, this {given[found.worst]}")
    return "; ".join(problems)


def unstable(
    native: NativeFunction, program: Program, inputs: Arrays, sizes: Mapping[str, int], expected: Arrays
) -> bool:
    """Whether rounding decides the results: do they move when the last digits of the inputs do?

    Programs compare, truncate and divide floating-point numbers, so that a reordered sum may flip a branch.
    """
    generator = np.random.default_rng(1)
    for _ in range(3):
        moved: dict[str, NDArray[np.generic]] = {}
        for name, array in inputs.items():
            if array.dtype.kind == "f":
                noise = generator.uniform(-8, 8, array.shape) * np.finfo(array.dtype).eps
                array = np.asarray(array * (1 + noise), array.dtype)
            moved[name] = array
        try:
            if difference(program, expected, native(moved, sizes, isolated=True), inputs):
                return True
        except NativeError:
            return True
    return False


def reassociation_decides(
    text: str, program: Program, inputs: Arrays, sizes: Mapping[str, int], expected: Arrays
) -> bool:
    """Whether gcc's own results are others once it may reassociate, as in `(r - s) + s` with a huge `s`."""
    native = compile_c(text, "fuzz.c", program, flags=REASSOCIATING_FLAGS)
    try:
        return bool(difference(program, expected, native(inputs, sizes, isolated=True), inputs))
    except NativeError:
        return False


def has_undefined_reads(text: str) -> bool:
    """Whether gcc sees a variable that may be read before it is written (the shrinker could cause it)."""
    done = subprocess.run(
        [
            "gcc",
            "-x",
            "c",
            "-",
            "-O2",
            "-w",
            "-Wuninitialized",
            "-Wmaybe-uninitialized",
            "-S",
            "-o",
            "/dev/null",
        ],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode != 0 or "uninitialized" in done.stderr


def _dtype(program: Program, name: str) -> DType:
    if name == "return":
        assert program.returns is not None
        return program.returns.dtype
    return program.array(name).dtype


def _finite(array: NDArray[np.generic]) -> bool:
    if array.dtype.kind != "f":
        return True
    limit = 1e30 if array.dtype.itemsize == 4 else 1e200
    return bool(np.all(np.abs(array) < limit))
