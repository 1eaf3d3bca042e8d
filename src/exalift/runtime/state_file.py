"""A job's state in a file that outlives every process: two slots, written in turn.

A slot is its header (a checksum, then JSON: a sequence number, the cursor, the arrays' names), every array of
the schema at its own offset, and room for what the kernel in progress keeps for itself. The data is written
before the header, so that a process that is killed at any moment leaves one whole slot: the last yield
before. Machines that lose power are another matter, for which `checkpoint` writes files that are flushed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exalift.base import Fields, TensorShape, UsageError, as_integer
from exalift.capsule import START, Capsule, Cursor, Routine

from .state import State, numpy_type, scratch_types, state_types

_HEADER_BYTES = 1 << 16
_HEAD = struct.Struct("<II")
_ALIGNMENT = 4096
_FAULTED_BYTES = 1 << 30
_MADV_POPULATE_WRITE = 23
"""Of Linux, since 5.14; Python's mmap does not name it yet."""


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _scratch_bytes(routine: Routine) -> int:
    return sum(_aligned(type.bytes) for type in scratch_types(routine))


@dataclass(frozen=True, slots=True)
class Saved:
    """What a slot holds."""

    sequence: int
    cursor: Cursor
    state: State
    steps: int


def cursor_fields(cursor: Cursor) -> dict[str, object]:
    """A cursor as plain data."""
    return {
        "positions": list(cursor.positions),
        "counters": list(cursor.counters),
        "limit": cursor.limit,
        "kernel": list(cursor.kernel),
    }


def read_cursor(fields: Fields) -> Cursor:
    """A cursor from plain data; `Walk` checks whether it is a place. Raises UsageError."""

    def numbers(name: str) -> tuple[int, ...]:
        return tuple(as_integer(value, f"{fields.what}: {name!r}") for value in fields.list(name, 256))

    found = Cursor(numbers("positions"), numbers("counters"), fields.integer("limit"), numbers("kernel"))
    fields.done()
    return found


class StateFile:
    """The file, mapped, and locked where it is not `shared`: whoever has it locked runs the job.

    `shared` opens it for reading beside that one, which holds for as long as it takes to read once: the
    newest slot is the last to be written over. Whoever will have it next opens it so, ahead of time, and then
    locks it.
    """

    def __init__(self, path: Path, capsule: Capsule, *, create: bool = False, shared: bool = False) -> None:
        """Waits until no other process has it. Raises OSError, and UsageError for a file of another size."""
        self._capsule = capsule
        self._offsets: dict[str, int] = {}
        end = _HEADER_BYTES
        for array in capsule.state:
            self._offsets[array.name] = end
            end += _aligned(array.type.bytes)
        self._scratch = end
        end += max((_scratch_bytes(routine) for routine in capsule.routines), default=0)
        self._slot_bytes = end
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        self._handle = os.open(path, flags, 0o600)
        if not shared:
            self.lock()
        if create:
            os.ftruncate(self._handle, 2 * end)
        if os.fstat(self._handle).st_size != 2 * end:
            os.close(self._handle)
            raise UsageError(f"{path} is not the state of {capsule.name}")
        self._map = mmap.mmap(self._handle, 2 * end)

    def lock(self) -> None:
        """Wait until no other process has it, and take it. Raises OSError."""
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def unlock(self) -> None:
        """Let the next one have it; from here on it is read only. Raises OSError."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)

    def fault_in(self) -> None:
        """Have the kernel give the pages now, and not one by one while a job stands still for them."""
        if self._slot_bytes <= _FAULTED_BYTES:
            # Kernels before 5.14 do not know it, and then the pages come when they are wanted.
            with contextlib.suppress(OSError):
                self._map.madvise(_MADV_POPULATE_WRITE)

    def _place(self, name: str, types: Mapping[str, TensorShape]) -> int:
        """Where an array is in a slot; scratch lies in its order, `types` being those of the state."""
        if name in self._offsets:
            return self._offsets[name]
        place = self._scratch
        for other, type in types.items():
            if other == name:
                return place
            place += 0 if other in self._offsets else _aligned(type.bytes)
        raise UsageError(f"the state has no array {name[:60]}")

    def write(self, cursor: Cursor, state: State, steps: int) -> None:
        """Keep a yield point: the older slot is replaced."""
        sequences = [self._sequence(slot) for slot in (0, 1)]
        slot = 0 if sequences[0] <= sequences[1] else 1
        base = slot * self._slot_bytes
        types = state_types(self._capsule, cursor)
        for name, value in state.items():
            place = base + self._place(name, types)
            target = np.frombuffer(self._map, value.dtype, value.size, place).reshape(value.shape)
            target[...] = value
        header = {
            "sequence": max(sequences) + 1,
            "cursor": cursor_fields(cursor),
            "arrays": sorted(state),
            "steps": steps,
        }
        text = json.dumps(header).encode()
        if len(text) > _HEADER_BYTES - _HEAD.size:
            raise UsageError("the state has too many arrays for its header")
        self._map[base : base + _HEAD.size + len(text)] = _HEAD.pack(len(text), zlib.crc32(text)) + text

    def read(self, *, views: bool = False) -> Saved | None:
        """The newest whole slot; None where nothing was ever written.

        Arrays are copies, or views of the file: they hold until the second `write` from here, and whoever
        shows them further keeps the mapping alive.
        """
        slot = 0 if self._sequence(0) > self._sequence(1) else 1
        header = self._header(slot)
        if header is None:
            return None
        sequence, steps = header.integer("sequence"), header.integer("steps")
        cursor = read_cursor(header.object("cursor"))
        state: State = {}
        types = state_types(self._capsule, cursor)
        for name in header.list("arrays"):
            type = types[str(name)] if str(name) in types else self._capsule.array(str(name)).type
            count = type.bytes // type.dtype.bytes
            offset = slot * self._slot_bytes + self._place(str(name), types)
            view = np.frombuffer(self._map, numpy_type(type), count, offset)
            state[str(name)] = view.reshape(type.extents) if views else view.reshape(type.extents).copy()
        return Saved(sequence, cursor, state, steps)

    def place(self) -> tuple[int, Cursor]:
        """The newest whole slot's sequence number and cursor; 0 and the start where there is none."""
        header = self._header(0 if self._sequence(0) > self._sequence(1) else 1)
        if header is None:
            return 0, START
        return header.integer("sequence"), read_cursor(header.object("cursor"))

    def _header(self, slot: int) -> Fields | None:
        base = slot * self._slot_bytes
        length, checksum = _HEAD.unpack_from(self._map, base)
        text = self._map[base + _HEAD.size : base + _HEAD.size + min(length, _HEADER_BYTES - _HEAD.size)]
        if not length or len(text) != length or zlib.crc32(text) != checksum:
            return None
        return Fields(json.loads(text), "the state file")

    def _sequence(self, slot: int) -> int:
        header = self._header(slot)
        return 0 if header is None else header.integer("sequence")

    def close(self) -> None:
        """Let others have it. May be called twice."""
        if self._handle >= 0:
            # A device that took the memory over as it is may not have let go of it yet; the mapping then
            # ends with the last of these arrays.
            with contextlib.suppress(BufferError):
                self._map.close()
            # The mapping has a handle of its own, with which the lock would live on.
            self.unlock()
            os.close(self._handle)
            self._handle = -1
