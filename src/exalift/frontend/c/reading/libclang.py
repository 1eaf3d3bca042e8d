# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownParameterType=false, reportMissingParameterType=false
# pyright: reportAttributeAccessIssue=false
"""libclang behind a small typed face; the only module that imports it.

The wheel `libclang` carries clang itself but no header of its own, so `stddef.h` and its kin are those
of the system's C compiler.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from glob import glob
from typing import Any, cast

from clang import cindex

from exalift.base import Diagnostic, DType, RefusedError, Span

from .probe import check_survives

_ERROR = 3
_INTEGER, _FLOAT = 1, 2  # CXEvalResultKind
_SCALARS = {
    "BOOL": DType.I1,
    "FLOAT": DType.F32,
    "DOUBLE": DType.F64,
}
_SIGNED = {"CHAR_S", "SCHAR", "SHORT", "INT", "LONG", "LONGLONG"}
_UNSIGNED = {"CHAR_U", "UCHAR", "USHORT", "UINT", "ULONG", "ULONGLONG"}
_ARRAYS = {"CONSTANTARRAY", "VARIABLEARRAY", "INCOMPLETEARRAY"}

# Any: ctypes functions and cindex objects have no types of their own.
_Library = Any
_Cursor = Any


@lru_cache(maxsize=1)
def _library() -> _Library:
    library = cindex.conf.lib
    for name in ("clang_getCursorBinaryOperatorKind", "clang_getCursorUnaryOperatorKind"):
        function = getattr(library, name)
        function.argtypes, function.restype = [cindex.Cursor], ctypes.c_int
    library.clang_Cursor_Evaluate.argtypes = [cindex.Cursor]
    library.clang_Cursor_Evaluate.restype = ctypes.c_void_p
    for name, result in (
        ("getKind", ctypes.c_int),
        ("isUnsignedInt", ctypes.c_uint),
        ("getAsUnsigned", ctypes.c_ulonglong),
        ("getAsLongLong", ctypes.c_longlong),
        ("getAsDouble", ctypes.c_double),
        ("dispose", None),
    ):
        function = getattr(library, f"clang_EvalResult_{name}")
        function.argtypes, function.restype = [ctypes.c_void_p], result
    library.clang_Cursor_getVarDeclInitializer.argtypes = [cindex.Cursor]
    library.clang_Cursor_getVarDeclInitializer.restype = cindex.Cursor
    return library


@dataclass(frozen=True, slots=True)
class CType:
    """A canonical C type: `dtype` for a scalar that we have, `target` for pointers and arrays."""

    kind: str  # "scalar", "pointer", "array", "void", "other"
    spelling: str
    dtype: DType | None = None
    target: CType | None = None
    count: int | None = None
    constant: bool = False
    volatile: bool = False
    restrict: bool = False


def _describe(given: _Cursor) -> CType:
    """A clang type; recursion goes down the declarator, which clang limits."""
    canonical = given.get_canonical()
    try:
        kind = canonical.kind.name
    except ValueError:
        # A type that the bindings do not know, such as _Float16.
        return CType("other", str(given.spelling))
    flags = (
        canonical.is_const_qualified(),
        canonical.is_volatile_qualified(),
        canonical.is_restrict_qualified(),
    )
    spelling = str(given.spelling)
    if kind == "ENUM":
        return _describe(canonical.get_declaration().enum_type)
    dtype = _SCALARS.get(kind)
    if kind in _SIGNED or kind in _UNSIGNED:
        bits = 8 * int(canonical.get_size())
        dtype = DType(f"{'i' if kind in _SIGNED else 'ui'}{bits}")
    if dtype is not None:
        return CType("scalar", spelling, dtype, None, None, *flags)
    if kind == "POINTER":
        return CType("pointer", spelling, None, _describe(canonical.get_pointee()), None, *flags)
    if kind in _ARRAYS:
        count = int(canonical.element_count) if kind == "CONSTANTARRAY" else None
        element = _describe(canonical.element_type)
        # Qualifiers of an array are those of its elements; clang's canonical types keep them outside.
        flags = (flags[0] or element.constant, flags[1] or element.volatile, "restrict" in spelling)
        # Whether an extent is written (and variable) or missing is told by the count -1 or None.
        return CType("array", spelling, None, element, -1 if kind == "VARIABLEARRAY" else count, *flags)
    return CType("void" if kind == "VOID" else "other", spelling)


@dataclass(frozen=True)
class Node:
    """A cursor."""

    cursor: _Cursor
    file: str

    @cached_property
    def kind(self) -> str:
        # A kind that the bindings do not know is an expression or statement that we do not take either.
        try:
            return str(self.cursor.kind.name)
        except ValueError:
            return "UNKNOWN"

    @property
    def spelling(self) -> str:
        return str(self.cursor.spelling)

    @cached_property
    def span(self) -> Span:
        extent = self.cursor.extent
        start, end = extent.start, extent.end
        file = str(start.file.name) if start.file is not None else self.file
        return Span(file, max(1, start.line), max(1, start.column), max(1, end.line), max(1, end.column))

    @cached_property
    def children(self) -> tuple[Node, ...]:
        """The parts, without attributes."""
        nodes = (Node(child, self.file) for child in self.cursor.get_children())
        return tuple(node for node in nodes if not node.kind.endswith("_ATTR"))

    @cached_property
    def type(self) -> CType:
        return _describe(self.cursor.type)

    @property
    def result_type(self) -> CType:
        return _describe(self.cursor.result_type)

    @property
    def is_variadic(self) -> bool:
        return self.cursor.type.kind.name == "FUNCTIONPROTO" and bool(self.cursor.type.is_function_variadic())

    @property
    def binary_operator(self) -> int:
        return int(_library().clang_getCursorBinaryOperatorKind(self.cursor))

    @property
    def unary_operator(self) -> int:
        return int(_library().clang_getCursorUnaryOperatorKind(self.cursor))

    @property
    def value(self) -> int | float | None:
        """The value, where clang can evaluate it."""
        library = _library()
        result = library.clang_Cursor_Evaluate(self.cursor)
        if not result:
            return None
        try:
            match library.clang_EvalResult_getKind(result):
                case 1:
                    if library.clang_EvalResult_isUnsignedInt(result):
                        return int(library.clang_EvalResult_getAsUnsigned(result))
                    return int(library.clang_EvalResult_getAsLongLong(result))
                case 2:
                    return float(library.clang_EvalResult_getAsDouble(result))
                case _:
                    return None
        finally:
            library.clang_EvalResult_dispose(result)

    @property
    def enumerator(self) -> int:
        return int(self.cursor.enum_value)

    @property
    def referenced(self) -> Node | None:
        target = self.cursor.referenced
        return None if target is None else Node(target, self.file)

    @property
    def definition(self) -> Node | None:
        target = self.cursor.get_definition()
        return None if target is None else Node(target, self.file)

    @property
    def initializer(self) -> Node | None:
        """What a variable starts with."""
        found = _library().clang_Cursor_getVarDeclInitializer(self.cursor)
        if found.kind.is_invalid():
            return None
        # ctypes gives a bare cursor; the bindings need to know its translation unit.
        found._tu = self.cursor._tu
        return Node(found, self.file)

    @property
    def key(self) -> str:
        """The same for every mention of one variable."""
        canonical = self.cursor.canonical
        return f"{canonical.spelling}:{canonical.hash}"

    @property
    def storage(self) -> str:
        """ "STATIC", "EXTERN", "NONE" ..."""
        return str(self.cursor.storage_class.name)

    @property
    def is_global(self) -> bool:
        return self.cursor.semantic_parent.kind.name == "TRANSLATION_UNIT"

    @property
    def header_offsets(self) -> tuple[int, ...] | None:
        """For a `for` that is not inside a macro: where the two semicolons of its head are."""
        tokens = list(self.cursor.get_tokens())
        if not tokens or tokens[0].spelling != "for":
            return None
        depth = 0
        found: list[int] = []
        for token in tokens[1:]:
            text = token.spelling
            depth += {"(": 1, ")": -1}.get(text, 0)
            if text == ";" and depth == 1:
                found.append(int(token.extent.start.offset))
            if depth == 0:
                break
        return tuple(found) if len(found) == 2 else None

    @property
    def offset(self) -> int:
        return int(self.cursor.extent.start.offset)

    @property
    def is_expression(self) -> bool:
        return bool(self.cursor.kind.is_expression())


@dataclass(frozen=True)
class Unit:
    """A parsed file."""

    cursor: _Cursor
    file: str

    def functions(self) -> Iterator[Node]:
        """The function definitions of the main file, in order."""
        for cursor in self.cursor.get_children():
            place = cursor.location.file
            if place is not None and place.name == self.file and _defines(cursor):
                yield Node(cursor, self.file)

    @cached_property
    def definitions(self) -> dict[str, Node]:
        """Every function definition, those of included files too."""
        cursors = (cursor for cursor in self.cursor.get_children() if _defines(cursor))
        return {str(cursor.spelling): Node(cursor, self.file) for cursor in cursors}


def _defines(cursor: _Cursor) -> bool:
    return cursor.kind.name == "FUNCTION_DECL" and bool(cursor.is_definition())


@lru_cache(maxsize=1)
def compiler_headers() -> tuple[str, ...]:
    """Where `stddef.h` and the other headers of a compiler's own are; empty when no compiler is found."""
    for name in ("cc", "gcc", "clang"):
        program = shutil.which(name)
        if program is None:
            continue
        try:
            answer = subprocess.run(
                [program, "-print-file-name=include"], capture_output=True, text=True, timeout=20, check=True
            )
        except (OSError, subprocess.SubprocessError):
            continue
        folder = answer.stdout.strip()
        if folder.startswith("/"):
            return (folder,)
    return tuple(sorted(glob("/usr/lib/gcc/*/*/include"))[-1:])


