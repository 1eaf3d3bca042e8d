"""Running a lifted program on inputs from a file, or on random ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from exalift.base import UsageError, write_atomically
from exalift.reference import random_inputs

from .lifted import Lifted

Contents = NDArray[np.generic]

MAXIMUM_BYTES = 16 << 30
_MAXIMUM_ARRAYS = 1000


def read_inputs(path: str | Path) -> dict[str, Contents]:
    """The arrays of an .npz file, by name. Objects are never unpickled.

    Raises UsageError for a file that is no .npz, holds more than 16 GiB or 1000 arrays, or objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        # The sizes are checked before anything is unpacked, since a small archive may hold a huge array.
        if len(entries) > _MAXIMUM_ARRAYS or sum(entry.file_size for entry in entries) > MAXIMUM_BYTES:
            raise UsageError(f"{path} holds more than {_MAXIMUM_ARRAYS} arrays or {MAXIMUM_BYTES >> 30} GiB")
        with np.load(path, allow_pickle=False) as archive:
            return {name: np.asarray(archive[name]) for name in archive.files}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise UsageError(f"{path} is not an .npz file of plain arrays: {error}") from error


def write_results(path: str | Path, results: Mapping[str, Contents]) -> None:
    """Write arrays as an .npz file, by name."""
    buffer = io.BytesIO()
    np.savez(buffer, **results)  # pyright: ignore[reportArgumentType]
    write_atomically(path, buffer.getvalue())


def made_inputs(lifted: Lifted, seed: int) -> dict[str, Contents]:
    """Random contents for the arguments, at the lift's sizes; the same seed gives the same contents."""
    contents = random_inputs(lifted.original, lifted.sizes.values, seed)
    return {argument.name: contents[argument.name] for argument in lifted.program.arguments}


def run_lifted(
    lifted: Lifted, inputs: Mapping[str, Contents], sizes: Mapping[str, int]
) -> dict[str, Contents]:
    """Results by name. Sizes that are not given are told by the arrays' shapes.

    Raises UsageError for inputs that are missing, unknown or misshapen, DeviceError where XLA fails.
    """
    values = lifted.call((), inputs, sizes)
    names = [result.name for result in lifted.program.results]
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}
