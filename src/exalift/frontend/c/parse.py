"""The front end's two functions."""

from __future__ import annotations

from collections.abc import Sequence

from exalift.affine import Program, verify_program
from exalift.base import Diagnostic, RefusedError, Span, UsageError

from .functions import take
from .reading import Library, Node, Reader, Refusal, Unit, check_includes, parse

MAX_TEXT = 4 << 20


def parse_c(
    text: str,
    filename: str,
    *,
    function: str | None = None,
    include_directories: Sequence[str] = (),
    defines: Sequence[str] = (),
) -> tuple[Program, ...]:
    """The named function, or every function of the file that can be taken, as affine programs.

    Without a name, `static` helpers are left out where they are inlined into all that call them.
    `include_directories` and `defines` ("NAME" or "NAME=VALUE") are as for a compiler; headers that the text
    includes are found beside `filename`.

    Raises UsageError for a name that the file does not define. Raises RefusedError, with diagnostics
    that have file, line and column, for text that clang rejects, for a named function that is outside
    what is accepted, and, without a name, when no function can be taken.
    """
    unit = _unit(text, filename, include_directories, defines)
    nodes = list(unit.functions())
    if function is not None:
        chosen = [node for node in nodes if node.spelling == function]
        if not chosen:
            names = ", ".join(node.spelling for node in nodes) or "none"
            raise UsageError(f"{filename} does not define the function {function!r}; it defines: {names}")
        nodes = chosen[:1]
    programs, diagnostics = _take_all(unit, nodes, helpers=function is not None)
    if not programs or (function is not None and diagnostics):
        raise RefusedError(diagnostics or (_nothing(filename),))
    return programs


def parse_c_all(
    text: str,
    filename: str,
    *,
    include_directories: Sequence[str] = (),
    defines: Sequence[str] = (),
) -> tuple[tuple[Program, ...], tuple[Diagnostic, ...]]:
    """Every function that can be taken, and the reasons for those that cannot, such as `main`.

    `static` helpers are left out where they are inlined into all that call them.
    Raises RefusedError for text that clang rejects.
    """
    unit = _unit(text, filename, include_directories, defines)
    return _take_all(unit, list(unit.functions()), helpers=False)


def _unit(text: str, filename: str, include_directories: Sequence[str], defines: Sequence[str]) -> Unit:
    if len(text) > MAX_TEXT:
        raise RefusedError((Diagnostic(f"the text is larger than {MAX_TEXT >> 20} MiB", _whole(filename)),))
    if "\0" in text:
        raise RefusedError((Diagnostic("the text has a null character in it", _whole(filename)),))
    check_includes(text, filename, include_directories)
    return parse(text, filename, include_directories, defines)


def _take_all(
    unit: Unit, nodes: Sequence[Node], helpers: bool
) -> tuple[tuple[Program, ...], tuple[Diagnostic, ...]]:
    library = Library(Reader(unit))
    taken: dict[str, Program] = {}
    refused: dict[str, Diagnostic] = {}
    for node in nodes:
        try:
            read = library.find(node.spelling)
            assert read is not None
            program = take(library, read)
        except Refusal as refused_here:
            refused[node.spelling] = refused_here.diagnostic
            continue
        except RecursionError:
            # The tree is bounded, but what is inlined into it may nest further.
            refused[node.spelling] = Diagnostic("nested too deeply", node.span, "split the function")
            continue
        verify_program(program)
        taken[node.spelling] = program
    if not helpers:
        for name in _inlined(library, nodes, frozenset(taken)):
            taken.pop(name, None)
            refused.pop(name, None)
    return tuple(taken.values()), tuple(refused.values())


def _inlined(library: Library, nodes: Sequence[Node], taken: frozenset[str]) -> set[str]:
    """The static functions that are called, and only by functions that are taken or are such helpers."""
    callers: dict[str, set[str]] = {}
    for node in nodes:
        for name in library.called(node.spelling):
            callers.setdefault(name, set()).add(node.spelling)
    found: set[str] = set()
    static = [node.spelling for node in nodes if node.storage == "STATIC"]
    grew = True
    while grew:
        new = {
            name
            for name in static
            if name not in found and name in callers and callers[name] - {name} <= taken | found
        }
        new = {name for name in new if callers[name] - {name}}
        found |= new
        grew = bool(new)
    return found


def _nothing(filename: str) -> Diagnostic:
    return Diagnostic("the file defines no function", _whole(filename))


def _whole(filename: str) -> Span:
    return Span(filename, 1, 1, 1, 1)
