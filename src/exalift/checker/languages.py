"""The languages that modules are written in: how each is read, and what runs it as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from exalift.dialects import Imported, ModuleSignature
from exalift.dialects.stablehlo import import_module, public_functions, read_signature

from .judgement import Contents


class Executable(Protocol):
    """A function of a module, compiled."""

    def run(self, inputs: Sequence[Contents]) -> tuple[Contents, ...]: ...


class Importer(Protocol):
    """Reads a function of a module, as `stablehlo.import_module` does."""

    def __call__(
        self,
        text: str,
        function: str | None = None,
        *,
        filename: str = ...,
        arguments: Sequence[str] | None = ...,
        results: Sequence[str] | None = ...,
        taken: Collection[str] = ...,
    ) -> Imported: ...


@dataclass(frozen=True, slots=True)
class Language:
    """functions, signature, read: as `public_functions`, `read_signature` and `import_module` of StableHLO.

    compiled: a function of a module's text, by name, compiled by what is not of Exalift.
    """

    name: str
    functions: Callable[[str, str], tuple[str, ...]]
    signature: Callable[[str, str | None, str], ModuleSignature]
    read: Importer
    compiled: Callable[[str, str], Executable]


_OPS = r'(?m)(?:^|=)\s*"?(?:{})\.\w'
_STABLEHLO_OPS = re.compile(_OPS.format("stablehlo|chlo|mhlo|vhlo"))
_LINALG_OPS = re.compile(_OPS.format("linalg|tensor|memref|scf|bufferization|arith|math|affine"))


def language_of(text: str) -> Language:
    """What a module is written in, by its ops. Where neither has any, it is StableHLO."""
    if _STABLEHLO_OPS.search(text) or not _LINALG_OPS.search(text):
        return Language("StableHLO", public_functions, read_signature, import_module, _by_xla)
    # IREE's bindings load MLIR once more, which ports in StableHLO do without.
    from exalift.frontend.mlir.linalg import import_linalg, linalg_functions, linalg_signature

    return Language("Linalg", linalg_functions, linalg_signature, import_linalg, _by_iree)


def _by_xla(text: str, function: str) -> Executable:
    from exalift.devices import XlaDevice  # JAX takes a second to load, and small ports do without.

    return XlaDevice().compile(text, function)


def _by_iree(text: str, function: str) -> Executable:
    from exalift.devices import iree_devices
    from exalift.frontend.mlir.linalg import with_current_names

    device = next(device for device in iree_devices() if device.name == "iree-cpu")
    return device.compile(with_current_names(text), function)
