"""MLIR modules of `func`, `affine`, `arith`, `math`, `memref` and `scf` to affine programs."""

from __future__ import annotations

from exalift.affine import Program
from exalift.base import Diagnostic, RefusedError, UsageError

from .bindings import read_functions
from .function import translate
from .source import SourceText

__all__ = ["parse_mlir", "parse_mlir_all"]


def parse_mlir(text: str, filename: str, *, function: str | None = None) -> tuple[Program, ...]:
    """The named function of a module, or every one that can be taken, as affine programs.

    Modules are as Polygeist's `cgeist` prints them; other functions need not be of dialects that are known.

    Integer parameters that reach bounds or subscripts become sizes; other scalar parameters arrays of
    rank 0, passed by value. Dynamic extents of parameters become small affine ones that cover
    what is accessed. Values that loops carry (`iter_args`) become locals of rank 0, and so do values that
    are loaded before, and used after, a store that may change them. A returned local memref becomes
    one more parameter. Memrefs are taken not to alias, as in all of Exalift.

    Not supported: `scf.while`, calls (except of the C library's mathematics), pointers, globals, vectors,
    tensors, and memref layouts.
    Raises UsageError where the module has no such function. Raises RefusedError, with places, for what is
    no MLIR, for a named function that is not supported, and, without a name, where none is.
    """
    programs, diagnostics = _parse(SourceText(text, filename), function)
    if not programs or (function is not None and diagnostics):
        raise RefusedError(diagnostics)
    return programs


def parse_mlir_all(text: str, filename: str) -> tuple[tuple[Program, ...], tuple[Diagnostic, ...]]:
    """Every function that can be taken, and the reasons for those that cannot.

    Raises RefusedError for what is no MLIR.
    """
    return _parse(SourceText(text, filename), None)


def _parse(source: SourceText, function: str | None) -> tuple[tuple[Program, ...], tuple[Diagnostic, ...]]:
    functions, unread = read_functions(source, function)
    defined = {found.name: found for found in functions if found.blocks}
    if function is not None and function not in defined:
        offer = ", ".join(defined) or "none"
        raise UsageError(f"{source.filename} has no function {function!r} with a body (it has: {offer})")
    if not defined and not unread:
        return (), (Diagnostic("the module has no function with a body", source.span_at(1, 1)),)
    programs: list[Program] = []
    diagnostics = list(unread)
    for found in defined.values() if function is None else [defined[function]]:
        try:
            programs.append(translate(found, frozenset(defined)))
        except RefusedError as error:
            diagnostics += error.diagnostics
    return tuple(programs), tuple(diagnostics)
