"""Arithmetic isomorphism: is an instruction's summand the operation's, dtypes and casts included?

UNIT (Weng et al., CGO 2021, section 4.1): two expression trees are matched node by node; leaves of the
instruction bind to loads of the operation, each to one array.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

from exalift.affine import Apply, Cast, Expression, Load, print_expression

_COMMUTATIVE = frozenset({"add", "multiply", "maximum", "minimum", "and", "or", "xor"})


@dataclass(frozen=True, slots=True)
class Binding:
    """Which load of the operation each array of the instruction stands for."""

    loads: tuple[tuple[str, Load], ...]

    def __getitem__(self, array: str) -> Load:
        return dict(self.loads)[array]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why two expressions differ: the first difference found."""

    reason: str


def match_arithmetic(operation: Expression, instruction: Expression) -> Binding | Mismatch:
    """Bind an instruction's loads so that its expression is the operation's; operands of commutative
    functions in either order."""
    found = _match(operation, instruction, {})
    return Binding(tuple(found.items())) if isinstance(found, dict) else found


def _match(
    operation: Expression, instruction: Expression, bound: dict[str, Load]
) -> dict[str, Load] | Mismatch:
    """Recursive in the depth of the instruction's formula, which is a few nodes."""
    match operation, instruction:
        case Load(), Load():
            if operation.dtype is not instruction.dtype:
                return Mismatch(
                    f"{operation.array} is {operation.dtype}, the instruction takes {instruction.dtype}"
                )
            if bound.get(instruction.array, operation) != operation:
                return Mismatch(f"{instruction.array} would be two different operands")
            return bound | {instruction.array: operation}
        case Cast(inner, dtype), Cast(other, wanted):
            if dtype is not wanted:
                return Mismatch(f"a cast to {dtype} where the instruction's is to {wanted}")
            return _match(inner, other, bound)
        case Apply(), Apply() if operation.function == instruction.function:
            if operation.dtype is not instruction.dtype:
                return Mismatch(
                    f"{operation.function} in {operation.dtype}, the instruction's in {instruction.dtype}"
                )
            return _match_operands(operation, instruction, bound)
        case _:
            return Mismatch(
                f"{print_expression(operation)} is not of the form {print_expression(instruction)}"
            )


def _match_operands(
    operation: Apply, instruction: Apply, bound: dict[str, Load]
) -> dict[str, Load] | Mismatch:
    orders = [operation.operands]
    if operation.function in _COMMUTATIVE:
        orders = list(permutations(operation.operands))
    first: Mismatch | None = None
    for order in orders:
        trial: dict[str, Load] | Mismatch = bound
        for one, other in zip(order, instruction.operands, strict=True):
            trial = _match(one, other, trial)
            if isinstance(trial, Mismatch):
                break
        if isinstance(trial, dict):
            return trial
        first = first or trial
    assert first is not None
    return first
