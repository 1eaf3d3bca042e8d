"""The fifteen that the field measures: lifted whole, by nothing that depends on a name, in little memory."""

from __future__ import annotations

import re
from math import prod
from pathlib import Path

import pytest

from exalift.dialects import Operation, TensorLoop, Update, postorder
from exalift.pipeline import Lifted, lift, read_suite
from exalift.pipeline.suite import Kernel

FOLDER = Path(__file__).parents[2] / "benchmarks" / "kernels"
HEADLINE = {kernel.name: kernel for kernel in read_suite(FOLDER) if kernel.headline}
KEYWORDS = """auto break case char const continue default do double else enum extern float for goto if inline
    int long register restrict return short signed sizeof static struct switch typedef union unsigned void
    volatile while include define undef ifdef ifndef endif elif defined pragma"""
LIBRARY = """main h stdio math stddef stdint stdlib sqrt sqrtf fabs fabsf exp expf pow powf fmin fmax
    fminf fmaxf size_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t REAL"""
FIXED = {*KEYWORDS.split(), *LIBRARY.split()}


def renamed(text: str) -> tuple[str, dict[str, str]]:
    """The text with every name that is the author's own replaced, in an order that sorts otherwise."""
    bare = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    own = sorted({name for name in re.findall(r"[A-Za-z_]\w*", bare) if name not in FIXED})
    names = {name: f"z{len(own) - place}_{place}" for place, name in enumerate(own)}
    return re.sub(r"[A-Za-z_]\w*", lambda match: names.get(match[0], match[0]), bare), names


def lifted(kernel: Kernel, text: str, names: dict[str, str]) -> Lifted:
    sizes = {names.get(name, name): value for name, value in kernel.mini.sizes.items()}
    defines = [f"{names.get(k, k)}={v}" for k, v in kernel.mini.defines.items()]
    function = names.get(kernel.function, kernel.function)
    return lift(text, function, sizes=sizes, language="c", defines=defines, level="tested")


def largest_intermediate(program: Lifted) -> float:
    """Elements of the largest value, over those of the largest argument or result."""
    sizes = program.sizes.values
    ends = [*program.program.arguments, *program.program.results]
    largest = max(prod(end.type.at(sizes)) for end in ends)
    found = 0
    pending = list(program.program.body)
    while pending:
        match pending.pop():
            case Update(value=value):
                made = (node.type.at(sizes) for node in postorder(value) if isinstance(node, Operation))
                found = max([found, *(prod(shape) for shape in made)])
            case TensorLoop(body=body):
                pending += body
    return found / largest


@pytest.mark.parametrize("name", sorted(HEADLINE))
def test_headline_kernels(name: str) -> None:
    kernel = HEADLINE[name]
    text = kernel.path.read_text()
    first = lifted(kernel, text, {})
    assert first.status == "lifted"
    assert largest_intermediate(first) <= 4
    other, names = renamed(text)
    again = lifted(kernel, other, names)
    assert again.status == "lifted"
    assert [sorted(region.ops) for region in again.regions] == [
        sorted(region.ops) for region in first.regions
    ]
    assert [value.name for value in again.arguments] == [names[value.name] for value in first.arguments]
    assert [names.get(value.name, value.name) for value in first.results] == [v.name for v in again.results]
