"""The front end's two functions."""

from __future__ import annotations

from collections.abc import Sequence

from exalift.affine import Program, verify_program
from exalift.base import Diagnostic, RefusedError, Span, UsageError

from .functions import take
from .libclang import Node, Unit, parse
from .library import Library
from .reader import Reader
from .syntax import Refusal

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
    programs, diagnostics = _take_all(unit, nodes)
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

    Raises RefusedError for text that clang rejects.
    """
    unit = _unit(text, filename, include_directories, defines)
    return _take_all(unit, list(unit.functions()))


def _unit(text: str, filename: str, include_directories: Sequence[str], defines: Sequence[str]) -> Unit:
    if len(text) > MAX_TEXT:
        raise RefusedError((Diagnostic(f"the text is larger than {MAX_TEXT >> 20} MiB", _whole(filename)),))
    if "\0" in text:
        raise RefusedError((Diagnostic("the text has a null character in it", _whole(filename)),))
    return parse(text, filename, include_directories, defines)


def _take_all(unit: Unit, nodes: Sequence[Node]) -> tuple[tuple[Program, ...], tuple[Diagnostic, ...]]:
    library = Library(Reader(unit))
    programs: list[Program] = []
    diagnostics: list[Diagnostic] = []
    for node in nodes:
        try:
            read = library.find(node.spelling)
            assert read is not None
            program = take(library, read)
        except Refusal as refused:
            diagnostics.append(refused.diagnostic)
            continue
        except RecursionError:
            # The tree is bounded, but what is inlined into it may nest further.
            diagnostics.append(Diagnostic("nested too deeply", node.span, "split the function"))
            continue
        verify_program(program)
        programs.append(program)
    return tuple(programs), tuple(diagnostics)


def _nothing(filename: str) -> Diagnostic:
    return Diagnostic("the file defines no function", _whole(filename))


def _whole(filename: str) -> Span:
    return Span(filename, 1, 1, 1, 1)
