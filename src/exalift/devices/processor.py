"""What compiled code for this processor depends on."""

from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from pathlib import Path

_NAMES = ("vendor_id", "cpu family", "model", "stepping", "CPU implementer", "CPU part", "CPU variant")
_FEATURES = ("flags", "Features")


@lru_cache(maxsize=1)
def host_processor() -> str:
    """The processor's model, and a digest of its features as the system lists them.

    Two machines give the same text only if code compiled for one is what would be compiled for the other.
    """
    try:
        return describe_processor(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        return f"{platform.machine()} {platform.processor()} of {platform.node()}"


def describe_processor(listing: str) -> str:
    """The same from the text of Linux's `/proc/cpuinfo`, where the first processor stands for all."""
    first = listing.strip().split("\n\n")[0]
    rows = [line.split(":", 1) for line in first.splitlines() if ":" in line]
    known = {name.strip(): value.strip() for name, value in rows}
    model = " ".join(f"{name} {known[name]}" for name in _NAMES if name in known)
    features = sorted({word for name in _FEATURES for word in known.get(name, "").split()})
    digest = hashlib.sha256(" ".join(features).encode()).hexdigest()[:16]
    return f"{platform.machine()}, {model}, {len(features)} features {digest}"
