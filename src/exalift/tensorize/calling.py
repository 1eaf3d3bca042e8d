"""Kernels as functions of NumPy arrays, on one thread or several."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from exalift.base import DeviceError, DType, UsageError
from exalift.llvm import Library, Target, bound_call, compile_text, host_target

from .contraction import Access
from .emission import Emitted, emit_kernel
from .rewriter import LanePlan, Plan

Array = NDArray[np.generic]

_NAME = "exalift.kernel"
_TILES = frozenset({"amx-tile", "amx-int8", "amx-bf16"})
_GET_LENGTH = {"sve": 51, "sme": 64}
_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA = 158, 0x1023, 18


@cache
def may_use_tiles() -> bool:
    """Ask Linux for the AMX tile registers, once for the whole process; False where it says no."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    return ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA) == 0


@cache
def _vector_lengths() -> frozenset[str]:
    """How long this process's scalable vectors are, in bits: "sve=256", "sme=512". Linux on AArch64."""
    if platform.system() != "Linux" or platform.machine() != "aarch64":
        return frozenset()
    system = ctypes.CDLL(None)
    found = {name: int(system.prctl(number, 0, 0, 0, 0)) for name, number in _GET_LENGTH.items()}
    return frozenset(f"{name}={8 * (answer & 0xFFFF)}" for name, answer in found.items() if answer > 0)


def usable_features(target: Target | None = None) -> frozenset[str]:
    """The features that kernels may rely on: this machine's, less what `EXALIFT_CPU` switches off and
    what the system does not permit; and the lengths of its scalable vectors."""
    features = (target or host_target()).features | _vector_lengths()
    return features if "amx-tile" in features and may_use_tiles() else features - _TILES


def aligned(size: int) -> Array:
    """`size` bytes that begin at a cache line."""
    buffer = np.zeros(size + 64, np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + size]


@dataclass(frozen=True)
class Kernel:
    """A compiled plan.

    `pack` prepares the right operand once; `run` then multiplies, as often as wanted; a call does both.
    `bind` checks the arrays once and gives a function without arguments for the innermost of loops. A
    kernel has one workspace, so that it runs once at a time.
    """

    emitted: Emitted
    library: Library
    _workspaces: dict[int, Array] = field(default_factory=dict[int, Array])

    def __call__(
        self, lhs: Array, rhs: Array, out: Array, extra: Sequence[Array] = (), threads: int = 1
    ) -> None:
        """`out = contraction(lhs, rhs)`; arrays as the contraction's accesses describe them."""
        self.run(lhs, self.pack(rhs, threads), out, extra, threads)

    def pack(self, rhs: Array, threads: int = 1) -> Array:
        """The packed right operand, of `emitted.packed_bytes` bytes."""
        _check("rhs", rhs, self.emitted.plan.contraction.rhs)
        packed = aligned(self.emitted.packed_bytes)
        zero = np.zeros(0, np.uint8)
        self._bound(self.emitted.pack_entry, (zero, rhs, zero, packed), (), threads)()
        return packed

    def run(
        self, lhs: Array, packed: Array, out: Array, extra: Sequence[Array] = (), threads: int = 1
    ) -> None:
        """The product with a packed right operand."""
        self.bind(lhs, packed, out, extra, threads)()

    def bind(
        self, lhs: Array, packed: Array, out: Array, extra: Sequence[Array] = (), threads: int = 1
    ) -> Callable[[], None]:
        """A function that runs on these arrays, whatever they then hold. Raises UsageError for arrays of
        another type or size than the contraction's, or that are not contiguous."""
        contraction = self.emitted.plan.contraction
        _check("lhs", lhs, contraction.lhs)
        _check("out", out, contraction.out)
        operands = contraction.epilogue.operands if contraction.epilogue else ()
        if len(operands) != len(extra):
            raise UsageError(f"the epilogue takes {len(operands)} operands, got {len(extra)}")
        for (name, access), array in zip(operands, extra, strict=True):
            _check(name, array, access)
        return self._bound(self.emitted.entry, (lhs, packed, out, packed), extra, threads)

    def _bound(
        self, entry: str, arrays: tuple[Array, Array, Array, Array], extra: Sequence[Array], threads: int
    ) -> Callable[[], None]:
        workspace = self._workspaces.get(threads)
        if workspace is None:
            workspace = self._workspaces[threads] = aligned(self.emitted.workspace_bytes(threads))
        others = np.array([array.ctypes.data for array in extra], np.uintp)
        every = [*arrays, workspace, others]
        arguments = np.array([array.ctypes.data for array in every], np.uintp)
        # What compiled code points at lives as long as the function that is given out.
        kept = (self.library, every, extra, arguments)
        address, place = self.library.address(entry), arguments.ctypes.data
        call = bound_call(threads, address, place)

        def run(_: object = kept) -> None:
            call()

        return run


def _check(name: str, array: Array, access: Access) -> None:
    # Without ml_dtypes NumPy has no bf16; its bits as u16 serve as well.
    names, wanted = {access.dtype.numpy_name}, access.span
    if access.nibbles is not None:
        names, wanted = access.nibbles.numpy_names, access.nibbles.bytes(access.span)
    elif access.dtype is DType.BF16:
        names.add("uint16")
    if array.dtype.name not in names or array.size < wanted:
        raise UsageError(
            f"{name} has {array.size} elements of {array.dtype}; "
            f"the kernel wants {wanted} of {' or '.join(sorted(names))}"
        )
    if not array.flags.c_contiguous:
        raise UsageError(f"{name} is not contiguous")


def compile_kernel(plan: Plan | LanePlan, target: Target | None = None) -> Kernel:
    """Emit and compile a plan, for this machine or for one that it can act as.

    Raises DeviceError for an instruction that this machine does not have, or may not use.
    """
    missing = plan.instruction.requirements - usable_features(target)
    if missing:
        raise DeviceError(f"{plan.instruction.name} needs {', '.join(sorted(missing))}")
    emitted = emit_kernel(plan, _NAME)
    library = compile_text(emitted.text, (emitted.entry, emitted.pack_entry), target or host_target())
    return Kernel(emitted, library)
