"""What reading a module that somebody else wrote gives, whatever dialect it is in."""

from __future__ import annotations

from dataclasses import dataclass

from exalift.base import Span

from .graph import TensorProgram
from .types import TensorType


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or a result of a module's function: its type, and what the text calls it, if anything."""

    type: TensorType
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ModuleSignature:
    """A function of a module. `span` is where it stands."""

    name: str
    arguments: tuple[Parameter, ...]
    results: tuple[Parameter, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Imported:
    """A module's function as a program without size parameters, in the dialect `stablehlo.IMPORTED`.

    assumptions: sentences on which the reading relies beyond the specification.
    """

    program: TensorProgram
    assumptions: tuple[str, ...]
