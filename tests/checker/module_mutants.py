"""Modules with one thing changed in their text."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

# What may stand in the place of what. Every pair is tried at every place where the first one stands.
SWAPS = [
    ("stablehlo.add", "stablehlo.subtract"),
    ("stablehlo.subtract", "stablehlo.add"),
    ("stablehlo.multiply", "stablehlo.add"),
    ("stablehlo.divide", "stablehlo.multiply"),
    ("stablehlo.maximum", "stablehlo.minimum"),
    ("stablehlo.sqrt", "stablehlo.abs"),
    ("stablehlo.exponential", "stablehlo.tanh"),
    ("compare  LT", "compare  LE"),
    ("compare LT", "compare LE"),
    ("compare GT", "compare GE"),
    ("compare GE", "compare GT"),
    ("compare LE", "compare LT"),
    ("compare EQ", "compare NE"),
    ("dim = 0", "dim = 1"),
    ("dim = 1", "dim = 0"),
    ("dims = [0, 1]", "dims = [1, 0]"),
    ("dims = [1, 0]", "dims = [0, 1]"),
    ("dims = [0]", "dims = [1]"),
    ("dims = [1]", "dims = [0]"),
    ("contracting_dims = [1] x [0]", "contracting_dims = [0] x [0]"),
    ("contracting_dims = [1] x [0]", "contracting_dims = [1] x [1]"),
    ("contracting_dims = [0] x [0]", "contracting_dims = [1] x [0]"),
    ("dimensions = [1]", "dimensions = [0]"),
    ("dimensions = [0]", "dimensions = [1]"),
]
_NUMBER = re.compile(r"dense<(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)>")
_RANGE = re.compile(r"\[(\d+):(\d+)((?:, \d+:\d+)*)\] : \(")
_BINARY = re.compile(
    r"(stablehlo\.(?:subtract|divide|compare \w\w|dot_general|maximum|add|multiply),? )(%\S+), (%[\w#]+)"
)
_CHOICE = re.compile(r"(stablehlo\.select %\S+) (%\S+), (%[\w#]+)")


def mutants(text: str) -> Iterator[str]:
    """Every text that differs from this one in one place; many are no valid modules."""
    for old, new in SWAPS:
        for found in re.finditer(re.escape(old), text):
            yield text[: found.start()] + new + text[found.end() :]
    for found in _NUMBER.finditer(text):
        number = found[1]
        for other in (_moved(number, 1), _moved(number, -1), _moved(number, 0)):
            if other != number:
                yield text[: found.start(1)] + other + text[found.end(1) :]
    for found in _RANGE.finditer(text):
        low, high = int(found[1]), int(found[2])
        for first, last in ((low + 1, high + 1), (low - 1, high - 1)):
            if first >= 0:
                yield text[: found.start(1)] + f"{first}:{last}" + text[found.end(2) :]
    for pattern in (_BINARY, _CHOICE):
        for found in pattern.finditer(text):
            yield text[: found.start(2)] + f"{found[3]}, {found[2]}" + text[found.end(3) :]


def _moved(number: str, by: int) -> str:
    if "." in number:
        return f"{float(number) + by if by else 2 * float(number):e}"
    return str(int(number) + by if by else 2 * int(number))


def sample(text: str, count: int, seed: int) -> list[str]:
    """Some of the mutants, the same for the same seed."""
    every = list(dict.fromkeys(mutants(text)))
    return random.Random(seed).sample(every, min(count, len(every)))
