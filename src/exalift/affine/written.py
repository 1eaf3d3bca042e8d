"""Which of a function's parameters it writes."""

from __future__ import annotations

from .ir import Assign, If, Loop, Program, Role, Statement


def written_arrays(program: Program) -> tuple[str, ...]:
    """The parameters whose final contents a caller sees changed, in the order of the C parameters.

    Scalars passed by value are not among them: what a function does with its copy, nobody sees.
    """
    written: set[str] = set()
    pending: list[Statement] = list(program.body)
    while pending:
        match pending.pop():
            case Assign(array=array):
                written.add(array)
            case Loop(body=body):
                pending.extend(body)
            case If(then=then, otherwise=otherwise):
                pending.extend((*then, *otherwise))
    seen = (array for array in parameter_arrays(program) if array not in program.by_value)
    return tuple(array for array in seen if array in written)


def parameter_arrays(program: Program) -> tuple[str, ...]:
    """The parameters that are arrays or scalars, and no sizes, in the order of the C parameters."""
    arrays = {array.name for array in program.arrays if array.role is Role.PARAMETER}
    return tuple(name for name in program.parameters if name in arrays)
