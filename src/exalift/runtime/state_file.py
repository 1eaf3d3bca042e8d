"""A job's state in a file that outlives every process: two slots, written in turn.

A slot is its header (a checksum, then JSON: a sequence number, the cursor, the arrays' names) and every array
of the schema at its own offset. The data is written before the header, so that a process that is killed at
any moment leaves one whole slot: the last yield before. Machines that lose power are another matter, for
which `checkpoint` writes files that are flushed to the disk.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exalift.base import Fields, UsageError, as_integer
from exalift.capsule import Capsule, Cursor

from .state import State, numpy_type

_HEADER_BYTES = 1 << 16
_HEAD = struct.Struct("<II")
_ALIGNMENT = 4096


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
    """The file, mapped and locked: whoever has it open is the one that runs the job.

    `shared` opens it for reading beside that one, which holds for as long as it takes to read once: the
    newest slot is the last to be written over.
    """

    def __init__(self, path: Path, capsule: Capsule, *, create: bool = False, shared: bool = False) -> None:
        """Waits until no other process has it. Raises OSError, and UsageError for a file of another size."""
        self._capsule = capsule
        self._offsets: dict[str, int] = {}
        end = _HEADER_BYTES
        for array in capsule.state:
            self._offsets[array.name] = end
            end += -(-array.type.bytes // _ALIGNMENT) * _ALIGNMENT
        self._slot_bytes = end
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        self._handle = os.open(path, flags, 0o600)
        if not shared:
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        if create:
            os.ftruncate(self._handle, 2 * end)
        if os.fstat(self._handle).st_size != 2 * end:
            os.close(self._handle)
            raise UsageError(f"{path} is not the state of {capsule.name}")
        self._map = mmap.mmap(self._handle, 2 * end)

    def write(self, cursor: Cursor, state: State, steps: int) -> None:
        """Keep a yield point: the older slot is replaced."""
        sequences = [self._sequence(slot) for slot in (0, 1)]
        slot = 0 if sequences[0] <= sequences[1] else 1
        base = slot * self._slot_bytes
        for name, value in state.items():
            target = np.frombuffer(self._map, value.dtype, value.size, base + self._offsets[name]).reshape(
                value.shape
            )
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

        Arrays are copies, or views of the file, which are to be gone before it is written or closed.
        """
        slot = 0 if self._sequence(0) > self._sequence(1) else 1
        header = self._header(slot)
        if header is None:
            return None
        sequence, steps = header.integer("sequence"), header.integer("steps")
        cursor = read_cursor(header.object("cursor"))
        state: State = {}
        for name in header.list("arrays"):
            type = self._capsule.array(str(name)).type
            count = type.bytes // type.dtype.bytes
            offset = slot * self._slot_bytes + self._offsets[str(name)]
            view = np.frombuffer(self._map, numpy_type(type), count, offset)
            state[str(name)] = view.reshape(type.extents) if views else view.reshape(type.extents).copy()
        return Saved(sequence, cursor, state, steps)

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
            self._map.close()
            os.close(self._handle)
            self._handle = -1
