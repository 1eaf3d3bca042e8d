"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

_ASSIGNMENT = re.compile(r"\A([A-Za-z_][A-Za-z0-9_]*)=(-?[0-9]+)\Z")
_DEFINE = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]*(\([^)]*\))?(=.*)?\Z", re.DOTALL)


def size(text: str) -> tuple[str, int]:
    """`NAME=VALUE` as a name and an integer."""
    match = _ASSIGNMENT.match(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected NAME=INTEGER, for example n=1000, got {text!r}")
    return match[1], int(match[2])


def define(text: str) -> str:
    """`NAME` or `NAME=VALUE`, as a C compiler's -D takes it."""
    if not _DEFINE.match(text):
        raise argparse.ArgumentTypeError(f"expected NAME or NAME=VALUE, got {text!r}")
    return text


def positive_seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return value


def seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, got {text!r}")
    return int(text)


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """FILE, and how to read it."""
    parser.add_argument("file", metavar="FILE", help="a C file, or an .mlir file in the affine dialect")
    parser.add_argument("-f", "--function", metavar="FUNC", help="one function; all of the file without it")
    parser.add_argument(
        "--size",
        metavar="N=1000",
        type=size,
        action="append",
        default=[],
        help="the value of a size parameter; may be repeated",
    )
    parser.add_argument(
        "-I",
        dest="include_directories",
        metavar="DIR",
        action="append",
        default=[],
        help="a folder to look for included files in",
    )
    parser.add_argument(
        "-D",
        dest="defines",
        metavar="NAME=VALUE",
        type=define,
        action="append",
        default=[],
        help="a macro to set",
    )


def add_search_options(parser: argparse.ArgumentParser, budget: float = 60.0) -> None:
    """How long and towards what to search."""
    parser.add_argument(
        "--to",
        dest="target",
        metavar="DIALECT",
        default="stablehlo",
        help="the dialect to lift to (stablehlo)",
    )
    parser.add_argument(
        "--budget",
        metavar="SECONDS",
        type=positive_seconds,
        default=budget,
        help=f"what search and proof of a function may take; then loops stay ({budget:g})",
    )
    parser.add_argument(
        "--proof",
        choices=("bounded", "tested"),
        default="bounded",
        help="the level of proof to try for (bounded)",
    )


def add_strict_fp(parser: argparse.ArgumentParser) -> None:
    """Whether the order of floating-point operations is kept."""
    parser.add_argument(
        "--strict-fp",
        action="store_true",
        help="keep the order of every floating-point operation, bit for bit; sums stay loops",
    )


def sizes_of(pairs: Sequence[tuple[str, int]]) -> dict[str, int]:
    """The sizes as a mapping; the last of a name wins, as with -D."""
    return dict(pairs)
