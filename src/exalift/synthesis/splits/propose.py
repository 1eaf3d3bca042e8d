"""The splits of any goal."""

from __future__ import annotations

from typing import assert_never

from exalift.affine import Apply, Cast, Constant, Formula, GuardValue, IndexValue, Load, Reduce

from .accesses import split_load
from .elementwise import split_guard, split_index, split_operands, split_unused_axes
from .reductions import split_reduce
from .scope import Scope, Split
from .windows import split_convolution


def propose(goal: Formula, scope: Scope) -> tuple[Split, ...]:
    """The splits of a goal, likely the cheapest first; none where nothing is known to help.

    A rank-0 constant, index or whole array needs no split: it is a leaf.
    """
    unused = split_unused_axes(goal)
    if unused:
        # A convolution's result may have axes of extent 1 that its arrays lack.
        windows = split_convolution(goal, goal.body, scope) if isinstance(goal.body, Reduce) else ()
        return (*windows, *unused)
    match goal.body:
        case Constant():
            return ()
        case IndexValue() as body:
            return split_index(goal, body, scope)
        case GuardValue() as body:
            return split_guard(goal, body)
        case Load() as body:
            return split_load(goal, body, scope)
        case Apply() | Cast():
            return split_operands(goal)
        case Reduce() as body:
            return split_reduce(goal, body, scope)
        case _:
            assert_never(goal.body)
