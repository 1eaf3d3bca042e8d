"""The device `native`: this machine's processor, through LLVM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exalift.dialects import TensorProgram
from exalift.dialects.stablehlo import STABLEHLO
from exalift.llvm import Target, available_threads, can_use_threads, compile_text, host_target
from exalift.tensorize import usable_features

from .building import build
from .emission import ENTRY, Emitted, emit
from .executable import NativeExecutable
from .program import Procedure


@dataclass(frozen=True, slots=True)
class NativeDevice:
    """Compiles for `target` (this machine, where None) and a team of `threads` (as many as may be used)."""

    target: Target | None = None
    threads: int | None = None

    @property
    def name(self) -> str:
        return "native"

    @property
    def kind(self) -> str:
        return "native"

    @property
    def available(self) -> bool:
        return not self.reason

    @property
    def reason(self) -> str:
        return ""

    def emitted(self, program: TensorProgram, sizes: Mapping[str, int]) -> tuple[Procedure, Emitted, int]:
        """The loops of a program, their LLVM text, and for how many threads they are."""
        threads = self.threads or (available_threads() if can_use_threads() else 1)
        target = self.target or host_target()
        procedure, pool = build(program, sizes, STABLEHLO, usable_features(target), threads)
        return procedure, emit(procedure, pool, target, threads), threads

    def compile_program(self, program: TensorProgram, sizes: Mapping[str, int]) -> NativeExecutable:
        """Compile a lifted program at given sizes.

        Raises UsageError for sizes that are missing and ops that are not known, DeviceError where LLVM fails.
        """
        procedure, emitted, threads = self.emitted(program, sizes)
        library = compile_text([emitted.text, *emitted.kernels], [ENTRY], self.target or host_target())
        return NativeExecutable(procedure, library, threads, emitted.text)
