"""Several lifted functions in one module."""

from __future__ import annotations

from collections.abc import Sequence

from exalift.base import VerificationError
from exalift.dialects.stablehlo import verify_module

from .lifted import Lifted

_OPEN, _CLOSE = "module {", "}"


def module_of(lifted: Sequence[Lifted]) -> str:
    """One module with every function of `lifted`, each at its own sizes, in order.

    Raises VerificationError where two functions of one name meet.
    """
    if len(lifted) == 1:
        return lifted[0].text()
    bodies = [_body(one.text()) for one in lifted]
    text = "\n".join([_OPEN, *(line for body in bodies for line in body), _CLOSE, ""])
    verify_module(text)
    return text


def _body(text: str) -> list[str]:
    """The lines between the braces of a printed module."""
    lines = text.rstrip().splitlines()
    if len(lines) < 2 or lines[0] != _OPEN or lines[-1] != _CLOSE:
        raise VerificationError("a printed module does not have the form that was expected")
    return lines[1:-1]
