"""Front ends: sources to affine programs, each language in a folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from exalift.affine import Program
from exalift.base import UsageError

__all__ = ["parse"]


def parse(
    text: str,
    filename: str,
    *,
    function: str | None = None,
    include_directories: Sequence[str] = (),
    defines: Sequence[str] = (),
) -> tuple[Program, ...]:
    """The named function of a source, or every one that can be taken, as affine programs.

    The suffix of `filename` tells the language: `.c` and `.h` are C, `.mlir` is MLIR, which takes neither
    include directories nor defines. Raises UsageError for another suffix, and what the front ends raise.
    """
    suffix = PurePath(filename).suffix.lower()
    # Each front end loads a compiler of some size, so that only the one that is needed is loaded.
    if suffix in (".c", ".h"):
        from .c import parse_c

        return parse_c(
            text, filename, function=function, include_directories=include_directories, defines=defines
        )
    if suffix == ".mlir":
        from .mlir import parse_mlir

        if include_directories or defines:
            raise UsageError(f"{filename}: include directories and defines are for C only")
        return parse_mlir(text, filename, function=function)
    raise UsageError(f"{filename}: the language is not known by its suffix; it should be .c, .h or .mlir")
