"""Writing files so that a crash or bad input never loses a good one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write `content` to a temporary name in the same folder, then rename it to `path`.

    A link keeps being one, and what it names is replaced. What is no file (`/dev/null`, a pipe) is written to
    as it is: a rename would put a file in its place. Raises OSError when the folder is missing or not
    writable; `path` is then as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with open(path, "wb") as stream:
            stream.write(data)
        return
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
