"""Names of induction variables: all different while passes work, as the source has them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .affine_expression import Affine
from .expressions import Expression, Load, Reduce
from .ir import Assign, If, Loop, Program, Statement
from .regions import Region, RegionStep, SequentialLoop
from .traversal import nodes, rewrite, substitute


def fresh_name(base: str, taken: set[str]) -> str:
    """`base`, or `base_2`, `base_3` ... ; the name is added to `taken`."""
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    taken.add(name)
    return name


def with_unique_ivs(program: Program) -> tuple[Program, Mapping[str, str]]:
    """The program with every loop's variable different from all other names, and the original of each."""
    taken = {size.name for size in program.sizes} | {array.name for array in program.arrays}
    taken |= _bound_axes(program)
    originals: dict[str, str] = {}

    def renamed(statement: Statement, mapping: Mapping[str, Affine]) -> Statement:
        match statement:
            case Assign(indices=indices, value=value):
                indices = tuple(index.substitute(mapping) for index in indices)
                return replace(statement, indices=indices, value=substitute(value, mapping))
            case If(guard, then, otherwise):
                return replace(
                    statement,
                    guard=guard.substitute(mapping),
                    then=tuple(renamed(inner, mapping) for inner in then),
                    otherwise=tuple(renamed(inner, mapping) for inner in otherwise),
                )
            case Loop(iv, lower, upper, body):
                name = fresh_name(iv, taken)
                originals[name] = iv
                inside = {**mapping, iv: Affine.symbol(name)}
                if name == iv:
                    inside = {key: value for key, value in mapping.items() if key != iv}
                return replace(
                    statement,
                    iv=name,
                    lower=tuple(bound.substitute(mapping) for bound in lower),
                    upper=tuple(bound.substitute(mapping) for bound in upper),
                    body=tuple(renamed(inner, inside) for inner in body),
                )

    body = tuple(renamed(statement, {}) for statement in program.body)
    return replace(program, body=body), originals


def _bound_axes(program: Program) -> set[str]:
    found: set[str] = set()
    for assign in assigns(program.body):
        for node in nodes(assign.value):
            if isinstance(node, Reduce):
                found |= {axis.name for axis in node.axes}
    return found


def all_names(program: Program) -> set[str]:
    """Every name of a size, an array, an induction variable or an axis."""
    found = {size.name for size in program.sizes} | {array.name for array in program.arrays}
    pending: list[Statement] = list(program.body)
    while pending:
        match pending.pop():
            case Loop(iv=iv, body=body):
                found.add(iv)
                pending += body
            case If(then=then, otherwise=otherwise):
                pending += then + otherwise
            case Assign():
                pass
    return found | _bound_axes(program)


def assigns(body: tuple[Statement, ...]) -> list[Assign]:
    """Every assignment, in no order."""
    found: list[Assign] = []
    pending: list[Statement] = list(body)
    while pending:
        match pending.pop():
            case Assign() as assign:
                found.append(assign)
            case Loop(body=inner):
                pending += inner
            case If(then=then, otherwise=otherwise):
                pending += then + otherwise
    return found


def renamed_arrays(steps: tuple[RegionStep, ...], names: Mapping[str, str]) -> tuple[RegionStep, ...]:
    """The steps with arrays renamed."""

    def change(node: Expression) -> Expression:
        return (
            replace(node, array=names[node.array]) if isinstance(node, Load) and node.array in names else node
        )

    def renamed(step: RegionStep) -> RegionStep:
        match step:
            case Region(array=array, value=value):
                return replace(step, array=names.get(array, array), value=rewrite(value, change))
            case SequentialLoop(body=body, reason=reason):
                for old, new in names.items():
                    reason = reason.replace(f"`{old}`", f"`{new}`")
                return replace(step, body=tuple(renamed(inner) for inner in body), reason=reason)

    return tuple(renamed(step) for step in steps)


def plain_names(
    steps: tuple[RegionStep, ...], originals: Mapping[str, str], reserved: frozenset[str]
) -> tuple[RegionStep, ...]:
    """The steps with the source's names for loops and axes, wherever two of them do not collide."""
    return tuple(_plain_step(step, {}, originals, reserved) for step in steps)


def _plain_step(
    step: RegionStep, outer: Mapping[str, Affine], originals: Mapping[str, str], reserved: frozenset[str]
) -> RegionStep:
    taken = {*reserved, *(str(value) for value in outer.values())}
    match step:
        case Region():
            return _plain_region(step, outer, originals, taken)
        case SequentialLoop(iv, lower, upper, body, reason):
            name = fresh_name(originals.get(iv, iv), taken)
            inside = {**outer, iv: Affine.symbol(name)}
            return replace(
                step,
                iv=name,
                lower=tuple(bound.substitute(outer) for bound in lower),
                upper=tuple(bound.substitute(outer) for bound in upper),
                body=tuple(_plain_step(inner, inside, originals, reserved) for inner in body),
                reason=reason.replace(f"carried by `{iv}`", f"carried by `{name}`"),
            )


def _plain_region(
    region: Region, outer: Mapping[str, Affine], originals: Mapping[str, str], taken: set[str]
) -> Region:
    bound = [axis.name for axis in region.axes]
    for node in nodes(region.value):
        if isinstance(node, Reduce):
            bound += [axis.name for axis in node.axes]
    mapping = dict(outer)
    for name in dict.fromkeys(bound):
        mapping[name] = Affine.symbol(fresh_name(originals.get(name, name), taken))
    return replace(
        region,
        axes=tuple(replace(axis, name=str(mapping[axis.name])) for axis in region.axes),
        indices=tuple(index.substitute(mapping) for index in region.indices),
        value=substitute(region.value, mapping),
        guard=region.guard.substitute(mapping),
    )
