"""Kernels as functions of NumPy arrays, on one thread or several."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from exalift.base import UsageError

from ..contraction import Access
from ..emission import Emitted, emit_kernel
from ..rewriter import Plan
from .cpu import Cpu
from .engine import Library, Native, compile_module

Array = NDArray[np.generic]

_NAME = "exalift.kernel"


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="exalift")


def aligned(size: int) -> Array:
    """`size` bytes that begin at a cache line."""
    buffer = np.empty(size + 64, np.uint8)
    start = -buffer.ctypes.data % 64
    return buffer[start : start + size]


@dataclass(frozen=True)
class Kernel:
    """A compiled plan.

    `pack` prepares the right operand once; `run` then multiplies, as often as wanted. `__call__` does both.
    """

    emitted: Emitted
    library: Library
    _functions: dict[str, Native] = field(default_factory=dict[str, Native])
    _workspaces: dict[int, Array] = field(default_factory=dict[int, Array])

    def __call__(
        self, lhs: Array, rhs: Array, out: Array, extra: Sequence[Array] = (), threads: int = 1
    ) -> None:
        """`out = contraction(lhs, rhs)`; arrays as the contraction's accesses describe them."""
        self.run(lhs, self.pack(rhs, threads), out, extra, threads, rhs)

    def pack(self, rhs: Array, threads: int = 1) -> Array:
        """The packed right operand, of `emitted.packed_bytes` bytes."""
        self._check("rhs", rhs, self.emitted.plan.contraction.rhs)
        packed = aligned(self.emitted.packed_bytes)
        if self.emitted.plan.loops.padded_rhs is None:
            self._phase(self.emitted.pack, [0, rhs.ctypes.data, 0, packed.ctypes.data, 0, 0], threads)
        return packed

    def run(
        self,
        lhs: Array,
        packed: Array,
        out: Array,
        extra: Sequence[Array] = (),
        threads: int = 1,
        rhs: Array | None = None,
    ) -> None:
        """The product with a packed right operand. `rhs` itself is needed only where it has margins."""
        plan = self.emitted.plan
        self._check("lhs", lhs, plan.contraction.lhs)
        self._check("out", out, plan.contraction.out)
        operands = plan.contraction.epilogue.operands if plan.contraction.epilogue else ()
        for (name, access), array in zip(operands, extra, strict=True):
            self._check(name, array, access)
        workspace = self._workspaces.get(threads)
        if workspace is None:
            workspace = self._workspaces[threads] = aligned(self.emitted.workspace_bytes(threads))
        addresses = np.array([array.ctypes.data for array in extra], np.uintp)
        arguments = [
            lhs.ctypes.data,
            0 if rhs is None else rhs.ctypes.data,
            out.ctypes.data,
            packed.ctypes.data,
            workspace.ctypes.data,
            addresses.ctypes.data,
        ]
        if self.emitted.pad:
            if rhs is None and plan.loops.padded_rhs is not None:
                raise UsageError("a right operand with margins is packed anew in every run")
            self._phase(self.emitted.pad, arguments, threads)
            if plan.loops.padded_rhs is not None:
                self._phase(self.emitted.pack, arguments, threads)
        self._phase(self.emitted.run, arguments, threads)

    def _phase(self, name: str, arguments: list[int], threads: int) -> None:
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = self.library.function(name)
        if threads == 1:
            function(*arguments, 0, 1)
            return
        others = [_pool(threads - 1).submit(function, *arguments, p, threads) for p in range(1, threads)]
        function(*arguments, 0, threads)
        for other in others:
            other.result()

    @staticmethod
    def _check(name: str, array: Array, access: Access) -> None:
        if array.dtype.name != access.dtype.numpy_name or array.size < access.span:
            raise UsageError(
                f"{name} has {array.size} elements of {array.dtype}; "
                f"the kernel wants {access.span} of {access.dtype.numpy_name}"
            )
        if not array.flags.c_contiguous:
            raise UsageError(f"{name} is not contiguous")


def compile_kernel(plan: Plan, cpu: Cpu | None = None, *, keep_assembly: bool = False) -> Kernel:
    """Emit and compile a plan for the CPU at hand."""
    emitted = emit_kernel(plan, _NAME)
    return Kernel(emitted, compile_module(emitted.text, cpu, keep_assembly=keep_assembly))
