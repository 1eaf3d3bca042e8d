"""Which parameters a program's results depend on from the start: exact dataflow.

A read of an element that no earlier instance wrote sees its initial contents, and so does a caller who
looks at an element that is never written. Both are found by appending reads of everything that a
caller sees, and asking isl for reads without a write (P. Feautrier, "Dataflow analysis of array and
scalar references", IJPP 1991).
"""

from __future__ import annotations

from dataclasses import replace

from .affine_expression import Affine
from .dependences import Access, find_accesses, find_dataflow
from .domains import DomainError, size_context
from .expressions import Load
from .ir import Array, Assign, Loop, Program, Role, Statement
from .naming import fresh_name, with_unique_ivs
from .statements import find_leaves


def initial_contents_needed(program: Program) -> frozenset[str]:
    """The parameters, arrays and scalars, whose initial contents some result may depend on.

    Results are the returned value and the final contents of all written arrays that are not passed by
    value. For some admissible sizes is enough. Where isl gives up, a parameter counts as needed. Values that
    cancel out, and reads by statements whose own results nobody reads, count as reads.
    """
    seen = with_unique_ivs(_with_final_reads(program))[0]
    leaves = find_leaves(seen, size_context(program))
    by_array: dict[str, list[Access]] = {}
    for leaf in leaves:
        for access in find_accesses(leaf):
            by_array.setdefault(access.array, []).append(access)
    needed: set[str] = set()
    for array in program.arrays:
        if array.role is not Role.PARAMETER:
            continue
        try:
            if not find_dataflow(by_array.get(array.name, [])).unwritten.is_empty():
                needed.add(array.name)
        except DomainError:
            needed.add(array.name)
    return frozenset(needed)


def _with_final_reads(program: Program) -> Program:
    """The program with a copy of every result at its end, into locals that nothing else uses."""
    taken = {array.name for array in program.arrays} | {size.name for size in program.sizes}
    arrays: list[Array] = []
    copies: list[Statement] = []

    def local(like: Array, name: str) -> Array:
        made = replace(like, name=fresh_name(name, taken), role=Role.LOCAL)
        arrays.append(made)
        return made

    if program.returns is not None:
        target = local(Array("", program.returns.dtype, ()), "returned")
        copies.append(Assign(target.name, (), program.returns))
    written = _written(program)
    for array in program.arrays:
        if array.role is not Role.PARAMETER or array.name not in written or array.name in program.by_value:
            continue
        target = local(array, f"{array.name}_at_the_end")
        ivs = [f"{target.name}_{axis}" for axis in range(len(array.shape))]
        indices = tuple(Affine.symbol(iv) for iv in ivs)
        statement: Statement = Assign(target.name, indices, Load(array.name, indices, array.dtype))
        for iv, extent in zip(reversed(ivs), reversed(array.shape), strict=True):
            statement = Loop(iv, (Affine(),), (extent,), (statement,))
        copies.append(statement)
    return replace(program, arrays=(*program.arrays, *arrays), body=(*program.body, *copies), returns=None)


def _written(program: Program) -> frozenset[str]:
    found: set[str] = set()
    pending: list[Statement] = list(program.body)
    while pending:
        match pending.pop():
            case Assign(array=array):
                found.add(array)
            case Loop(body=body):
                pending.extend(body)
            case other:
                pending.extend((*other.then, *other.otherwise))
    return frozenset(found)
