"""Tokens of the text form of kernels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from exalift.base import Diagnostic, RefusedError, Span

MAXIMUM_TEXT = 4 << 20
"""Characters of a text, at most; longer ones are refused unread."""


class TokenKind(Enum):
    NAME = "a name"
    NUMBER = "a number"
    SYMBOL = "a symbol"
    END = "the end of the text"


@dataclass(frozen=True, slots=True)
class Token:
    kind: TokenKind
    text: str
    span: Span

    def __str__(self) -> str:
        return repr(self.text) if self.text else self.kind.value


_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+|//[^\n]*)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<symbol><=|>=|==|!=|[-+*/%<>=()\[\]{},:?])",
    re.ASCII,
)
_LONGEST_TOKEN = 128


def refuse(message: str, span: Span, hint: str = "") -> RefusedError:
    """The error of a text that is not a kernel, at a place."""
    return RefusedError((Diagnostic(message, span, hint),))


def tokenize(text: str, file: str) -> tuple[Token, ...]:
    """The tokens, and an END. Raises RefusedError for what is no token, or a text that is too long."""
    if len(text) > MAXIMUM_TEXT:
        raise refuse(f"the text is longer than {MAXIMUM_TEXT} characters", Span(file, 1, 1, 1, 1))
    found: list[Token] = []
    position, line, start = 0, 1, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        column = position - start + 1
        if match is None:
            raise refuse(
                f"unexpected character {text[position]!r}", Span(file, line, column, line, column + 1)
            )
        content = match.group()
        if match.lastgroup == "space":
            breaks = content.count("\n")
            if breaks:
                line += breaks
                start = position + content.rindex("\n") + 1
        else:
            span = Span(file, line, column, line, column + len(content))
            if len(content) > _LONGEST_TOKEN:
                raise refuse(f"a token is longer than {_LONGEST_TOKEN} characters", span)
            found.append(Token(TokenKind(_KINDS[match.lastgroup or ""]), content, span))
        position = match.end()
    column = position - start + 1
    found.append(Token(TokenKind.END, "", Span(file, line, column, line, column)))
    return tuple(found)


_KINDS = {"number": TokenKind.NUMBER, "name": TokenKind.NAME, "symbol": TokenKind.SYMBOL}
