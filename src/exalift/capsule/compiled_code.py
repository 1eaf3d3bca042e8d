"""Compiled code, and what it depends on. It is never needed: whoever has none, or trusts none, compiles.

Compiled code is code: nothing checks what it does. A capsule's is used only where somebody whom the user
trusts has signed it (`trusted_codes`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .container import Sealed


@dataclass(frozen=True, slots=True)
class CodeKey:
    """What compiled code depends on: under equal keys lies the same code.

    device: the device's name, or its kind where all of a kind run it. compiler: its name, version and
    options. processor: the processor and its features, or "any". source: SHA-256, in hexadecimal, of what
    the compiler was given.
    """

    device: str
    compiler: str
    processor: str
    source: str


@dataclass(frozen=True, slots=True)
class CompiledCode:
    """Code of one routine for one kind of device; `routine` tells whose it is, and decides nothing."""

    key: CodeKey
    routine: str
    code: bytes


def trusted_codes(sealed: Sealed, trusted: Collection[bytes]) -> Mapping[CodeKey, bytes]:
    """The code that a capsule brings along, if its signature is that of a public key that is trusted."""
    if not sealed.signer or sealed.signer not in trusted:
        return {}
    return {one.key: one.code for one in sealed.capsule.codes}
