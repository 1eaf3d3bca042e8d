"""Loops that have one work-item at a time become loops of one work-item.

    for k = 0 to n {                          parallel () {
      parallel () { x[k] = ... x[k - 1] }  ->   for k = 0 to n { x[k] = ... x[k - 1] }
      yield                                     (with a yield every so often)
    }                                         }

So a recurrence costs one launch, and not one a step.
"""

from __future__ import annotations

from collections.abc import Callable

from exalift.capsule.kernels import For, Index, Loop, Nest, Range, Yield, points_of
from exalift.capsule.kernels.bounds import Scope, extent_of

TILE = 64
"""Iterations of a loop between two yield points."""


def serialized(loop: Loop, scope: Scope, fresh: Callable[[str], str]) -> Loop | Nest:
    """The loop as a nest of one work-item, where all its nests have one each; else as it is.

    The loops inside have been through this already, so that they are nests if they can be.
    fresh: gives a new name that begins so.
    """
    nests = [step for step in loop.body if isinstance(step, Nest)]
    has_loops = any(isinstance(step, Loop) for step in loop.body)
    if not nests or has_loops or any(nest.axes for nest in nests):
        return loop
    body = tuple(statement for nest in nests for statement in nest.body)
    if points_of(body) or extent_of(loop.range, scope) < 4 * TILE or len(loop.range.lower) != 1:
        # A loop around loops has a yield each time; a short one leaves that to the loops around it.
        inside = (*body, Yield()) if any(isinstance(statement, For) for statement in body) else body
        return Nest((), (For(loop.range, inside),))
    start = loop.range.lower[0]
    tiles = fresh("t")
    low = start + Index.of(tiles) * TILE
    count = tuple((bound - start + (TILE - 1)) // TILE for bound in loop.range.upper)
    part = Range(loop.range.name, (low,), (low + TILE, *loop.range.upper))
    return Nest((), (For(Range(tiles, (Index(),), count), (For(part, body), Yield())),))
