"""Vectors whose length the processor decides, in descriptions that state one length each.

LLVM types such a vector `<vscale x 4 x i32>`; a function with the attribute `vscale_range(s,s)` knows that
it is `<4 s x i32>`, and conversions between the two cost nothing. Around it, kernels are as for any vectors.
"""

from __future__ import annotations

from .description import Register, llvm_type


class Scalable:
    """The type of a register as a vector of vscale times 128 bits, and conversions as IR text."""

    def __init__(self, register: Register, scale: int) -> None:
        element = llvm_type(register.dtype)
        count, lanes = register.lanes // scale, register.lanes
        # LLVM 22 cannot load fixed vectors of bf16 in streaming mode: they travel as i16.
        moved = "i16" if element == "bfloat" else element
        short, moved_short = (_SHORT.get(name, name) for name in (element, moved))
        self.suffix = f"nxv{count}{short}"
        self.type = f"<vscale x {count} x {element}>"
        self.mask_type = f"<vscale x {count} x i1>"
        self.mask = f"{self.mask_type} splat (i1 true)"
        self._fixed = register.type
        self._moved = f"<{lanes} x {moved}>", f"<vscale x {count} x {moved}>"
        self._insert = f"@llvm.vector.insert.nxv{count}{moved_short}.v{lanes}{moved_short}"
        self._extract = f"@llvm.vector.extract.v{lanes}{short}.{self.suffix}"

    def enter(self, name: str, value: str) -> str:
        """`name` = the scalable vector that holds `value`."""
        fixed, kind = self._moved
        return (
            f"{name}.f = bitcast {self._fixed} {value} to {fixed}\n"
            f"{name}.s = call {kind} {self._insert}({kind} poison, {fixed} {name}.f, i64 0)\n"
            f"{name} = bitcast {kind} {name}.s to {self.type}"
        )

    def leave(self, name: str, value: str) -> str:
        """`name` = the fixed vector that the scalable `value` holds."""
        return f"{name} = call {self._fixed} {self._extract}({self.type} {value}, i64 0)"

    @property
    def declarations(self) -> tuple[str, str]:
        fixed, kind = self._moved
        return (
            f"declare {kind} {self._insert}({kind}, {fixed}, i64 immarg)",
            f"declare {self._fixed} {self._extract}({self.type}, i64 immarg)",
        )


def declarations(*vectors: Scalable) -> tuple[str, ...]:
    """What conversions of these vectors call."""
    return tuple(dict.fromkeys(text for vector in vectors for text in vector.declarations))


_SHORT = {"float": "f32", "double": "f64", "half": "f16", "bfloat": "bf16"}
