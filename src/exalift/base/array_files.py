"""Arrays by name in .npz files. Objects are never unpickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import UsageError
from .files import write_atomically

Contents = NDArray[np.generic]

MAXIMUM_BYTES = 16 << 30
_MAXIMUM_ARRAYS = 1000


def read_arrays(path: str | Path) -> dict[str, Contents]:
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


def write_arrays(path: str | Path, results: Mapping[str, Contents]) -> None:
    """Write arrays as an .npz file, by name."""
    buffer = io.BytesIO()
    np.savez(buffer, **results)  # pyright: ignore[reportArgumentType]
    write_atomically(path, buffer.getvalue())
