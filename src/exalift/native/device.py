"""The device `native`: this machine's processor, through LLVM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exalift.dialects import Dialect, TensorProgram
from exalift.dialects.stablehlo import IMPORTED, STABLEHLO, LoopRange, import_module
from exalift.llvm import Target, available_threads, can_use_threads, compile_text, host_target
from exalift.tensorize import usable_features

from .building import build
from .emission import ENTRY, Emitted, emit
from .executable import NativeExecutable
from .explain import explain
from .planning import pays_to_start
from .plans import Planner
from .program import Procedure
from .session import NativeSession


@dataclass(frozen=True, slots=True)
class NativeDevice:
    """Compiles for `target` (this machine, where None) and a team of `threads` (as many as may be used).

    strict_fp: every floating-point operation as it is written: none contracted, no sum in another order.
    fuse: whether what follows a product is computed in the product's kernel; without, for comparison.
    """

    target: Target | None = None
    threads: int | None = None
    strict_fp: bool = False
    fuse: bool = True

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

    @property
    def runs_functions(self) -> bool:
        return True

    @property
    def runs_kernels(self) -> bool:
        return False

    def open(self) -> NativeSession:
        """Start to use it: routines' tensor functions, on arrays of this process."""
        return NativeSession(self.compile_module, replace(self, strict_fp=True).compile_module)

    def emitted(
        self,
        program: TensorProgram,
        sizes: Mapping[str, int],
        dialect: Dialect = STABLEHLO,
        integers: Sequence[LoopRange] = (),
    ) -> tuple[Procedure, Emitted, int]:
        """The loops of a program, their LLVM text, and for how many threads they are."""
        threads = self.threads or (available_threads() if can_use_threads() else 1)
        target = self.target or host_target()
        planner = Planner(usable_features(target), threads, target)
        procedure, pool = build(program, sizes, dialect, planner, self.strict_fp, self.fuse, integers)
        if not pays_to_start(procedure.body):
            # Starting a team costs more than all there is to do.
            threads = 1
        return procedure, emit(procedure, pool, target, threads, self.strict_fp), threads

    def compile_program(
        self,
        program: TensorProgram,
        sizes: Mapping[str, int],
        dialect: Dialect = STABLEHLO,
        integers: Sequence[LoopRange] = (),
    ) -> NativeExecutable:
        """Compile a lifted program at given sizes. `integers` are arguments that the program names as
        indices, and their bounds, which are not asked for again at a call.

        Raises UsageError for sizes that are missing and ops that are not known, DeviceError where LLVM fails.
        """
        procedure, emitted, threads = self.emitted(program, sizes, dialect, integers)
        texts = [emitted.text, *emitted.kernels]
        library = compile_text(texts, [ENTRY], self.target or host_target())
        return NativeExecutable(procedure, library, threads, emitted.text)

    def compile_module(
        self, text: str, function: str | None = None, integers: Sequence[LoopRange] = ()
    ) -> NativeExecutable:
        """Compile a function (the only public one, where None) of a StableHLO module in text. `integers` are
        arguments (`arg0`, ...) that are read as indices, as `import_module` does.

        Raises RefusedError for what the importer does not read, else as `compile_program`.
        """
        imported = import_module(text, function, integers=integers)
        return self.compile_program(imported.program, {}, IMPORTED, integers)

    def explain(self, program: TensorProgram, sizes: Mapping[str, int]) -> str:
        """What a program becomes, line by line: kernels, loops, lanes, threads."""
        return explain(*self.emitted(program, sizes))


def native_devices() -> tuple[NativeDevice, ...]:
    """The one device of this kind."""
    return (NativeDevice(),)
