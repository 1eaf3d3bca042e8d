"""What follows a sum of products, as the epilogue of its contraction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exalift.affine import Affine, Apply, Expression, GuardValue, IndexValue, Load, loads, nodes, rewrite
from exalift.base import DType

from ..contraction import COLUMNS, OUT, ROWS, SUM, Access, Epilogue


class Unfit(Exception):
    """Why a formula is no contraction, or no epilogue of one."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a formula's values go: the array's name and shape, and the subscripts at the formula's axes."""

    array: str
    shape: tuple[int, ...]
    indices: tuple[Affine, ...]


def epilogue_of(
    finished: Expression, accumulator: DType, target: Target, out: Access, of: Callable[[Load], Access]
) -> tuple[bool, Epilogue | None, tuple[str, ...]]:
    """Whether to accumulate, what to compute from the sum, and the arrays which that reads.

    `finished` loads the sum as `SUM`, those of rows and columns as `ROWS` and `COLUMNS`, and arrays by their
    names, which `of` turns into accesses; `out` is the access of what is written. Raises Unfit for what a
    kernel cannot compute beside a sum.
    """
    total = Load(SUM, (), accumulator)
    if finished == total:
        return False, None, ()
    own = Load(target.array, target.indices, finished.dtype)
    if isinstance(finished, Apply) and finished.function == "add" and set(finished.operands) == {total, own}:
        return True, None, ()
    operands: dict[Load, str] = {}
    for load in loads(finished):
        if load.array in (SUM, ROWS, COLUMNS):
            continue
        if load.array == target.array:
            if load != own:
                raise Unfit(f"{load.array} is read elsewhere than where it is written")
            operands[load] = OUT
        else:
            operands[load] = f"{load.array}.{len(operands)}"
    for node in nodes(finished):
        if isinstance(node, IndexValue | GuardValue):
            raise Unfit("indices are used as values beside the sum")
    accesses = tuple((name, of(load) if name != OUT else out) for load, name in operands.items())

    def renamed(node: Expression) -> Expression:
        if isinstance(node, Load) and node in operands:
            access = dict(accesses)[operands[node]]
            return Load(operands[node], access.indices, node.dtype)
        return node

    arrays = tuple(load.array for load in operands)
    return False, Epilogue(rewrite(finished, renamed), accesses), arrays
