"""The text of a module: from MLIR's locations to places, and to the names that its memory form has lost."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from exalift.base import Diagnostic, RefusedError, Span

MAX_CHARACTERS = 4_000_000
"""Longer texts are refused: what loops compute takes some kilobytes to say."""

MAX_NESTING = 100
"""Deeper brackets are refused: MLIR's parser recurses, and would end the process."""

MAX_OPERATORS = 1_000
"""Longer sums and products are refused for the same reason."""

_BUFFER = "-"  # how MLIR calls the text that it parses from memory
_POSITION = re.compile(r'"((?:[^"\\]|\\.)*)":(\d+):(\d+)')
_NAMED = re.compile(r'^loc\("((?:[^"\\]|\\.)*)"[()]')
_TOKEN = re.compile(r"[%@#!]?[\w.$-]+|.")
_RESULT = re.compile(r"%([\w.$-]+)(?::\d+)?\s*=\s*$")
_VALUE = re.compile(r"%([\w.$-]+)")
_MARKS = re.compile(
    r'"(?:[^"\\\n]|\\.)*"?|//[^\n]*|->|>=|<=|=>|[()\[\]{}<>,+*-]|\b(?:floordiv|ceildiv|mod)\b'
)
_FUNCTION = re.compile(r"func\.func\b[^@\n]*@(?:([\w.$-]+)|\"([^\"]*)\")")
_BETWEEN = re.compile(r"\s*(?:->[^\n@]*?)?\s*(attributes)?\s*")


class Unsupported(Exception):
    """Something in the source that Exalift does not take; whoever knows the place adds it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class SourceText:
    """A source file. A location is given as MLIR prints it, `loc("-":3:5)` for example."""

    text: str
    filename: str

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def span_at(self, line: int, column: int) -> Span:
        """The token at a place of this file."""
        width = 1
        if line <= len(self._lines):
            token = _TOKEN.match(self._lines[line - 1], column - 1)
            width = len(token.group()) if token else 1
        return Span(self.filename, line, column, line, column + width)

    def span(self, location: str, default: Span) -> Span:
        """The place that a location names first; `default` where it names none.

        A module that carries debug information points into the file that it was made from.
        """
        found = _POSITION.search(location)
        if found is None:
            return default
        file, line, column = found.group(1), max(1, int(found.group(2))), max(1, int(found.group(3)))
        if file == _BUFFER:
            return self.span_at(line, column)
        return Span(file, line, column, line, column + 1)

    def _around(self, location: str) -> tuple[str, str]:
        """The line's text before a place, and from it on; empty where the place is not in this file."""
        found = _POSITION.search(location)
        if found is None or found.group(1) != _BUFFER or int(found.group(2)) > len(self._lines):
            return "", ""
        line = self._lines[int(found.group(2)) - 1]
        return line[: int(found.group(3)) - 1], line[int(found.group(3)) - 1 :]

    def argument_name(self, location: str) -> str | None:
        """How the text calls a block argument, without the percent sign; None where it does not tell."""
        named = _NAMED.match(location)
        if named is not None:
            return named.group(1)
        written = _VALUE.match(self._around(location)[1])
        return written.group(1) if written else None

    def result_name(self, location: str) -> str | None:
        """How the text calls the first result of the operation at a place."""
        written = _RESULT.search(self._around(location)[0])
        return written.group(1) if written else None

    def check_size(self) -> None:
        """Raise RefusedError for a text that is too long, or too deep to be parsed safely."""
        if len(self.text) > MAX_CHARACTERS:
            raise self._refused(f"the file has {len(self.text)} characters, over {MAX_CHARACTERS}", 0)
        if "\0" in self.text:
            raise self._refused("a NUL character: this is not MLIR text", self.text.index("\0"))
        counts = [0]  # of arithmetic operators in the expression that is open, at each depth
        for offset, mark in _marks(self.text):
            if mark in "([{<":
                counts.append(0)
            elif mark in ")]}>":
                counts[-1:] = [] if len(counts) > 1 else [0]
            elif mark == ",":
                counts[-1] = 0
            else:
                counts[-1] += 1
            if len(counts) > MAX_NESTING + 1:
                raise self._refused(f"brackets are nested more than {MAX_NESTING} deep", offset)
            if counts[-1] > MAX_OPERATORS:
                raise self._refused(f"an expression has more than {MAX_OPERATORS} operators", offset)

    def _refused(self, message: str, offset: int) -> RefusedError:
        line = self.text.count("\n", 0, offset) + 1
        column = offset - self.text.rfind("\n", 0, offset)
        return RefusedError((Diagnostic(message, self.span_at(line, column)),))

    @cached_property
    def _functions(self) -> list[tuple[int, int, str]]:
        return _functions(self.text)

    def function_names(self) -> list[str]:
        """The functions with a body, in order."""
        return [name for _, _, name in self._functions]

    def with_one_function(self, name: str) -> str | None:
        """The text with every other function blanked, all places kept; None unless there is just one."""
        functions = self._functions
        if [found for _, _, found in functions].count(name) != 1:
            return None
        pieces: list[str] = []
        position = 0
        for start, end, found in functions:
            if found != name:
                pieces += [self.text[position:start], re.sub(r"[^\n]", " ", self.text[start:end])]
                position = end
        return "".join([*pieces, self.text[position:]])


def _marks(text: str) -> list[tuple[int, str]]:
    """Brackets, commas and arithmetic operators outside strings and comments, with their offsets."""
    found = _MARKS.finditer(text)
    return [
        (mark.start(), mark.group())
        for mark in found
        if mark.group() not in ("->", ">=", "<=", "=>") and mark.group()[0] not in '"/'
    ]


def _functions(text: str) -> list[tuple[int, int, str]]:
    """Start, end and name of every function with a body.

    After the name come groups in brackets: parameters, results, attributes if that word announces
    them, and the body, which is the first other group in braces.
    """
    brackets = [(offset, mark) for offset, mark in _marks(text) if mark in "([{}])"]
    found: list[tuple[int, int, str]] = []
    for header in _FUNCTION.finditer(text):
        if found and header.start() < found[-1][1]:
            continue
        depth, ended, announced = 0, header.end(), False
        for offset, bracket in islice(brackets, bisect_left(brackets, (header.end(), "")), None):
            if bracket in "([{" and not depth:
                between = _BETWEEN.fullmatch(text[ended:offset])
                if between is None:  # something else follows: this was a declaration
                    break
                announced = between.group(1) is not None
            depth += 1 if bracket in "([{" else -1
            if depth < 0:  # the end of what is around
                break
            if not depth:
                ended = offset + 1
            if not depth and bracket == "}" and not announced:
                found.append((header.start(), ended, header.group(1) or header.group(2)))
                break
    return found
