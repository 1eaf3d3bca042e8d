"""Whether a kernel, run point by point in plain Python, touches anything outside its buffers."""

from __future__ import annotations

from itertools import product

from exalift.capsule.kernels import (
    Assign,
    Constraint,
    Declare,
    For,
    If,
    Kernel,
    Load,
    Loop,
    Nest,
    Statement,
    Step,
    Store,
    bounds_at,
    subexpressions,
)


def leaves_buffers(kernel: Kernel) -> bool:
    """Long ranges are looked at near their ends only."""
    values = {parameter.name: parameter.lower for parameter in kernel.parameters}
    return any(_step(kernel, step, values) for step in kernel.body)


def _step(kernel: Kernel, step: Step, values: dict[str, int]) -> bool:
    if isinstance(step, Loop):
        name = step.range.name
        low, high = bounds_at(step.range, values)
        return any(
            _step(kernel, inner, {**values, name: value})
            for value in _sampled(low, high)
            for inner in step.body
        )
    if isinstance(step, Nest):
        axes = [_sampled(*bounds_at(axis, values)) for axis in step.axes]
        names = [axis.name for axis in step.axes]
        return any(
            _body(kernel, step.body, {**values, **dict(zip(names, point, strict=True))})
            for point in product(*axes)
        )
    return False


def _sampled(low: int, high: int) -> list[int]:
    """All values of a short range, the ends of a long one."""
    if high - low <= 12:
        return list(range(low, high))
    return [*range(low, low + 4), *range(high - 4, high)]


def _body(kernel: Kernel, body: tuple[Statement, ...], values: dict[str, int]) -> bool:
    for statement in body:
        match statement:
            case For(range, inner):
                low, high = bounds_at(range, values)
                if any(_body(kernel, inner, {**values, range.name: value}) for value in _sampled(low, high)):
                    return True
            case If(constraints, inner):
                if all(_holds(c, values) for c in constraints) and _body(kernel, inner, values):
                    return True
            case Declare() | Assign() | Store():
                accesses = [
                    (load.buffer, load.indices)
                    for load in subexpressions(statement.value)
                    if isinstance(load, Load) and not load.checked
                ]
                if isinstance(statement, Store):
                    accesses.append((statement.buffer, statement.indices))
                for buffer, indices in accesses:
                    shape = kernel.buffer(buffer).shape
                    if not all(0 <= i.at(values) < e for i, e in zip(indices, shape, strict=True)):
                        return True
            case _:
                pass
    return False


def _holds(constraint: Constraint, values: dict[str, int]) -> bool:
    value = constraint.index.at(values)
    return value == 0 if constraint.equality else value >= 0
