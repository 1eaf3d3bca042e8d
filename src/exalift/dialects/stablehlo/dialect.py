"""The dialect `stablehlo`: all definitions, and what the registered grammar has beyond them."""

from __future__ import annotations

from ..definition import Dialect
from . import (
    affine_indexing,
    contractions,
    convolution,
    dynamic_slicing,
    elementwise,
    reductions,
    shaping,
    slicing,
)
from .elements import StablehloElements
from .registry import registered_ops

_DEFINITIONS = (
    *elementwise.DEFINITIONS,
    *shaping.DEFINITIONS,
    *slicing.DEFINITIONS,
    *dynamic_slicing.DEFINITIONS,
    *reductions.DEFINITIONS,
    *contractions.DEFINITIONS,
    *convolution.DEFINITIONS,
)

STABLEHLO = Dialect("stablehlo", _DEFINITIONS, StablehloElements(_DEFINITIONS))

IMPORTED = Dialect("stablehlo", (*STABLEHLO.definitions, *affine_indexing.DEFINITIONS))
"""What programs that are read from modules are written in: the dialect, and two ops that are not printed."""


def ops_without_formula() -> tuple[str, ...]:
    """The registered StableHLO ops that no definition covers, by name; `stablehlo.constant` is not one
    of them, since `ConstantValue` leaves are it, nor are `while` and `return`, which are `TensorLoop`."""
    covered = {"stablehlo.constant", "stablehlo.while", "stablehlo.return"} | set(STABLEHLO.by_name)
    return tuple(n for n in registered_ops() if n.startswith("stablehlo.") and n not in covered)
