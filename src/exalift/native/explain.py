"""What a program becomes on the native device, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exalift.affine import Apply, Cast, Expression, nodes

from .emission import Emitted
from .planning import weigh
from .program import Assignment, Block, Columns, Item, Procedure, Product, Sequential
from .scheduling import Nest


def explain(procedure: Procedure, emitted: Emitted, threads: int) -> str:
    """One line for every loop, kernel and assignment, in order; loops that stay indent what is in them."""
    nests = {id(nest.assignment): nest for nest in emitted.nests}
    lines = [f"{procedure.name}: {threads} thread{'s' if threads > 1 else ''}"]
    lines += [f"  {line}" for line in _items(procedure.body, procedure, nests, threads > 1)]
    return "\n".join(lines)


def _items(items: Sequence[Item], procedure: Procedure, nests: dict[int, Nest], team: bool) -> Iterator[str]:
    for item in items:
        together = team and weigh(item).pays
        by = "all threads" if together else "one thread"
        match item:
            case Block(assignments):
                for assignment in assignments:
                    yield f"{_assignment(assignment, procedure, nests)}; {by}"
            case Product(plan, lhs, rhs, out):
                extents = " x ".join(f"{d.extent}" for d in plan.contraction.dimensions)
                yield (
                    f"{out} = {lhs} * {rhs}: kernel {plan.instruction.name} for {extents}"
                    f"{_finish(item)}; {by}"
                )
                if item.note:
                    yield f"  what follows is a loop of its own: {item.note}"
            case Columns(loop=loop, statements=statements):
                yield f"for {loop.iv}, inside of {len(statements)} statements' vectors; {by}"
                for statement in statements:
                    yield f"  {_assignment(statement, procedure, nests)}"
            case Sequential(iv, body=body, reason=reason):
                yield f"for {iv}, in order{f' ({reason})' if reason else ''}; {by}"
                # Loops nest as deep as the source's own do, so this recursion is short.
                yield from (f"  {line}" for line in _items(body, procedure, nests, together))


def _finish(product: Product) -> str:
    """What a kernel computes of its sums before it stores them, in the order in which it does."""
    contraction = product.plan.contraction
    if contraction.accumulate:
        return f", added to {product.out}"
    if contraction.epilogue is None:
        return ""
    words = [_step(node) for node in nodes(product.finished)]
    used = ", ".join(dict.fromkeys(product.extra))
    what = " ".join(word for word in words if word)
    return f", finished by {what}{f' of {used}' if used else ''}"


def _step(node: Expression) -> str:
    match node:
        case Apply(function):
            return function
        case Cast(dtype=dtype):
            return f"to {dtype}"
        case _:
            return ""


def _assignment(assignment: Assignment, procedure: Procedure, nests: dict[int, Nest]) -> str:
    nest = nests.get(id(assignment))
    how = nest.describe() if nest is not None else "loops"
    where = "into a buffer" if assignment.array in procedure.temporaries else "in place"
    lines = "-".join(str(line) for line in dict.fromkeys(assignment.lines))
    domain = f" where {' and '.join(map(str, assignment.domain))}" if assignment.domain else ""
    return f"{assignment.array} (line {lines}) {where}: {how}{domain}".replace("'", "")
