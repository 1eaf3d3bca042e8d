"""One process of a group: `python -m exalift.runtime.sharded_worker FOLDER`, as `sharded` starts it.

The folder has the capsule, the arguments and the group; results, or an error, go there. Standard output says
how it goes; where standard input ends, so does this.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from exalift.base import DeviceError, ExaliftError, Fields, UsageError, as_integer, read_arrays, write_arrays
from exalift.capsule import Capsule, read_capsule
from exalift.devices import Compilation
from exalift.devices.sharded import ShardedSession, join, leave

from .execution import Compiled, Execution
from .sharded import SILENCE_SECONDS
from .state import State, initial_state, results_of, zeros

# All processes must cut their sweeps alike, and clocks differ: with an aim out of reach, pieces double.
_NO_CLOCK = 1e9


def main() -> None:
    """Join, run, leave."""
    folder = Path(sys.argv[1])
    # What libraries print goes where errors go; standard output is for our own words.
    words = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sys.stdout = words
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _run(folder)
    except (ExaliftError, OSError) as error:
        kind = "usage" if isinstance(error, UsageError) else "device"
        (folder / "error").write_text(f"{kind}\n{error}")
    # Threads of JAX's runtime wait for peers that may be gone.
    os._exit(0)


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _run(folder: Path) -> None:
    fields = Fields(json.loads((folder / "job.json").read_bytes()), "the group")
    processes = fields.integer("processes")
    axes = _axes(fields)
    capsule = read_capsule(folder / "job.xcap").capsule
    state = initial_state(capsule, read_arrays(folder / "in.npz"))
    session = join(
        fields.text("coordinator"),
        processes,
        fields.integer("process"),
        patience=fields.integer("join_seconds", 1),
        silence=SILENCE_SECONDS,
    )
    print(f"{processes} processes with {session.devices} devices")
    if not session.agree(_digest(folder, axes)):
        raise DeviceError("the processes came with different capsules, inputs or ways to split them")
    how = Compilation(capsule.strict_fp)
    compiled = Compiled({r.name: session.compile_function(r, how) for r in capsule.routines}, {})
    execution = Execution.begin(capsule, session, compiled, {}, slice_seconds=_NO_CLOCK)
    _place(execution, capsule, session, state, axes)
    for _ in execution.pieces():
        pass
    write_arrays(folder / "part.npz", results_of(capsule, execution.state()))
    leave()
    # Results count when all have them.
    os.rename(folder / "part.npz", folder / "out.npz")


def _axes(fields: Fields) -> Mapping[str, int] | None:
    if fields.field("axes") is None:
        return None
    axes = fields.object("axes")
    return {name: as_integer(axes.field(name), name, 0) for name in axes.names()}


def _digest(folder: Path, axes: Mapping[str, int] | None) -> bytes:
    """Of all that must be the same everywhere."""
    found = hashlib.sha256(json.dumps(sorted(axes.items()) if axes is not None else None).encode())
    found.update((folder / "job.xcap").read_bytes())
    for name, value in sorted(read_arrays(folder / "in.npz").items()):
        found.update(f"{name} {value.dtype} {value.shape}".encode())
        found.update(value.tobytes())
    return found.digest()


def _place(
    execution: Execution,
    capsule: Capsule,
    session: ShardedSession,
    state: State,
    axes: Mapping[str, int] | None,
) -> None:
    """Put all arrays of the state where they belong, and say where that is."""
    for array in capsule.state:
        value = state.get(array.name)
        if value is None:
            value = zeros(array.type)
        axis = _first_even(value.shape, session.devices) if axes is None else axes.get(array.name)
        if axis is None:
            execution.buffers[array.name] = session.put(value)
            continue
        try:
            buffer = execution.buffers[array.name] = session.put_split(value, axis)
        except UsageError as error:
            raise UsageError(f"{array.name} cannot be split along axis {axis}: {error}") from error
        part = "x".join(map(str, session.part(buffer)))
        print(f"{array.name} is split along axis {axis}, {part} on each device")


def _first_even(extents: tuple[int, ...], parts: int) -> int | None:
    return next((axis for axis, extent in enumerate(extents) if extent and extent % parts == 0), None)


if __name__ == "__main__":
    main()
