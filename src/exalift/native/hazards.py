"""Assignments made safe to run in place: nothing is overwritten that is still to be read.

An assignment reads its whole array as it was before. Where a point reads what another point writes,

- what is read depends on few of the axes (a row, a column): it is copied first;
- two pieces conflict one way only: the reader runs first;
- else the piece computes into a buffer, which is copied at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

from exalift.affine import Affine, Axis, Constraint, Expression, Load, Reduce
from exalift.base import DType

from .inequalities import feasible, implied, within
from .program import Assignment, Block, Buffer, box, extent_of
from .terms import Pool, same_scope

_SMALL = 4
"""What is copied first must be this many times smaller than the piece that reads it."""


@dataclass(frozen=True, eq=False, slots=True)
class _Read:
    """A load of the array that the piece writes, and what is known of the axes bound around it."""

    load: Load
    bound: tuple[Axis, ...]
    constraints: tuple[Constraint, ...]


def _reads(piece: Assignment) -> tuple[_Read, ...]:
    """The loads of the written array, those of the very element that is written left out."""
    found: list[_Read] = []
    stack: list[tuple[Expression, tuple[Axis, ...], tuple[Constraint, ...]]] = [(piece.body, (), ())]
    seen: set[tuple[int, int]] = set()
    while stack:
        root, bound, constraints = stack.pop()
        if (id(root), len(bound)) in seen:
            continue
        seen.add((id(root), len(bound)))
        for term in same_scope(root):
            match term:
                case Load(array, indices) if array == piece.array and indices != piece.indices:
                    found.append(_Read(term, bound, constraints))
                case Reduce(_, axes, body, _, guard):
                    more = guard.disjuncts[0] if len(guard.disjuncts) == 1 else ()
                    stack.append((body, (*bound, *axes), (*constraints, *box(axes), *more)))
                case _:
                    pass
    return tuple(found)


def _renamed(piece: Assignment) -> tuple[tuple[Affine, ...], tuple[Constraint, ...], list[tuple[str, str]]]:
    """Another point of the piece: where it writes, its constraints, and pairs of names."""
    pairs = [(axis.name, f'{axis.name}"') for axis in piece.axes]
    mapping = {old: Affine.symbol(new) for old, new in pairs}
    indices = tuple(index.substitute(mapping) for index in piece.indices)
    constraints = tuple(Constraint(c.expression.substitute(mapping), c.equality) for c in piece.constraints)
    return indices, constraints, pairs


@dataclass(frozen=True, slots=True)
class Hazards:
    """`context` is known of the loops around; new buffers go to `buffers` and `temporaries`."""

    pool: Pool
    buffers: dict[str, Buffer]
    temporaries: set[str]
    context: tuple[Constraint, ...] = ()

    def blocks(self, pieces: Sequence[Assignment]) -> tuple[Block, ...]:
        """The pieces of one update, and copies, in an order that is safe."""
        plan = _Plan(list(pieces))
        for position, piece in enumerate(plan.pieces):
            plan.pieces[position] = self._copy_small(piece, plan)
        writers = list(plan.pieces)
        after: dict[int, set[int]] = {}
        for position, piece in enumerate(plan.pieces):
            reads = _reads(piece)
            if any(self.overlaps_itself(piece, read) for read in reads):
                self._buffer(position, plan)
                continue
            after[position] = {
                other
                for other, writer in enumerate(writers)
                if other != position and any(self._overlaps(piece, read, writer) for read in reads)
            }
        order = self._order(after, plan)
        independent = not any(after[position] - set(plan.buffered) for position in order)
        blocks = [Block(tuple(plan.first), True), Block(tuple(plan.computed), True)]
        in_place = tuple(plan.pieces[position] for position in order)
        blocks += [Block(in_place, True)] if independent else [Block((piece,), True) for piece in in_place]
        blocks.append(Block(tuple(plan.last), True))
        return tuple(block for block in blocks if block.assignments)

    def overlaps_itself(self, piece: Assignment, read: _Read, apart: frozenset[str] | None = None) -> bool:
        """Whether one point may read what another writes; with `apart`, only points that differ in those
        axes count."""
        indices, constraints, pairs = _renamed(piece)
        known = [*self._known(piece, read), *constraints, *_equal(read.load.indices, indices)]
        for old, new in pairs:
            if apart is not None and old not in apart:
                continue
            gap = Affine.symbol(old) - Affine.symbol(new) - 1
            other = Affine.symbol(new) - Affine.symbol(old) - 1
            if feasible([*known, Constraint(gap)]) or feasible([*known, Constraint(other)]):
                return True
        return False

    def _overlaps(self, piece: Assignment, read: _Read, writer: Assignment) -> bool:
        indices, constraints, _ = _renamed(writer)
        return feasible([*self._known(piece, read), *constraints, *_equal(read.load.indices, indices)])

    def _known(self, piece: Assignment, read: _Read) -> list[Constraint]:
        return [*self.context, *piece.constraints, *read.constraints]

    def _copy_small(self, piece: Assignment, plan: _Plan) -> Assignment:
        """Rows and columns that others overwrite, read from copies."""
        replaced: dict[int, Expression] = {}
        for read in _reads(piece):
            conflicts = self.overlaps_itself(piece, read) or any(
                self._overlaps(piece, read, writer) for writer in plan.pieces if writer is not piece
            )
            used = frozenset[str]().union(*(index.names for index in read.load.indices))
            axes = tuple(axis for axis in (*piece.axes, *read.bound) if axis.name in used)
            points = prod(extent_of(axis) for axis in axes)
            everything = piece.points * prod(extent_of(axis) for axis in read.bound)
            if conflicts and points * _SMALL <= everything:
                replaced[id(read.load)] = self._copied(piece, read, axes, plan)
        return replace(piece, body=self.pool.rewrite(piece.body, replaced)) if replaced else piece

    def _copied(self, piece: Assignment, read: _Read, axes: tuple[Axis, ...], plan: _Plan) -> Expression:
        name = self._temporary(axes, read.load.dtype)
        symbols = tuple(Affine.symbol(axis.name) for axis in axes)
        names = {axis.name for axis in axes}
        own = {axis.name for axis in (*piece.axes, *read.bound)}
        domain = [c for c in (*piece.domain, *read.constraints) if not (c.expression.names & own) - names]
        shape = self.buffers[piece.array].shape
        for index, extent in zip(read.load.indices, shape, strict=True):
            known = (*self.context, *box(axes), *domain)
            domain += [c for c in within(index, extent) if not implied(c, known)]
        fresh = {axis.name: self.pool.fresh_axis(extent_of(axis), "i") for axis in axes}
        mapping = {name: Affine.symbol(axis.name) for name, axis in fresh.items()}
        plan.first.append(
            Assignment(
                name,
                tuple(fresh[axis.name] for axis in axes),
                tuple(mapping[axis.name] for axis in axes),
                self.pool.substitute(read.load, mapping),
                tuple(
                    Constraint(c.expression.substitute(mapping), c.equality)
                    for c in dict.fromkeys(domain)
                    if c not in box(axes)
                ),
                piece.lines,
            )
        )
        return self.pool.load(name, symbols, read.load.dtype)

    def _temporary(self, axes: Sequence[Axis], dtype: DType) -> str:
        name = f"%{len(self.temporaries)}"
        self.temporaries.add(name)
        self.buffers[name] = Buffer(name, tuple(extent_of(axis) for axis in axes), dtype)
        return name

    def _buffer(self, position: int, plan: _Plan) -> None:
        """Compute the piece into a buffer of its own shape, to be copied at the end."""
        piece = plan.pieces[position]
        name = self._temporary(piece.axes, piece.body.dtype)
        symbols = tuple(Affine.symbol(axis.name) for axis in piece.axes)
        plan.computed.append(replace(piece, array=name, indices=symbols))
        plan.last.append(replace(piece, body=self.pool.load(name, symbols, piece.body.dtype)))
        plan.buffered.append(position)

    def _order(self, after: dict[int, set[int]], plan: _Plan) -> list[int]:
        """Readers before those that overwrite; where they go round in a circle, one is buffered."""
        order: list[int] = []
        remaining = set(after)
        while remaining:
            free = [
                position
                for position in sorted(remaining)
                if not any(position in after[other] for other in remaining if other != position)
            ]
            if free:
                order.append(free[0])
                remaining.discard(free[0])
            else:
                position = min(remaining)
                self._buffer(position, plan)
                remaining.discard(position)
        return order


def _equal(left: Sequence[Affine], right: Sequence[Affine]) -> list[Constraint]:
    return [Constraint(a - b, equality=True) for a, b in zip(left, right, strict=True)]


@dataclass(slots=True)
class _Plan:
    """`first` copies what is small, `computed` goes to buffers, `pieces` run in place, `last` copies back."""

    pieces: list[Assignment]
    first: list[Assignment] = field(default_factory=list[Assignment])
    computed: list[Assignment] = field(default_factory=list[Assignment])
    last: list[Assignment] = field(default_factory=list[Assignment])
    buffered: list[int] = field(default_factory=list[int])
