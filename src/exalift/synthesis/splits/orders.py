"""In which order the axes of an intermediate cost least to compute."""

from __future__ import annotations

from exalift.affine import Axis, Expression, loads


def natural_order(expression: Expression, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """The axes in the order in which the loads' dimensions use them; what no load uses comes first."""
    seen: list[Axis] = []
    for load in sorted(loads(expression), key=lambda load: -len(load.indices)):
        for index in load.indices:
            inside = [axis for axis in axes if axis.name in index.names and axis not in seen]
            seen += sorted(inside, key=lambda axis, i=index: -abs(i.coefficient(axis.name)))
    return (*(axis for axis in axes if axis not in seen), *seen)
