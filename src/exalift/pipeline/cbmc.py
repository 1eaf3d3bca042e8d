"""A C harness for bounded model checkers: the source, the lifted program as C loops, and their comparison.

At fixed small sizes, inputs are any small integers, in every element type; CBMC decides whether an
assertion can fail. With `__CPROVER_assume` and `__CPROVER_assert` defined otherwise, the same file is a
random test.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from exalift.affine import Array, Program, Role, Size
from exalift.base import UsageError
from exalift.dialects import Dialect, TensorProgram
from exalift.dialects.c_loops import FLOOR_DIVISION, c_type, count, print_c_loops
from exalift.proof.sizes import SizeSpace

from .contract import RETURN
from .source import Source

_SMALL = 3
_MOST_ELEMENTS = 1 << 20
_LIFTED = "exalift_lifted"

_HEAD = """\
/* Whether a C function and what Exalift lifted it to are the same, at {sizes}.
 *   cbmc {flags}THIS_FILE
 * Inputs are integers from -4 to 4, so that sums and products are exact; results may differ by rounding. */
#include <stdint.h>
#include <string.h>
#include <math.h>

int nondet_int(void);
#ifndef __CPROVER
void __CPROVER_assume(_Bool);
void __CPROVER_assert(_Bool, const char *);
#endif
"""

_INPUT = """\
static int exalift_any(void)
{
    const int value = nondet_int();
    __CPROVER_assume(value >= -4 && value <= 4);
    return value;
}

static int exalift_same(double x, double y)
{
    /* What the source does not define, an overflow or a root of -1, is left out. */
    return x == y || x != x || x - x != 0 || fabs(x - y) <= 1e-6 * (1 + fabs(x));
}
"""


def harness_sizes(program: Program, given: Mapping[str, int]) -> dict[str, int]:
    """The sizes to check at: those that the source fixes or the caller gave, small ones for all others.

    Raises UsageError where the constraints admit none.
    """
    fixed = {size.name: size.value for size in program.sizes if size.value is not None}
    space = SizeSpace.of(program, {**fixed, **given})
    wanted = tuple(max(low, _SMALL + k % 2) for k, low in enumerate(space.lowest))
    pinned = tuple(space.pinned.get(name, value) for name, value in zip(space.names, wanted, strict=True))
    found = space.near(pinned)
    if found is None:
        raise UsageError(f"{program.name}: no small sizes satisfy its constraints")
    return space.named(found)


def cbmc_harness(
    source: Source, program: Program, lifted: TensorProgram, sizes: Mapping[str, int], dialect: Dialect
) -> str:
    """The harness as C text. `program` is the source with symbolic sizes.

    Raises UsageError for a source that is not C, for one that includes files of its own, and for types
    and ops that C does not have.
    """
    if source.language != "c":
        raise UsageError("--emit-cbmc takes C sources only")
    if re.search(r'^\s*#\s*include\s*"', source.text, re.MULTILINE):
        raise UsageError("--emit-cbmc takes a self-contained source; this one includes files of its own")
    arrays = [array for array in program.arrays if array.role is Role.PARAMETER]
    elements = sum(count(tuple(e.at(sizes) for e in array.shape)) for array in arrays)
    if elements > _MOST_ELEMENTS:
        raise UsageError(f"{elements} elements are too many for a model checker; the source fixes its sizes")
    at = ", ".join(f"{name} = {value}" for name, value in sizes.items()) or "its only size"
    longest = max((e.at(sizes) for array in arrays for e in array.shape), default=1)
    parts = [_HEAD.format(sizes=at, flags=f"--unwind {max(longest, elements) + 2} ")]
    for define in source.defines:
        name, _, value = define.partition("=")
        parts.append(f"#define {name} {value or 1}\n")
    parts += [source.text, "\n", FLOOR_DIVISION, "\n"]
    parts += [print_c_loops(lifted, sizes, dialect, _LIFTED), "\n", _INPUT, "\n"]
    parts.append(_main(program, lifted, arrays, sizes))
    return "".join(parts)


def _main(program: Program, lifted: TensorProgram, arrays: list[Array], sizes: Mapping[str, int]) -> str:
    lines = ["int main(void)", "{"]
    shapes = {array.name: tuple(extent.at(sizes) for extent in array.shape) for array in arrays}
    for k, array in enumerate(arrays):
        number = math.prod(shapes[array.name])
        kind = c_type(array.dtype)
        lines.append(
            f"    static {kind} p_{k}[{count(shapes[array.name])}], q_{k}[{count(shapes[array.name])}];"
        )
        lines.append(f"    for (long i = 0; i < {number}; i++)")
        lines.append(f"        q_{k}[i] = p_{k}[i] = ({kind})exalift_any();")
    places = {array.name: k for k, array in enumerate(arrays)}
    results = [f"r_{k}" for k in range(len(lifted.results))]
    for k, result in enumerate(lifted.results):
        lines.append(f"    static {c_type(result.type.dtype)} r_{k}[{count(result.type.at(sizes))}];")
    given = [f"q_{places[argument.name]}" for argument in lifted.arguments]
    lines.append(f"    {_LIFTED}({', '.join([*given, *results])});")
    lines += _call(program, arrays, places, shapes, sizes)
    for k, result in enumerate(lifted.results):
        number = math.prod(result.type.at(sizes))
        expected = "returned" if result.name == RETURN else f"p_{places[result.name]}[i]"
        lines.append(f"    for (long i = 0; i < {number}; i++)")
        lines.append(f'        __CPROVER_assert(exalift_same({expected}, r_{k}[i]), "{result.name}");')
    return "\n".join([*lines, "    return 0;", "}", ""])


def _call(
    program: Program,
    arrays: list[Array],
    places: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]],
    sizes: Mapping[str, int],
) -> list[str]:
    """The call of the source on the arrays `p_k`; file-scope variables are set before and read after."""
    known: dict[str, Size] = {size.name: size for size in program.sizes}
    by_name = {array.name: array for array in arrays}
    before: list[str] = []
    after: list[str] = []
    passed: list[str] = []
    for name in program.parameters:
        if name in known:
            if known[name].is_parameter and name not in program.globals:
                passed.append(str(sizes[name]))
            continue
        place = f"p_{places[name]}"
        if name in program.globals:
            number = math.prod(shapes[name])
            before.append(f"    memcpy((void *)&{name}, {place}, {number} * sizeof *{place});")
            after.append(f"    memcpy({place}, (const void *)&{name}, {number} * sizeof *{place});")
        elif name in program.by_value and not by_name[name].shape:
            passed.append(f"{place}[0]")
        else:
            passed.append(f"(void *){place}")
    call = f"{program.name}({', '.join(passed)})"
    if program.returns is not None:
        call = f"const {c_type(program.returns.dtype)} returned = {call}"
    return [*before, f"    {call};", *after]
