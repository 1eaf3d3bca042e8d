"""Compiled procedures, called on NumPy arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from exalift.base import DeviceError
from exalift.devices import Array, Timing
from exalift.llvm import Library, bound_call

from .emission import ENTRY
from .program import Buffer, Columns, Item, Procedure, Product, Sequential

_ALIGNMENT = 64


def _dtype(buffer: Buffer) -> np.dtype[np.generic]:
    return np.dtype(buffer.dtype.numpy_name)


def aligned_zeros(buffer: Buffer) -> Array:
    """An array of zeros that begins at a cache line."""
    store = np.zeros(buffer.bytes + _ALIGNMENT, np.uint8)
    shift = -store.ctypes.data % _ALIGNMENT
    return store[shift : shift + buffer.bytes].view(_dtype(buffer)).reshape(buffer.shape)


def written_buffers(items: Sequence[Item]) -> frozenset[str]:
    found: set[str] = set()
    pending = list(items)
    while pending:
        item = pending.pop()
        if isinstance(item, Sequential):
            pending.extend(item.body)
        elif isinstance(item, Product):
            found.add(item.out)
        elif isinstance(item, Columns):
            found |= {statement.array for statement in item.statements}
        else:
            found |= {assignment.array for assignment in item.assignments}
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Bound:
    """An executable on memory of its own: `run` it, and `restore` what it wrote. `addresses` are those of its
    buffers, in their order; `call` runs on them."""

    executable: NativeExecutable
    arrays: dict[str, Array]
    initial: dict[str, Array]
    addresses: NDArray[np.uint64]
    call: Callable[[], None]

    def run(self) -> None:
        self.call()

    def restore(self) -> None:
        for name, contents in self.initial.items():
            np.copyto(self.arrays[name], contents)


@dataclass(frozen=True, slots=True)
class NativeExecutable:
    """A procedure compiled for this machine, for a team of `threads`."""

    procedure: Procedure
    library: Library
    threads: int
    text: str = field(repr=False)

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Run once, on copies of what is written."""
        given = self._check(inputs)
        arrays = self._arrays(given)
        self.start(self._addresses(arrays))
        return tuple(
            np.array(arrays[array]) if array in self._untouched() else arrays[array]
            for _, array in self.procedure.results
        )

    def time(self, inputs: Sequence[Array], repeats: int = 10, budget: float = 5.0) -> Timing:
        """As the protocol says; memory is taken once, and what a run writes is restored before the next,
        outside the clock."""
        bound = self.bind(inputs)
        bound.run()
        seconds: list[float] = []
        while not seconds or (len(seconds) < repeats and sum(seconds) < budget):
            bound.restore()
            start = time.perf_counter()
            bound.run()
            seconds.append(time.perf_counter() - start)
        return Timing(tuple(seconds))

    def bind(self, inputs: Sequence[Array]) -> Bound:
        """Take memory once, for runs in a row."""
        arrays = self._arrays(self._check(inputs))
        initial = {name: np.array(arrays[name]) for name in self._restored()}
        addresses = self._addresses(arrays)
        call = bound_call(self.threads, self.library.address(ENTRY), addresses.ctypes.data)
        return Bound(self, arrays, initial, addresses, call)

    def _check(self, inputs: Sequence[Array]) -> list[Array]:
        names = self.procedure.arguments
        if len(inputs) != len(names):
            raise DeviceError(f"{self.procedure.name} takes {len(names)} arguments, got {len(inputs)}")
        found: list[Array] = []
        for name, value in zip(names, inputs, strict=True):
            array, buffer = np.asarray(value), self.procedure.buffers[name]
            if array.shape != buffer.shape or array.dtype != _dtype(buffer):
                wanted = f"shape {buffer.shape} of {_dtype(buffer)}"
                raise DeviceError(
                    f"the argument {name} of {self.procedure.name} must have {wanted}, "
                    f"got shape {array.shape} of {array.dtype}"
                )
            found.append(array)
        return found

    def _untouched(self) -> frozenset[str]:
        return frozenset(self.procedure.arguments) - written_buffers(self.procedure.body)

    def _restored(self) -> frozenset[str]:
        return written_buffers(self.procedure.body) - self.procedure.temporaries

    def _arrays(self, inputs: Sequence[Array]) -> dict[str, Array]:
        """Memory for every buffer: inputs, copied where they are written; zeros for the rest."""
        untouched = self._untouched()
        arrays: dict[str, Array] = {}
        for name, value in zip(self.procedure.arguments, inputs, strict=True):
            if name in untouched and value.flags.c_contiguous and value.flags.aligned:
                arrays[name] = value
            else:
                arrays[name] = aligned_zeros(self.procedure.buffers[name])
                np.copyto(arrays[name], value)
        for name, buffer in self.procedure.buffers.items():
            if name not in arrays:
                arrays[name] = aligned_zeros(buffer)
        return arrays

    def _addresses(self, arrays: dict[str, Array]) -> NDArray[np.uint64]:
        return np.array([arrays[name].ctypes.data for name in self.procedure.buffers], np.uint64)

    def start(self, addresses: NDArray[np.uint64]) -> None:
        """Run on buffers at the addresses given, which live as long as it takes."""
        bound_call(self.threads, self.library.address(ENTRY), addresses.ctypes.data)()
