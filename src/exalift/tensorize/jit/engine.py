"""From LLVM IR as text to functions that Python can call."""

# llvmlite comes without types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm

from exalift.base import VerificationError

from .cpu import Cpu, host_cpu

Address = int
Native = Callable[..., None]

# Names under which LLVM has good models of what a CPU with given features costs.
_TUNING = (
    ("amx-tile", "sapphirerapids"),
    ("avx512vnni", "icelake-server"),
    ("avx512f", "skylake-avx512"),
    ("avx2", "haswell"),
)


@cache
def _initialise() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def target_machine(cpu: Cpu, *, jit: bool = True) -> llvm.TargetMachine:
    """LLVM's code generator for a CPU, limited to the features that may be used."""
    _initialise()
    target = llvm.Target.from_triple(cpu.triple)
    tuning = next((name for feature, name in _TUNING if feature in cpu.features), "")
    known = llvm.get_host_cpu_features()
    features = ",".join(
        f"{'+' if name in cpu.features else '-'}{name}" for name in sorted({*map(str, known), *cpu.features})
    )
    model = "jitdefault" if jit else "default"
    return target.create_target_machine(
        cpu=tuning if cpu.triple == host_cpu().triple else cpu.name,
        features=features,
        opt=3,
        reloc="default" if jit else "pic",
        codemodel=model,
    )


@dataclass(frozen=True)
class Library:
    """Compiled code in memory. It lives as long as this object; addresses of functions by name."""

    engine: llvm.ExecutionEngine
    assembly: str

    def address(self, name: str) -> Address:
        """Raises KeyError where there is no such function."""
        address = int(self.engine.get_function_address(name))
        if not address:
            raise KeyError(name)
        return address

    def function(self, name: str) -> Native:
        """A function of kernel signature: six addresses and two counts, no result. Frees the GIL."""
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6, ctypes.c_int64, ctypes.c_int64)
        return kind(self.address(name))


def parse(text: str) -> llvm.ModuleRef:
    """Parse and verify a module; VerificationError where LLVM refuses it."""
    _initialise()
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise VerificationError(f"LLVM refuses an emitted module: {error}") from error
    return module


def optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine, level: int = 2) -> None:
    """LLVM's standard pipeline."""
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


def compile_module(text: str, cpu: Cpu | None = None, *, keep_assembly: bool = False) -> Library:
    """Compile a module for the CPU at hand (or one that it can act as). Takes 5 to 50 ms."""
    machine = target_machine(cpu or host_cpu())
    module = parse(text)
    optimise(module, machine)
    assembly = str(machine.emit_assembly(module)) if keep_assembly else ""
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return Library(engine, assembly)


def emit_object(text: str, cpu: Cpu) -> bytes:
    """Compile a module for any CPU to an object file."""
    machine = target_machine(cpu, jit=False)
    module = parse(text)
    optimise(module, machine)
    return bytes(machine.emit_object(module))
