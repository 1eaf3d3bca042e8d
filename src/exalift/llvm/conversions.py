"""Floats as integers that may not hold them."""

from __future__ import annotations

import struct
from collections.abc import Callable

from exalift.base import DType

from .text import llvm_type


def saturating(write: Callable[[str], str], value: str, source: DType, target: DType, lanes: int) -> str:
    """What `stablehlo.convert` is taken to give: truncated, the nearest end of the type beyond it, 0 for NaN.

    LLVM takes its own operation apart, element by element. `write` puts an instruction down and gives its
    name; `lanes` of f32 or f64, one alone for 0.
    """

    def kind(element: str) -> str:
        return f"<{lanes} x {element}>" if lanes else element

    def literal(number: int, dtype: DType) -> str:
        text = str(number)
        if dtype.is_float:
            # Powers of two and zero, which every float type has.
            text = f"0x{struct.unpack('<Q', struct.pack('<d', float(number)))[0]:016X}"
        return f"splat ({llvm_type(dtype)} {text})" if lanes else text

    old, new, truth = kind(llvm_type(source)), kind(llvm_type(target)), kind("i1")
    least, greatest = target.limits
    zero, low, limit = (literal(number, source) for number in (0, least, greatest + 1))
    ordered = write(f"fcmp ord {old} {value}, {value}")
    number = write(f"select {truth} {ordered}, {old} {value}, {old} {zero}")
    below = write(f"fcmp olt {old} {number}, {low}")
    bounded = write(f"select {truth} {below}, {old} {low}, {old} {number}")
    above = write(f"fcmp oge {old} {number}, {limit}")
    safe = write(f"select {truth} {above}, {old} {zero}, {old} {bounded}")
    found = write(f"{'fptosi' if target.is_signed else 'fptoui'} {old} {safe} to {new}")
    return write(f"select {truth} {above}, {new} {literal(greatest, target)}, {new} {found}")
