"""Checkpoints: a capsule, a cursor and the state there, in one file that any device can go on from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from exalift.base import UsageError, write_atomically
from exalift.capsule import Capsule, Cursor, Walk, from_bytes

from .messages import pack, unpack
from .state import State, check_inside_kernel, checked_array, numpy_type, state_types
from .state_file import cursor_fields, read_cursor

MAGIC = b"\x89XCKP\r\n\x1a"
VERSION = 1
_BYTES = 1 << 30
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A job that stands still. `sealed` are the capsule file's bytes."""

    sealed: bytes
    capsule: Capsule
    cursor: Cursor
    state: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]


def to_bytes(sealed: bytes, cursor: Cursor, state: State) -> bytes:
    """The file's bytes. Raises UsageError for more than a message may hold."""
    arrays = {name: np.ascontiguousarray(value).tobytes() for name, value in sorted(state.items())}
    content = {"version": VERSION, "capsule": sealed, "cursor": cursor_fields(cursor), "arrays": arrays}
    body = pack(content)[4:]
    return MAGIC + hashlib.sha256(body).digest() + body


def checkpoint_from_bytes(data: bytes) -> Checkpoint:
    """Read and check a checkpoint. Raises UsageError for anything but a whole one of a known version."""
    body = data[len(MAGIC) + _DIGEST :]
    if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != data[len(MAGIC) :][:_DIGEST]:
        raise UsageError("it is not a checkpoint, or not the one that was written")
    fields = unpack(body, "the checkpoint")
    fields.integer("version", VERSION, VERSION)
    sealed = fields.data("capsule", _BYTES)
    capsule = from_bytes(sealed).capsule
    cursor = read_cursor(fields.object("cursor"))
    arrays = fields.object("arrays")
    fields.done()
    walk = Walk(capsule, cursor)
    wanted = state_types(capsule, cursor)
    state: State = {}
    for name in arrays.names():
        if name not in wanted:
            raise UsageError(f"the checkpoint has an array that is not wanted at its cursor: {name[:60]}")
        type = wanted[name]
        raw = arrays.data(name, _BYTES)
        if len(raw) != type.bytes:
            raise UsageError(f"the checkpoint's {name} has {len(raw)} bytes, not {type.bytes}")
        state[name] = checked_array(np.frombuffer(raw, numpy_type(type)).reshape(type.extents), type, name)
    if cursor.kernel and (leaf := walk.settle()) is not None:
        check_inside_kernel(capsule.routine(leaf.step.routine), leaf, cursor, state)
    return Checkpoint(sealed, capsule, cursor, state)


def write_checkpoint(data: bytes, path: str | Path) -> None:
    """Write the file as a whole or not at all, and on the disk before this returns. Raises OSError."""
    write_atomically(path, data)
    for flushed in (Path(path), Path(path).resolve().parent):
        handle = os.open(flushed, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Raises UsageError as `checkpoint_from_bytes` does, OSError."""
    with open(path, "rb") as stream:
        data = stream.read(_BYTES + 1)
    if len(data) > _BYTES:
        raise UsageError(f"{path} is larger than {_BYTES} bytes, which no checkpoint is")
    return checkpoint_from_bytes(data)


def is_checkpoint(data: bytes) -> bool:
    """Whether a file's bytes begin as checkpoints do."""
    return data.startswith(MAGIC)
