"""Makes a failing C text smaller, greedily, while it keeps failing.

It knows no C beyond what the generator writes: a statement a line, blocks by braces at line ends, and every
operation in parentheses. Candidates that are not C any more are for the predicate to reject.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

from fuzz_programs import KEEP

_OPERATORS = re.compile(r" (\+|-|\*|/|%|&|\||\^|<<|>>|<|>|<=|>=|==|!=|&&|\|\|) ")
_ASSIGNMENT = re.compile(r"^(\s*[^=!<>]*?[+\-*^|]?= )(.*);$")


def shrink(text: str, fails: Callable[[str], bool], seconds: float = 60.0) -> str:
    """The smallest text found within the time for which `fails` is still true, as it is for `text`."""
    end = time.monotonic() + seconds
    progress = True
    while progress and time.monotonic() < end:
        progress = False
        for candidate in candidates(text):
            if time.monotonic() > end:
                break
            if len(candidate) < len(text) and fails(candidate):
                text, progress = candidate, True
                break
    return text


def candidates(text: str) -> Iterator[str]:
    """Smaller texts, those with whole blocks gone first."""
    lines = text.splitlines()
    blocks = sorted(_blocks(lines), key=lambda block: block[0] - block[1])
    kernel = next((n for n, line in enumerate(lines) if " kernel(" in line), 0)
    for first, last in blocks:
        if first > kernel:
            yield _joined(lines[:first] + lines[last + 1 :])
    for number, line in enumerate(lines):
        if number != kernel and not line.rstrip().endswith(("{", "}")) and KEEP not in line:
            yield _joined(lines[:number] + lines[number + 1 :])
    for first, last in blocks:
        if first > kernel:
            yield from _unwrapped(lines, first, last)
    yield from _without_unused(lines, kernel)
    for number, line in enumerate(lines):
        if number > kernel:
            for shorter in _simpler(line):
                yield _joined([*lines[:number], shorter, *lines[number + 1 :]])


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def _blocks(lines: list[str]) -> Iterator[tuple[int, int]]:
    """First and last line of everything in braces, an `else` included."""
    stack: list[int] = []
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith("} else"):
            continue
        if stripped.endswith("{"):
            stack.append(number)
        elif stripped == "}" and stack:
            yield stack.pop(), number


def _unwrapped(lines: list[str], first: int, last: int) -> Iterator[str]:
    """The block without its header; with an `else`, either arm, and the block without the else."""
    depth = len(lines[first]) - len(lines[first].lstrip())
    middle = next((n for n in range(first, last) if lines[n] == " " * depth + "} else {"), None)
    if middle is None:
        yield _joined(lines[:first] + lines[first + 1 : last] + lines[last + 1 :])
    else:
        yield _joined(lines[:first] + lines[first + 1 : middle] + lines[last + 1 :])
        yield _joined(lines[:first] + lines[middle + 1 : last] + lines[last + 1 :])
        yield _joined(lines[:middle] + lines[last:])


def _without_unused(lines: list[str], kernel: int) -> Iterator[str]:
    """The signature without parameters that nothing names, and without macros and includes."""
    head = lines[kernel]
    start, stop = head.index("kernel(") + len("kernel("), head.rindex(")")
    parameters = [p.strip() for p in head[start:stop].split(",")]
    rest = "\n".join(lines[kernel + 1 :])
    for position, parameter in enumerate(parameters):
        name = re.findall(r"\w+", parameter.split("[")[0])[-1:]
        others = ", ".join(parameters[:position] + parameters[position + 1 :])
        if name and not re.search(rf"\b{name[0]}\b", rest + others):
            changed = head[:start] + others + head[stop:]
            yield _joined([*lines[:kernel], changed, *lines[kernel + 1 :]])


def _simpler(line: str) -> Iterator[str]:
    """The line with one expression replaced by a part of it."""
    assignment = _ASSIGNMENT.match(line)
    if assignment and len(assignment[2]) > 1 and KEEP not in line:
        yield f"{assignment[1]}1;"
    for start, stop in _groups(line):
        inside = line[start + 1 : stop]
        for part in _parts(inside):
            yield line[:start] + part + line[stop + 1 :]
        word = re.search(r"\w+$", line[:start])
        if word and word[0] not in ("for", "while", "if"):
            for part in inside.split(", "):
                yield line[: word.start()] + f"({part})" + line[stop + 1 :]


def _groups(line: str) -> Iterator[tuple[int, int]]:
    """Positions of matching parentheses, outermost first."""
    stack: list[int] = []
    found: list[tuple[int, int]] = []
    for position, character in enumerate(line):
        if character == "(":
            stack.append(position)
        elif character == ")" and stack:
            found.append((stack.pop(), position))
    return iter(sorted(found))


def _parts(inside: str) -> Iterator[str]:
    """The operands of the operation at the top of an expression, and the expression without parentheses."""
    flat, depth = "", 0
    for character in inside:
        depth += character in "(["
        flat += character if not depth else "_"
        depth -= character in ")]"
    if " ? " in flat:
        question, colon = flat.index(" ? "), flat.rindex(" : ")
        yield inside[question + 3 : colon]
        yield inside[colon + 3 :]
        return
    operator = _OPERATORS.search(flat)
    if operator:
        yield inside[: operator.start()]
        yield inside[operator.end() :]
    elif inside.startswith(("-", "~", "!")):
        yield inside[1:]
    else:
        yield inside
