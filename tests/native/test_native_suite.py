"""All kernels of the benchmarks and all examples on the native device, beside gcc, at odd sizes.

Sizes are small here, so that the thresholds below which work goes to plain loops and to one thread are set
to nothing in half of the runs: then everything that fits goes to tensorized kernels, and to all threads.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from exalift.native import planning, products
from exalift.pipeline import Lifted, check
from exalift.pipeline.lifting import Options, lift_program
from exalift.pipeline.source import read_source
from exalift.pipeline.suite import Kernel, read_suite

ROOT = Path(__file__).parents[2]
KERNELS = {
    f"{folder}/{kernel.name}": kernel
    for folder in ("kernels", "examples")
    for kernel in read_suite(ROOT / ("benchmarks/kernels" if folder == "kernels" else folder))
}
PROCESSORS = {
    "all": "",
    "avx2": "-avx512f",
    "no vnni": "-avx512vnni,-avx512bf16",
    "avx": "-avx2,-fma,-avx512f",
    "plain": "-avx,-sse3",
}
WAYS = tuple(product(PROCESSORS, (1, 2), (False, True)))


@cache
def lifted(name: str, real: str) -> Lifted:
    kernel = KERNELS[name]
    macros = (*kernel.mini.macros, *((f"REAL={real}",) if kernel.real else ()))
    source = read_source(kernel.path, defines=macros)
    program = source.parse_only(kernel.function)
    return lift_program(source, program, Options(sizes=kernel.mini.sizes, level="tested"))


def agrees(
    name: str, real: str, processor: str, threads: int, eager: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare with gcc; `eager` takes out and shares whatever can be."""
    monkeypatch.setenv("EXALIFT_CPU", PROCESSORS[processor])
    monkeypatch.setenv("EXALIFT_THREADS", str(threads))
    if eager:
        monkeypatch.setattr(products, "_LEAST_WORK", 0)
        monkeypatch.setattr(products, "_LEAST_EXTENT", 2)
        monkeypatch.setattr(planning, "_WORTH", 1)
        monkeypatch.setattr(planning, "_START", 1)
    kernel = KERNELS[name]
    one = replace(lifted(name, real), _compiled={})
    rules = kernel.inputs if kernel.inputs.names else None
    found = check(one, seed=1, rules=rules, device="native")
    assert found.agrees, (name, real, processor, threads, eager, found)


def reals(kernel: Kernel) -> tuple[str, ...]:
    return ("double", "float") if kernel.real else ("double",)


# In CI every kernel runs once, in a way of its own: together they are all the ways.
SAMPLE = {name: (*WAYS[number % len(WAYS)],) for number, name in enumerate(sorted(KERNELS))}


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_every_kernel_agrees_with_gcc(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    agrees(name, reals(KERNELS[name])[-1], *SAMPLE[name], monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "real"), [(name, real) for name in sorted(KERNELS) for real in reals(KERNELS[name])]
)
def test_every_kernel_agrees_with_gcc_in_every_way(
    name: str, real: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half of the ways for each type of number, which takes half as long; together they are all.
    for processor, threads, eager in WAYS[real == "float" :: 2]:
        with monkeypatch.context() as patch:
            agrees(name, real, processor, threads, eager, patch)
