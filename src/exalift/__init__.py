"""Exalift lifts loops into portable tensor programs, and shows that they are the same program.

`exalift.lift(path_or_text, function=..., target="stablehlo", sizes=...)` gives a `Lifted` program; see
`exalift.pipeline`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from exalift.base import (
    DeviceError,
    ExaliftError,
    RefusedError,
    UnconfirmedError,
    UsageError,
    VerificationError,
)

if TYPE_CHECKING:
    from exalift.pipeline import Lifted, check, lift

__all__ = [
    "DeviceError",
    "ExaliftError",
    "Lifted",
    "RefusedError",
    "UnconfirmedError",
    "UsageError",
    "VerificationError",
    "check",
    "lift",
]

_OF_THE_PIPELINE = frozenset({"Lifted", "check", "lift"})


def __getattr__(name: str) -> object:
    # On demand: the pipeline needs solvers and compilers, which take a second to load.
    if name in _OF_THE_PIPELINE:
        return getattr(importlib.import_module("exalift.pipeline"), name)
    raise AttributeError(f"module 'exalift' has no attribute {name!r}")
