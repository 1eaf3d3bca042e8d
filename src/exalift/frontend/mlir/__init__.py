"""MLIR modules of `func`, `affine`, `arith`, `math`, `memref` and `scf` to affine programs."""

from __future__ import annotations

from exalift.affine import Program
from exalift.base import Diagnostic, RefusedError, UsageError

from .bindings import read_functions
from .function import translate
from .source import SourceText

__all__ = ["parse_mlir"]


def parse_mlir(text: str, filename: str, *, function: str | None = None) -> tuple[Program, ...]:
    """The functions of a module, as Polygeist's `cgeist` prints them, as affine programs.

    With `function`, that one alone; the rest of the file then need not be of supported dialects.
    Otherwise all `func.func` with a body, of which each must be supported.

    Integer parameters that reach bounds or subscripts become sizes; other scalar parameters arrays of
    rank 0, passed by value. Dynamic extents of parameters become the smallest affine ones that cover
    what is accessed. Values that loops carry (`iter_args`) become locals of rank 0, and so do values that
    are loaded before, and used after, a store that may change them. A returned local memref becomes
    one more parameter. Memrefs are taken not to alias, as in all of Exalift.

    Not supported: `scf.while`, calls (except of the C library's mathematics), pointers, globals, vectors,
    tensors, and memref layouts.
    Raises RefusedError, with places, for what is not supported or no MLIR; UsageError where `function`
    is not in the module.
    """
    source = SourceText(text, filename)
    functions = read_functions(source, function)
    defined = {found.name: found for found in functions if found.blocks}
    if function is not None and function not in defined:
        offer = ", ".join(defined) or "none"
        raise UsageError(f"{filename} has no function {function!r} with a body (it has: {offer})")
    chosen = defined.values() if function is None else [defined[function]]
    if not chosen:
        raise RefusedError((Diagnostic("the module has no function with a body", source.span_at(1, 1)),))
    programs: list[Program] = []
    diagnostics: list[Diagnostic] = []
    for found in chosen:
        try:
            programs.append(translate(found, frozenset(defined)))
        except RefusedError as error:
            diagnostics += error.diagnostics
    if diagnostics:
        raise RefusedError(tuple(diagnostics))
    return tuple(programs)
