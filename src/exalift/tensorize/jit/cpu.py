"""What the CPU at hand can do, and what of it may be used.

`EXALIFT_CPU` limits it: a list of LLVM feature names with a minus sign ("-amx-tile,-avx512f") switches
them off, and what needs them with them.
"""

# llvmlite comes without types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false

from __future__ import annotations

import ctypes
import os
import platform
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

from exalift.base import UsageError

VARIABLE = "EXALIFT_CPU"

# Features that others stand on: switching one off switches these off too.
_IMPLIED = {
    "amx-tile": "amx-int8 amx-bf16",
    "avx512f": "avx512bw avx512cd avx512dq avx512vl avx512vnni avx512bf16 avx512fp16 avx512vbmi avx512vbmi2 "
    "avx512ifma avx512bitalg avx512vpopcntdq amx-tile",
    "avx2": "fma f16c avx512f",
}

_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA = 158, 0x1023, 18


@dataclass(frozen=True, slots=True)
class Cpu:
    """A CPU as LLVM and the tuner's cache know it. `features` are LLVM's names of those that may be used."""

    name: str
    model: str
    triple: str
    features: frozenset[str]

    def has(self, features: frozenset[str]) -> bool:
        return features <= self.features

    def without(self, names: frozenset[str]) -> Cpu:
        """The same CPU with features switched off, and all that stands on them."""
        gone, pending = set[str](), list(names)
        while pending:
            name = pending.pop()
            if name not in gone:
                gone.add(name)
                pending.extend(_IMPLIED.get(name, "").split())
        return Cpu(self.name, self.model, self.triple, self.features - gone)


@cache
def host_cpu() -> Cpu:
    """The CPU at hand, less what `EXALIFT_CPU` switches off. Raises UsageError where that is malformed."""
    found = llvm.get_host_cpu_features()
    features = {str(name) for name, value in found.items() if value}
    if "amx-tile" in features and not _may_use_tiles():
        features -= {"amx-tile", "amx-int8", "amx-bf16"}
    cpu = Cpu(str(llvm.get_host_cpu_name()), _model(), str(llvm.get_process_triple()), frozenset(features))
    words = [word for word in os.environ.get(VARIABLE, "").split(",") if word]
    if any(not re.fullmatch(r"-[a-z0-9._-]+", word) for word in words):
        raise UsageError(f"{VARIABLE} lists features to switch off, such as -amx-tile,-avx512f")
    return cpu.without(frozenset(word[1:] for word in words))


def _model() -> str:
    """What the system calls the CPU."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _may_use_tiles() -> bool:
    """Ask Linux for the AMX tile registers, once for the process; False where it says no."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return False
    return ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _TILE_DATA) == 0
