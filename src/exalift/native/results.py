"""Results that are copies of an array at the end, given as that array.

loop: a[i] = ...;  result[i] = a[i]        =>        loop: a[i] = ...;  `a` is the result
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exalift.affine import Load

from .program import Assignment, Block, Buffer, Procedure
from .terms import arrays_read
from .unused import assignments_of, products_of


def without_last_copies(procedure: Procedure) -> Procedure:
    """The procedure without the copies that its body ends on; no two results are one array, and results'
    own buffers go where nothing names them any more."""
    body, arrays = list(procedure.body), dict(procedure.results)
    while body and isinstance(last := body[-1], Block):
        kept = list(last.assignments)
        for assignment in reversed(last.assignments):
            source = _copied(assignment, procedure)
            names = [name for name, array in arrays.items() if array == assignment.array]
            others = [a for a in kept if a is not assignment]
            if source is None or len(names) != 1 or source in arrays.values() or source in _written(others):
                continue
            if assignment.array in arrays_read(a.body for a in others):
                continue
            arrays[names[0]] = source
            kept = others
        if len(kept) == len(last.assignments):
            break
        body[-1:] = [replace(last, assignments=tuple(kept))] if kept else []
    gone = {array for _, array in procedure.results} - {*arrays.values(), *procedure.arguments}
    gone -= {a.array for a in assignments_of(body)} | arrays_read(a.body for a in assignments_of(body))
    for product in products_of(body):
        gone -= {*product.read, product.out}
    buffers = {name: buffer for name, buffer in procedure.buffers.items() if name not in gone}
    results = tuple((name, arrays[name]) for name, _ in procedure.results)
    return replace(procedure, buffers=buffers, results=results, body=tuple(body))


def _copied(assignment: Assignment, procedure: Procedure) -> str | None:
    """The array of which an assignment to another one is a whole copy."""
    body, target = assignment.body, procedure.buffers[assignment.array]
    if not isinstance(body, Load) or body.array == assignment.array or assignment.domain:
        return None
    source = procedure.buffers[body.array]
    same = (source.shape, source.dtype) == (target.shape, target.dtype) and body.indices == assignment.indices
    return body.array if same and _is_whole(assignment, target) else None


def _is_whole(assignment: Assignment, target: Buffer) -> bool:
    names = [axis.name for axis in assignment.axes]
    one_each = [next(iter(index.names), "") for index in assignment.indices] == names
    plain = all(
        index.constant == 0 and index.coefficient(name) == 1
        for index, name in zip(assignment.indices, names, strict=False)
    )
    return one_each and plain and assignment.points == target.elements


def _written(assignments: Sequence[Assignment]) -> set[str]:
    return {assignment.array for assignment in assignments}
