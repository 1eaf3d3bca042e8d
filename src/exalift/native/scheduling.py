"""How an assignment's loops are arranged: which axis becomes lanes, which rows run side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from math import prod

from exalift.affine import Affine, Axis, Constraint, Expression, Load, Reduce
from exalift.base import DType

from .arithmetic import register_dtype
from .dots import Dot, dot_of
from .program import Assignment, Buffer, extent_of
from .terms import postorder, same_scope

_GATHER = 6.0
"""What an element costs that is not beside its neighbour, in elements that are."""

_COLUMNS = 4
"""Vectors of results that one reduction makes at once."""

_ROWS = 4
"""Rows of results that one reduction makes at once, where they share what they read."""

_CHAINS = 4
"""Vectors that one reduction along its vectors adds into, so that it does not wait for each sum."""


@dataclass(frozen=True, eq=False)
class Nest:
    """An assignment and the order of its loops.

    order: the axes of the loops, outermost first; the vector axis, where it is one of them, is last.
    vector: the axis that runs along lanes (of the assignment or of a reduction), or None.
    width: lanes. copies: vectors at once along the vector axis.
    jam: an axis whose `rows` neighbours are computed together.
    reductions: for each reduction, by identity, its axes from outermost to innermost.
    dot: the instruction for the reduction along lanes, where there is one; `width` counts what it takes.
    """

    assignment: Assignment
    order: tuple[Axis, ...]
    vector: str | None
    width: int
    copies: int
    jam: str | None
    rows: int
    reductions: Mapping[int, tuple[Axis, ...]]
    dot: Dot | None = None

    @property
    def along_reduction(self) -> bool:
        return self.vector is not None and all(axis.name != self.vector for axis in self.order)

    def describe(self) -> str:
        """In words: "loops i, j; j in 4 vectors of 8; 4 rows of i at once"."""
        parts = (
            [f"loops {', '.join(_shown(axis.name) for axis in self.order)}"] if self.order else ["no loop"]
        )
        if self.vector is not None:
            kind = f"{self.copies} vectors" if self.copies > 1 else "vectors"
            where = " of the sum" if self.along_reduction else ""
            by = f" by {self.dot.instruction.name}" if self.dot is not None else ""
            parts.append(f"{_shown(self.vector)}{where} in {kind} of {self.width}{by}")
        if self.jam is not None:
            parts.append(f"{self.rows} of {_shown(self.jam)} at once")
        return "; ".join(parts)


def _shown(name: str) -> str:
    return name.replace("'", "")


def lane_bits(body: Expression) -> int:
    """The bits of the widest number that the body computes with."""
    dtypes = (register_dtype(term.dtype) for term in postorder(body))
    return max((dtype.bits for dtype in dtypes if dtype is not DType.I1), default=8)


@dataclass(frozen=True, slots=True)
class _Access:
    """An element read or written: its position counted in elements, and how often (in loop trips)."""

    position: Affine
    weight: float
    names: frozenset[str]


def schedule(
    assignment: Assignment,
    buffers: Mapping[str, Buffer],
    vector_bytes: int,
    features: frozenset[str] = frozenset(),
    strict_fp: bool = False,
) -> Nest:
    """Arrange the loops of an assignment for vectors of that many bytes, on a processor with `features`;
    with `strict_fp`, floating-point sums in the order that is written."""
    width = max(1, min(64, vector_bytes * 8 // lane_bits(assignment.body)))
    reductions = [term for term in postorder(assignment.body) if isinstance(term, Reduce)]
    accesses = _accesses(assignment, buffers)
    fixed = {id(term) for term in reductions if strict_fp and not _is_associative(term)}
    vector = _vector_axis(assignment, reductions, accesses, width, fixed)
    own = {axis.name for axis in assignment.axes}
    order = tuple(axis for axis in assignment.axes if axis.name != vector)
    if vector in own:
        order = (*order, *(axis for axis in assignment.axes if axis.name == vector))
    orders = {
        id(term): term.axes if id(term) in fixed else _reduction_order(term, vector, accesses)
        for term in reductions
    }
    if vector is None:
        return Nest(assignment, order, None, 1, 1, None, 1, orders)
    extent = next(extent_of(a) for a in (*assignment.axes, *_bound(reductions)) if a.name == vector)
    dot = _dot(reductions, vector, extent, buffers, features)
    width = width if dot is None else dot.width
    if vector in own:
        copies = max(1, min(_COLUMNS, extent // (width if reductions else 4 * width)))
    else:
        copies = max(1, min(_CHAINS, extent // width))
    jam, rows = _jam(assignment, order, vector, reductions, accesses)
    if jam is not None and vector not in own:
        # What they add into stays in registers, for all reductions that run side by side.
        along = sum(any(axis.name == vector for axis in term.axes) for term in reductions)
        copies = max(1, copies // 2 // along)
    return Nest(assignment, order, vector, width, copies, jam, rows, orders, dot)


def _dot(
    reductions: Sequence[Reduce],
    vector: str,
    extent: int,
    buffers: Mapping[str, Buffer],
    features: frozenset[str],
) -> Dot | None:
    """The instruction for the one reduction whose axis runs along lanes."""
    along = [term for term in reductions if any(axis.name == vector for axis in term.axes)]
    found = dot_of(along[0], vector, buffers, features) if len(along) == 1 else None
    return found if found is not None and found.width <= extent else None


def _bound(reductions: Sequence[Reduce]) -> tuple[Axis, ...]:
    return tuple(axis for term in reductions for axis in term.axes)


def _accesses(assignment: Assignment, buffers: Mapping[str, Buffer]) -> tuple[_Access, ...]:
    """Loads with how often each runs at one point, then the store."""
    found: list[_Access] = []
    stack: list[tuple[Expression, float]] = [(assignment.body, 1.0)]
    while stack:
        root, times = stack.pop()
        for term in same_scope(root):
            match term:
                case Load(array, indices):
                    position = buffers[array].linear(indices)
                    found.append(_Access(position, times, position.names))
                case Reduce(_, axes, body):
                    stack.append((body, times * prod(extent_of(axis) for axis in axes)))
                case _:
                    pass
    position = buffers[assignment.array].linear(assignment.indices)
    return (*found, _Access(position, 1.0, position.names))


def _is_direct(position: Affine, name: str) -> bool:
    """Whether the axis moves the position by a fixed step."""
    return all(isinstance(atom, str) or name not in atom.numerator.names for atom, _ in position.terms)


def _access_cost(access: _Access, name: str) -> float:
    """Of one element along the axis, 1 for one beside the last."""
    if name not in access.names:
        return 0.1
    step = access.position.coefficient(name) if _is_direct(access.position, name) else 0
    return 1.0 if step == 1 else 1.2 if step == -1 else _GATHER


def _is_associative(term: Reduce) -> bool:
    """Whether a reduction gives the same in any order, rounding included."""
    return not term.dtype.is_float or term.function in ("maximum", "minimum")


def _vector_axis(
    assignment: Assignment,
    reductions: Sequence[Reduce],
    accesses: Sequence[_Access],
    width: int,
    fixed: Set[int],
) -> str | None:
    """The axis along which most of what is read and written lies side by side; none of the reductions whose
    order is fixed."""
    if width < 2 or any(not c.expression.is_linear for c in assignment.domain):
        return None
    total = sum(access.weight for access in accesses)
    best: tuple[float, int] | None = None
    chosen: str | None = None
    candidates = [(axis, False) for axis in assignment.axes]
    free = [term for term in _innermost(reductions) if id(term) not in fixed]
    candidates += [(axis, True) for axis in _bound(free)]
    for position, (axis, summed) in enumerate(candidates):
        extent = extent_of(axis)
        if extent < 2:
            continue
        wasted = -(-extent // width) * width / extent
        cost = sum(a.weight * _access_cost(a, axis.name) for a in accesses) / total * wasted
        if summed:
            # The lanes must be added up in the end, and only its own reduction gains.
            cost += 0.5 + 8.0 / extent
        elif any(_guarded(term.guard.disjuncts, axis.name) for term in reductions):
            cost += 1.5
        key = (cost, -position)
        if best is None or key < best:
            best, chosen = key, axis.name
    return chosen if best is not None and best[0] < _GATHER * 0.9 else None


def _guarded(disjuncts: Sequence[Sequence[Constraint]], name: str) -> bool:
    return any(name in c.expression.names for conjunction in disjuncts for c in conjunction)


def _innermost(reductions: Sequence[Reduce]) -> tuple[Reduce, ...]:
    """Reductions without another one in their body."""
    return tuple(
        term for term in reductions if not any(isinstance(below, Reduce) for below in postorder(term.body))
    )


def _reduction_order(term: Reduce, vector: str | None, accesses: Sequence[_Access]) -> tuple[Axis, ...]:
    """The axis of lanes innermost; else those with long steps outside."""

    def step(axis: Axis) -> int:
        steps = [abs(a.position.coefficient(axis.name)) for a in accesses if axis.name in a.names]
        return sum(steps)

    ordered = sorted(term.axes, key=step, reverse=True)
    return (*(a for a in ordered if a.name != vector), *(a for a in ordered if a.name == vector))


def _jam(
    assignment: Assignment,
    order: Sequence[Axis],
    vector: str,
    reductions: Sequence[Reduce],
    accesses: Sequence[_Access],
) -> tuple[str | None, int]:
    """An axis whose neighbours read some of the same elements in their reductions."""
    if not reductions:
        return None, 1
    linked = {name for c in assignment.domain for name in c.expression.names}
    linked |= {n for t in reductions for d in t.guard.disjuncts for c in d for n in c.expression.names}
    best, shared = None, 0.0
    for axis in order:
        if axis.name == vector or axis.name in linked or extent_of(axis) < _ROWS:
            continue
        same = sum(a.weight for a in accesses if a.weight > 1 and axis.name not in a.names)
        if same > shared:
            best, shared = axis.name, same
    return (best, _ROWS) if best is not None else (None, 1)
