"""What a region does to an output in one step of a reduction: `before + f(...)` and its kin.

out = before + a * b - c                       add, a * b + (-c)
out = a > before ? a : before                  maximum, a
out = mask ? before * a : before               multiply, mask ? a : 1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from exalift.affine import FUNCTIONS
from exalift.base import VerificationError
from exalift.dialects import Node, Operation
from exalift.dialects.stablehlo import apply_function, identity, op, splat, walk

from ..source import Unsupported

_DEEPEST = 32
Make = Callable[[Node], Node]


def accumulated(value: Node, before: Node, others: Sequence[Node], make: Make) -> tuple[str, Node] | None:
    """The reducing function, and what it combines with `before` at every point; None where that stays.

    `others` are the outputs that are not this one's. Raises Unsupported where the region is no such step.
    """
    if any(leaf is other or leaf == other for leaf in walk(value) for other in others):
        raise Unsupported("a reduction of several outputs at once")
    return _step(value, before, make, 0)


def _depends(value: Node, before: Node) -> bool:
    return any(node == before for node in walk(value) if not isinstance(node, Operation))


def _step(value: Node, before: Node, make: Make, depth: int) -> tuple[str, Node] | None:
    """None where the value is `before` itself."""
    function, added = "", list[Node]()
    while value != before:
        if not isinstance(value, Operation) or depth > _DEEPEST:
            raise Unsupported("a reduction that is no combination with what it had")
        name = value.name.removeprefix("stablehlo.")
        chosen = _extremum(value, before) or _masked(value, before, make, depth)
        if chosen is not None:
            (name, part), value = chosen, before
            added.append(part)
        else:
            name, part, value = _peeled(value, name, before, make)
            added.append(part)
        if function not in ("", name):
            raise Unsupported(f"a reduction by both {function} and {name}")
        function = name
    if not added:
        return None
    total = added[0]
    for part in added[1:]:
        total = make(apply_function(function, total, part))
    return function, total


def _peeled(value: Operation, name: str, before: Node, make: Make) -> tuple[str, Node, Node]:
    """`inner (+) part` with `before` in `inner` only."""
    if len(value.operands) != 2:
        raise Unsupported(f"a reduction by {name}")
    left, right = value.operands
    inside = [_depends(operand, before) for operand in value.operands]
    if name == "subtract" and inside == [True, False]:
        return "add", make(op("negate", right)), left
    known = FUNCTIONS.get(name)
    if known is None or not known.reduces or sum(inside) != 1:
        raise Unsupported(f"a reduction by {name} that is no combination with what it had")
    return (name, right, left) if inside[0] else (name, left, right)


_LARGER = frozenset({"GT", "GE"})
_SMALLER = frozenset({"LT", "LE"})


def _extremum(value: Operation, before: Node) -> tuple[str, Node] | None:
    """`part > before ? part : before`, in all its spellings."""
    if value.name != "stablehlo.select":
        return None
    condition, yes, no = value.operands
    if not isinstance(condition, Operation) or condition.name != "stablehlo.compare":
        return None
    direction = str(dict(condition.attributes)["comparison_direction"])
    if set(map(id, condition.operands)) != {id(yes), id(no)} or before not in (yes, no):
        return None
    part = no if yes == before else yes
    if direction not in _LARGER | _SMALLER or _depends(part, before):
        return None
    first_is_chosen = condition.operands[0] is yes
    return ("maximum" if (direction in _LARGER) == first_is_chosen else "minimum"), part


def _masked(value: Operation, before: Node, make: Make, depth: int) -> tuple[str, Node] | None:
    """Different things added by a condition that does not depend on what was there."""
    if value.name != "stablehlo.select" or _depends(value.operands[0], before):
        return None
    condition, *branches = value.operands
    steps = [_step(branch, before, make, depth + 1) for branch in branches]
    known = [step for step in steps if step is not None]
    if not known:
        raise Unsupported("a reduction that keeps what it had")
    function = known[0][0]
    if any(step[0] != function for step in known):
        raise Unsupported("a reduction by different functions")
    try:
        nothing = make(splat(identity(function, value.type.dtype), value.type))
        parts = [nothing if step is None else step[1] for step in steps]
        return function, make(op("select", condition, *parts))
    except VerificationError as error:
        raise Unsupported(str(error)) from error
