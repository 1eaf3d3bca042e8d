"""What a capsule holds: state, routines, a plan over them, and where it all came from.

A value of these types is not checked; `check_capsule` does that, and `read_capsule` gives none unchecked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from exalift.base import TensorShape

from .compiled_code import CompiledCode
from .plan import Step


@dataclass(frozen=True, slots=True)
class Signature:
    """A function by its name, and its concrete types."""

    name: str
    arguments: tuple[TensorShape, ...]
    results: tuple[TensorShape, ...]


@dataclass(frozen=True, slots=True)
class Routine:
    """What a step calls: a tensor function, a kernel, or both, which then mean the same.

    function: StableHLO portable bytecode of a module whose public function `main` has the signature.
    kernel: the kernel's text (`capsule.kernels`). A kernel works in place: it takes the call's integers
    (for a sweep `first` and `limit` before them), then its distinct arrays, operands before results.
    A device takes the form that it can run. A signature's rank-0 i64 arguments to which a plan gives
    integers are integers for both forms.
    """

    signature: Signature
    function: bytes | None = None
    kernel: str | None = None

    @property
    def name(self) -> str:
        return self.signature.name


class Role(Enum):
    """What an array of the state starts as."""

    ARGUMENT = "argument"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class StateArray:
    """One array of a job's state (rank 0 for scalars).

    An argument starts as what the caller gives, a local as zeros. What of the state is handed over when a
    job moves follows from the plan (`live_at`). `parameter` is an argument's place among the arrays and
    scalars of the source's function, from which random inputs are made; it tells nothing else.
    """

    name: str
    type: TensorShape
    role: Role
    parameter: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """A result by its outer name: the final contents of `array`."""

    name: str
    array: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the program came from, as told by whoever packed it.

    source_sha256: of the source text in UTF-8, hexadecimal. proof: the certificate's level, or "none".
    certificate: JSON as `exalift.proof` writes it, empty where there is none.
    """

    source_sha256: str = ""
    proof: str = "none"
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class Capsule:
    """A program that every device can run, for one set of sizes.

    The state lists arguments in the order of the function's parameters, then locals. strict_fp: every
    floating-point operation is done as it is written, in its order; a device that cannot promise it refuses.
    codes: code that was compiled for some devices already, which changes nothing but when they are ready.
    """

    name: str
    sizes: tuple[tuple[str, int], ...]
    state: tuple[StateArray, ...]
    routines: tuple[Routine, ...]
    plan: tuple[Step, ...]
    results: tuple[Result, ...]
    origin: Origin = Origin()
    strict_fp: bool = False
    codes: tuple[CompiledCode, ...] = ()

    @property
    def arguments(self) -> tuple[StateArray, ...]:
        """What a caller gives, in order."""
        return tuple(array for array in self.state if array.role is Role.ARGUMENT)

    def array(self, name: str) -> StateArray:
        """The array of that name; KeyError where there is none."""
        for array in self.state:
            if array.name == name:
                return array
        raise KeyError(name)

    def routine(self, name: str) -> Routine:
        """The routine of that name; KeyError where there is none."""
        for routine in self.routines:
            if routine.name == name:
                return routine
        raise KeyError(name)
