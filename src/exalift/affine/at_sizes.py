"""A program with its sizes put in, or made one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from exalift.base import UsageError

from .affine_expression import Affine
from .expressions import Expression
from .guards import ALWAYS
from .ir import Program
from .statement_maps import Scope, Substitution
from .traversal import substitute


class _Values(Substitution):
    """Sizes put in everywhere, extents of reductions too."""

    def expression(self, value: Expression, scope: Scope) -> Expression:
        return substitute(value, self.mapping)


def at_sizes(program: Program, sizes: Mapping[str, int]) -> Program:
    """The program at given sizes: it has no size parameters, and constants where they stood.

    Parameters that are sizes are no longer among `parameters`. Raises UsageError for a size without a
    value, one below its minimum, and sizes that the program's constraints do not admit.
    """
    values: dict[str, int] = {}
    for size in program.sizes:
        value = sizes.get(size.name, size.value)
        if value is None:
            raise UsageError(f"{program.name}: no value for the size {size.name!r}")
        if value < size.minimum:
            raise UsageError(f"{program.name}: {size.name} = {value} is below its minimum {size.minimum}")
        values[size.name] = value
    if not program.constraints.at(values):
        shown = ", ".join(f"{name} = {value}" for name, value in values.items())
        raise UsageError(f"{program.name} does not admit {shown}: it needs {program.constraints}")
    fixed = _substituted(program, {name: Affine.of(value) for name, value in values.items()})
    return replace(fixed, constraints=ALWAYS)


def merge_sizes(program: Program, sizes: Mapping[str, int]) -> Program:
    """The program with sizes that have one value in `sizes` made one size, the first of them.

    What holds of it for all sizes holds of the program wherever those sizes are equal.
    """
    first: dict[int, str] = {}
    mapping = {
        size.name: Affine.symbol(first.setdefault(sizes[size.name], size.name)) for size in program.sizes
    }
    merged = {name: to for name, to in mapping.items() if to != Affine.symbol(name)}
    lowest: dict[str, int] = {}
    for size in program.sizes:
        name = first[sizes[size.name]]
        lowest[name] = max(size.minimum, lowest.get(name, size.minimum))
    made = _substituted(program, merged)
    return replace(made, sizes=tuple(replace(s, minimum=lowest[s.name]) for s in made.sizes))


def fix_sizes(program: Program, sizes: Mapping[str, int]) -> Program:
    """The program with some of its sizes made constants, at values that it admits."""
    return _substituted(program, {name: Affine.of(value) for name, value in sizes.items()})


def _substituted(program: Program, mapping: Mapping[str, Affine]) -> Program:
    """The program with sizes replaced everywhere."""
    change = _Values(mapping)
    return replace(
        program,
        parameters=tuple(name for name in program.parameters if name not in mapping),
        sizes=tuple(size for size in program.sizes if size.name not in mapping),
        arrays=tuple(
            replace(array, shape=tuple(extent.substitute(mapping) for extent in array.shape))
            for array in program.arrays
        ),
        body=change.body(program.body),
        returns=None if program.returns is None else change.expression(program.returns, {}),
        constraints=change.guard(program.constraints, {}),
    )
