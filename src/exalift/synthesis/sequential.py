"""Regions that are not solved whole: one more loop stays, and what is left is smaller.

In the end a region is one element, which every dialect with slices can compute; so every program
has an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from exalift.affine import (
    Affine,
    Apply,
    Array,
    Axis,
    Expression,
    Load,
    Reduce,
    Region,
    RegionStep,
    Role,
    SequentialLoop,
    loads,
    nodes,
    rewrite,
    substitute,
)

from .splits import identity_of


@dataclass(frozen=True, slots=True)
class Serialised:
    """Steps that do what one region does, with the arrays that they need beside the program's."""

    steps: tuple[RegionStep, ...]
    arrays: tuple[Array, ...]


def peel(region: Region, arrays: dict[str, Array], number: int, cause: str = "") -> Serialised | None:
    """The region with its first axis as a loop; without axes, with its first reduction as a loop.

    `number` makes names fresh; `cause` is why the loop stays, where no search failed. None where there is
    nothing left to peel.
    """
    if region.axes:
        return _peel_axis(region, arrays, number, cause or "no tensor op was found for the whole axis")
    reductions = [node for node in nodes(region.value) if isinstance(node, Reduce)]
    if reductions:
        reason = cause or "no tensor op was found for the reduction"
        return _peel_reduction(region, reductions[0], number, reason)
    return None


def _peel_axis(region: Region, arrays: dict[str, Array], number: int, reason: str) -> Serialised:
    """`A[i] = e(A)` for all `i` -> `before = A; for i: A[i] = e(before)`."""
    axis = region.axes[0]
    iv = f"{axis.name}.{number}"
    renamed = {axis.name: Affine.symbol(iv)}
    value = substitute(region.value, renamed)
    indices = tuple(index.substitute(renamed) for index in region.indices)
    others = any(load.array == region.array and load.indices != indices for load in loads(value))
    steps: list[RegionStep] = []
    added: tuple[Array, ...] = ()
    if others:
        copy, first = _copy(arrays[region.array], f"{region.array}.before.{number}", region)
        value = _from_copy(value, region.array, copy.name, indices)
        added, steps = (copy,), [first]
    inner = replace(
        region,
        axes=region.axes[1:],
        indices=indices,
        value=value,
        guard=region.guard.substitute(renamed),
    )
    steps.append(SequentialLoop(iv, (Affine(),), (axis.extent,), (inner,), reason, region.span))
    return Serialised(tuple(steps), added)


def _copy(array: Array, name: str, region: Region) -> tuple[Array, Region]:
    axes = tuple(Axis(f"c{d}", extent) for d, extent in enumerate(array.shape))
    indices = tuple(Affine.symbol(axis.name) for axis in axes)
    step = Region(
        name, axes, indices, Load(array.name, indices, array.dtype), span=region.span, lines=region.lines
    )
    return Array(name, array.dtype, array.shape, Role.LOCAL, array.span), step


def _from_copy(value: Expression, array: str, copy: str, own: tuple[Affine, ...]) -> Expression:
    """Loads of other elements of the array read the copy; an accumulation reads its own element."""

    def change(node: Expression) -> Expression:
        match node:
            case Load(array=name, indices=indices) if name == array and indices != own:
                return replace(node, array=copy)
            case _:
                return node

    return rewrite(value, change)


def _peel_reduction(region: Region, reduction: Reduce, number: int, reason: str) -> Serialised:
    """`A = e(reduce k. b(k))` -> `acc = identity; for k: acc = f(acc, b(k)); A = e(acc)`."""
    name = f"{region.array}.sum.{number}"
    total = Load(name, (), reduction.dtype)
    start = Region(
        name, (), (), identity_of(reduction.function, reduction.dtype), span=region.span, lines=region.lines
    )
    renamed = {axis.name: f"{axis.name}.{number}" for axis in reduction.axes}
    mapping = {old: Affine.symbol(new) for old, new in renamed.items()}
    added = Apply(reduction.function, (total, substitute(reduction.body, mapping)), reduction.dtype)
    step: RegionStep = Region(
        name, (), (), added, reduction.guard.substitute(mapping), region.span, region.lines
    )
    for axis in reversed(reduction.axes):
        step = SequentialLoop(renamed[axis.name], (Affine(),), (axis.extent,), (step,), reason, region.span)

    def change(node: Expression) -> Expression:
        return total if node == reduction else node

    last = replace(region, value=rewrite(region.value, change))
    return Serialised((start, step, last), (Array(name, reduction.dtype, (), Role.LOCAL, region.span),))
