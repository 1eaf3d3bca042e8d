"""A program with all of its sizes put in."""

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
    mapping = {name: Affine.of(value) for name, value in values.items()}
    change = _Values(mapping)
    return replace(
        program,
        parameters=tuple(name for name in program.parameters if name not in values),
        sizes=(),
        arrays=tuple(
            replace(array, shape=tuple(extent.substitute(mapping) for extent in array.shape))
            for array in program.arrays
        ),
        body=change.body(program.body),
        returns=None if program.returns is None else change.expression(program.returns, {}),
        constraints=ALWAYS,
    )
