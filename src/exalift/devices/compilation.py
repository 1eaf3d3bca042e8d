"""How routines are to be compiled: what must hold, and where compiled code may be found and is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from exalift.base import DeviceError
from exalift.capsule import CodeKey, Integer

T = TypeVar("T")


class CodeStore(Protocol):
    """Where compiled code lies. Never needed: one that finds nothing and keeps nothing will do."""

    def find(self, key: CodeKey) -> bytes | None:
        """The code under a key, from whoever is trusted; None where there is none."""
        ...

    def keep(self, key: CodeKey, code: bytes) -> None:
        """Take code that was just compiled here. Raises nothing where it cannot be kept."""
        ...


@dataclass(frozen=True, slots=True)
class Compilation:
    """strict_fp: every floating-point operation as it is written, in its order; a device that cannot promise
    it refuses. codes: None where everything is compiled anew. integers: which arguments of the routine are
    given as integers, and between which bounds; a device may rely on it, and refuses others then."""

    strict_fp: bool = False
    codes: CodeStore | None = None
    integers: tuple[Integer, ...] = ()

    def check_strict_fp(self, device: str) -> None:
        """For a device whose compiler may contract operations or add in another order. Raises DeviceError."""
        if self.strict_fp:
            raise DeviceError(
                f"the job keeps every floating-point operation as it is written (--strict-fp), and {device} "
                "does not promise that; native, aarch64 and interpreter do"
            )

    def loaded(self, key: CodeKey, make: Callable[[], bytes], load: Callable[[bytes], T]) -> T:
        """Code that was found, or is made and kept. Raises what these raise.

        Code that was found and cannot be loaded (DeviceError) is as good as none.
        """
        found = self.codes.find(key) if self.codes is not None else None
        if found is not None:
            try:
                return load(found)
            except DeviceError:
                pass
        code = make()
        result = load(code)
        if self.codes is not None:
            self.codes.keep(key, code)
        return result


PLAIN = Compilation()
"""Everything compiled anew, and as fast as it can be."""