def parse(text: str, file: str, include_directories: Sequence[str], defines: Sequence[str]) -> Unit:
    """Parse C (gnu17, as gcc does by default). Raises RefusedError with clang's own errors, and for a text
    that clang would not survive."""
    arguments = ["-x", "c", "-std=gnu17", "-w"]
    arguments += [f"-I{folder}" for folder in include_directories]
    arguments += [f"-D{define}" for define in defines]
    for folder in compiler_headers():
        arguments += ["-isystem", folder]
    check_survives(text, file, arguments)
    try:
        index = cindex.Index.create()
        unit = index.parse(file, args=arguments, unsaved_files=[(file, text)])
    except cindex.TranslationUnitLoadError as error:
        whole = Span(file, 1, 1, 1, 1)
        raise RefusedError((Diagnostic("clang cannot read this file", whole),)) from error
    problems = tuple(_problem(d, file) for d in unit.diagnostics if d.severity >= _ERROR)
    if problems:
        raise RefusedError(problems)
    return Unit(cast(_Cursor, unit.cursor), file)


def _problem(diagnostic: _Cursor, file: str) -> Diagnostic:
    place = diagnostic.location
    name = str(place.file.name) if place.file is not None else file
    line, column = max(1, place.line), max(1, place.column)
    message = str(diagnostic.spelling)
    hint = ""
    if "file not found" in message:
        hint = "name the folder of the header with -I"
        if not compiler_headers():
            hint += "; no C compiler was found, whose headers are needed (Debian: gcc)"
    return Diagnostic(message, Span(name, line, column, line, column + 1), hint)
