"""Where this machine keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "EXALIFT_CACHE"


def cache_folder() -> Path:
    """The folder that `EXALIFT_CACHE` names, or `exalift` in the user's cache. It need not be there."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get(VARIABLE) or Path(base) / "exalift")
