# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""LLVM IR as text, optimised, compiled into this process, and called by address."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import llvmlite.binding as llvm

from exalift.base import DeviceError

from .target import Target

# LLVM's contexts are not safe to use from several threads at once, and llvmlite's are global.
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Library:
    """Compiled functions. They live as long as this object does."""

    addresses: Mapping[str, int]
    engine: llvm.ExecutionEngine = field(repr=False, compare=False)

    def address(self, name: str) -> int:
        return self.addresses[name]


def _initialize_all() -> None:
    """Every target that this LLVM has, for text that is not for this machine."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def _machine(target: Target, jit: bool) -> llvm.TargetMachine:
    chosen = llvm.Target.from_triple(target.triple)
    return chosen.create_target_machine(
        cpu=target.cpu,
        features=target.feature_text,
        opt=3,
        reloc="default" if jit else "pic",
        codemodel="jitdefault" if jit else "default",
        jit=jit,
    )


def _optimised(
    text: str | Sequence[str], target: Target, machine: llvm.TargetMachine, optimise: bool
) -> llvm.ModuleRef:
    first, *others = [text] if isinstance(text, str) else text
    try:
        module = llvm.parse_assembly(first)
        for other in others:
            module.link_in(llvm.parse_assembly(other))
        module.verify()
    except RuntimeError as error:
        raise DeviceError(f"LLVM refuses the generated code: {error}") from error
    module.triple = target.triple
    module.data_layout = str(machine.target_data)
    if optimise:
        options = llvm.PipelineTuningOptions(speed_level=3)
        options.loop_vectorization = True
        options.slp_vectorization = True
        options.loop_unrolling = True
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
    return module


def compile_text(
    text: str | Sequence[str],
    names: Sequence[str],
    target: Target,
    *,
    optimise: bool = True,
    symbols: Mapping[str, int] = MappingProxyType({}),
) -> Library:
    """Compile a module (or several, linked into one) and give the addresses of its functions `names`.

    Calls of what the module only declares go to the process's own symbols (libc, libm). Nothing may be
    generated for features that this machine lacks: the code would end the process. Raises DeviceError
    where LLVM refuses the text.
    """
    with _lock:
        machine = _machine(target, jit=True)
        module = _optimised(text, target, machine, optimise)
        engine = llvm.create_mcjit_compiler(module, machine)
        for name, address in symbols.items():
            engine.add_global_mapping(module.get_function(name), address)
        engine.finalize_object()
        addresses = {name: int(engine.get_function_address(name)) for name in names}
    missing = [name for name, address in addresses.items() if not address]
    if missing:
        raise DeviceError(f"the generated code does not define {', '.join(missing)}")
    return Library(MappingProxyType(addresses), engine)


def assembly(text: str, target: Target, *, optimise: bool = True) -> str:
    """The assembly that a module becomes, to read."""
    with _lock:
        _initialize_all()
        machine = _machine(target, jit=False)
        return str(machine.emit_assembly(_optimised(text, target, machine, optimise)))


def optimised_text(text: str, target: Target) -> str:
    """The module after LLVM's own optimisation, as text, to read."""
    with _lock:
        _initialize_all()
        return str(_optimised(text, target, _machine(target, jit=False), True))


def object_code(text: str, target: Target, *, optimise: bool = True) -> bytes:
    """The module as a relocatable object file, for any target that this LLVM has."""
    with _lock:
        _initialize_all()
        machine = _machine(target, jit=False)
        return bytes(machine.emit_object(_optimised(text, target, machine, optimise)))


def ptx_text(text: str, processor: str) -> str:
    """The module as PTX for a compute capability: PTX 8.0, of CUDA 12.0, or 8.4, of CUDA 12.4, for what one
    capability alone has ("sm_90a")."""
    with _lock:
        _initialize_all()
        target = Target("nvptx64-nvidia-cuda", frozenset({"ptx84" if processor.endswith("a") else "ptx80"}))
        chosen = llvm.Target.from_triple(target.triple)
        machine = chosen.create_target_machine(cpu=processor, features=target.feature_text, opt=3)
        return str(machine.emit_assembly(_optimised(text, target, machine, True)))
