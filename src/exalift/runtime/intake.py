"""What tenants hand in, read and checked before anything is kept; and jobs handed out as checkpoints."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from exalift.base import Fields, UsageError, read_arrays
from exalift.capsule import Capsule, Cursor, from_bytes, read_capsule

from .checkpoint import checkpoint_from_bytes, is_checkpoint, to_bytes
from .messages import MESSAGE_BYTES
from .state import State, initial_state, random_state
from .state_file import StateFile


@dataclass(frozen=True, slots=True)
class Submission:
    """A job to be: a capsule with its file's bytes, the state to begin with, and where."""

    sealed: bytes
    capsule: Capsule
    state: State
    cursor: Cursor | None
    device: str
    priority: str


def read_submission(request: Fields) -> Submission:
    """A job from a request: a capsule with inputs or a seed, or a checkpoint. Raises UsageError."""
    data = request.data("job", MESSAGE_BYTES)
    device, priority = request.text("device", 64), request.text("priority", 16)
    if is_checkpoint(data):
        found = checkpoint_from_bytes(data)
        return Submission(found.sealed, found.capsule, dict(found.state), found.cursor, device, priority)
    capsule = from_bytes(data).capsule
    inputs = request.data("inputs", MESSAGE_BYTES)
    if inputs:
        with tempfile.NamedTemporaryFile(suffix=".npz") as file:
            file.write(inputs)
            file.flush()
            state = initial_state(capsule, read_arrays(file.name))
    else:
        state = random_state(capsule, request.integer("seed", 0))
    return Submission(data, capsule, state, None, device, priority)


def checkpoint_of(folder: Path) -> bytes:
    """A job's last kept yield point as a checkpoint's bytes. Raises UsageError where there is none."""
    sealed = (folder / "job.xcap").read_bytes()
    capsule = read_capsule(folder / "job.xcap").capsule
    file = StateFile(folder / "state", capsule, shared=True)
    try:
        saved = file.read()
    finally:
        file.close()
    if saved is None:
        raise UsageError("the job has kept no state yet")
    return to_bytes(sealed, saved.cursor, saved.state)
