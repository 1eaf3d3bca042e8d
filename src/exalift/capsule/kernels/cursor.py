"""A reader of tokens, and the affine expressions that it reads."""

from __future__ import annotations

from exalift.base import DType, Span

from .functions import DTYPES
from .index import Index, Quotient
from .ir import Constraint
from .lexer import Token, TokenKind, refuse, tokenize

_LARGEST = 1 << 62
_DTYPES = {str(dtype): dtype for dtype in DTYPES}
_DEEPEST = 60
KEYWORDS = frozenset(
    {
        *("kernel", "param", "in", "out", "inout", "local", "parallel", "for", "to", "yield", "var", "if"),
        *("min", "max", "floor", "index", "convert", "holds", "true", "false", "inf", "nan"),
    }
)


class TokenReader:
    """Reads tokens one after another; every error is a RefusedError at the token that is wrong."""

    def __init__(self, text: str, file: str) -> None:
        self.tokens = tokenize(text, file)
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    @property
    def following(self) -> Token:
        return self.tokens[min(self.position + 1, len(self.tokens) - 1)]

    def is_at(self, text: str) -> bool:
        return self.token.text == text and self.token.kind is not TokenKind.END

    def take(self) -> Token:
        token = self.token
        if token.kind is not TokenKind.END:
            self.position += 1
        return token

    def accept(self, text: str) -> bool:
        found = self.is_at(text)
        if found:
            self.position += 1
        return found

    def expect(self, text: str) -> Token:
        if not self.is_at(text):
            raise refuse(f"expected {text!r}, found {self.token}", self.token.span)
        return self.take()

    def name(self, what: str) -> Token:
        """An identifier that is no keyword."""
        token = self.token
        if token.kind is not TokenKind.NAME or token.text in KEYWORDS:
            raise refuse(f"expected the name of {what}, found {token}", token.span)
        return self.take()

    def enter(self) -> None:
        """One nesting deeper; refused where that is too deep. Callers count `depth` down again."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise refuse(f"nested more than {_DEEPEST} deep", self.token.span)

    def dtype(self) -> DType:
        token = self.take()
        if token.text not in _DTYPES:
            raise refuse(
                f"expected an element type, found {token}", token.span, f"types: {', '.join(sorted(_DTYPES))}"
            )
        return _DTYPES[token.text]

    def integer(self) -> int:
        """An integer literal with an optional sign."""
        negative = self.accept("-")
        token = self.token
        if token.kind is not TokenKind.NUMBER or not token.text.isdigit():
            raise refuse(f"expected an integer, found {token}", token.span)
        return self._checked(-int(token.text) if negative else int(token.text), self.take().span)

    def _checked(self, value: int, span: Span) -> int:
        if abs(value) > _LARGEST:
            raise refuse(f"the integer {value} is too large", span)
        return value

    # Affine expressions: sums of integers, variables and floor(e, d), each with an integer factor.

    def index(self) -> Index:
        self.enter()
        result = self._term(self.accept("-"))
        while self.is_at("+") or self.is_at("-"):
            result = result + self._term(self.take().text == "-")
        self.depth -= 1
        return result

    def _term(self, negative: bool) -> Index:
        span = self.token.span
        factor = 1
        if self.token.kind is TokenKind.NUMBER:
            factor = self.integer()
            if not self.accept("*"):
                return Index((), -factor if negative else factor)
        atom = self._atom()
        self._checked(factor, span)
        return atom * (-factor if negative else factor)

    def _atom(self) -> Index:
        if self.accept("floor"):
            self.expect("(")
            numerator = self.index()
            self.expect(",")
            span = self.token.span
            denominator = self.integer()
            if denominator < 1:
                raise refuse("the divisor of floor must be positive", span)
            self.expect(")")
            return Index.of(Quotient(numerator, denominator)) if numerator.terms else numerator // denominator
        return Index.of(self.name("a loop variable").text)

    def indices(self, closing: str) -> tuple[Index, ...]:
        """Expressions between commas, up to the closing symbol, which is taken too."""
        found: list[Index] = []
        while not self.accept(closing):
            if found:
                self.expect(",")
            found.append(self.index())
        return tuple(found)

    def bound(self, combiner: str) -> tuple[Index, ...]:
        """One expression, or `max(...)` / `min(...)` of several."""
        if self.accept(combiner):
            self.expect("(")
            span = self.token.span
            found = self.indices(")")
            if not found:
                raise refuse(f"{combiner} of nothing", span)
            return found
        return (self.index(),)

    def constraints(self, closing: str) -> tuple[Constraint, ...]:
        """Comparisons of affine expressions between commas, up to the closing symbol."""
        found: list[Constraint] = []
        while not self.accept(closing):
            if found:
                self.expect(",")
            left = self.index()
            token = self.take()
            right = self.index()
            match token.text:
                case ">=":
                    found.append(Constraint(left - right))
                case "<=":
                    found.append(Constraint(right - left))
                case "<":
                    found.append(Constraint(right - left - 1))
                case ">":
                    found.append(Constraint(left - right - 1))
                case "==":
                    found.append(Constraint(left - right, equality=True))
                case _:
                    raise refuse(f"expected a comparison, found {token}", token.span)
        return tuple(found)
