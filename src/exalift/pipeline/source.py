"""Sources: what a caller hands in (a path or a text), and the affine programs in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from exalift.affine import Program
from exalift.base import Diagnostic, RefusedError, UsageError
from exalift.frontend.c import parse_c, parse_c_all
from exalift.frontend.mlir import parse_mlir, parse_mlir_all

Language = Literal["c", "mlir"]

MAXIMUM_BYTES = 16 << 20
_SUFFIXES: dict[str, Language] = {".c": "c", ".h": "c", ".mlir": "mlir"}
_MLIR_MARKS = ("func.func", "affine.for", "memref<")


@dataclass(frozen=True, slots=True)
class Source:
    """A source text, the name by which messages call it, and how to read it."""

    text: str
    filename: str
    language: Language
    include_directories: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()

    def with_defines(self, defines: tuple[str, ...]) -> Source:
        """The same text with other macros set."""
        return replace(self, defines=defines)

    def parse(self, function: str) -> Program:
        """The named function. Raises RefusedError where it is not accepted, UsageError where it is absent."""
        if self.language == "mlir":
            (program,) = parse_mlir(self.text, self.filename, function=function)
        else:
            (program,) = parse_c(
                self.text,
                self.filename,
                function=function,
                include_directories=self.include_directories,
                defines=self.defines,
            )
        return program

    def parse_all(self) -> Parsed:
        """Every function that is accepted, and why the others are not.

        Raises RefusedError where the text as a whole is refused.
        """
        if self.language == "c":
            programs, diagnostics = parse_c_all(
                self.text,
                self.filename,
                include_directories=self.include_directories,
                defines=self.defines,
            )
            return Parsed(programs, diagnostics)
        return Parsed(*parse_mlir_all(self.text, self.filename))

    def parse_only(self, function: str | None) -> Program:
        """The named function, or the only one that is accepted.

        Raises UsageError where there are several, RefusedError where there is none.
        """
        if function is not None:
            return self.parse(function)
        parsed = self.parse_all()
        if len(parsed.programs) == 1:
            return parsed.programs[0]
        if parsed.programs:
            names = ", ".join(program.name for program in parsed.programs)
            raise UsageError(f"{self.filename}: say which function to lift, of: {names}")
        if parsed.diagnostics:
            raise RefusedError(parsed.diagnostics)
        raise UsageError(f"{self.filename} defines no function")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The functions of a source that are accepted, in order, and why others are not."""

    programs: tuple[Program, ...]
    diagnostics: tuple[Diagnostic, ...] = ()


def read_source(
    path_or_text: str | Path,
    language: Language | None = None,
    include_directories: Sequence[str | Path] = (),
    defines: Sequence[str] = (),
) -> Source:
    """A source from a path, or from a text, which is told by a line break or a brace in it.

    The language is told by the file's suffix, or by the text. Raises UsageError for a file that cannot be
    read, is larger than 16 MiB or is of no known kind.
    """
    text = str(path_or_text)
    folders = tuple(str(folder) for folder in include_directories)
    if isinstance(path_or_text, str) and ("\n" in text or "{" in text):
        found = language or ("mlir" if any(mark in text for mark in _MLIR_MARKS) else "c")
        return Source(text, f"<text>.{found}", found, folders, tuple(defines))
    path = Path(path_or_text)
    found = language or _SUFFIXES.get(path.suffix)
    if found is None:
        raise UsageError(f"{path}: a .c or .mlir file is needed (or say which language it is)")
    try:
        # Devices have no size to ask for.
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > MAXIMUM_BYTES:
        raise UsageError(f"{path} is larger than {MAXIMUM_BYTES >> 20} MiB")
    decoded = content.decode("utf-8", errors="replace").replace("\r\n", "\n")
    return Source(decoded, str(path), found, folders, tuple(defines))
