"""Lifted programs as kernels.

An update of an array becomes nests, one work-item an element; a loop that stays becomes a loop around
them, with a yield point at the end of each iteration.

    C = beta * C + alpha * dot_general(A, B)   ->   parallel (i = 0 to 37, j = 0 to 53) {
                                                      var sum: f32 = 0.0:f32
                                                      for r = 0 to 41 { sum = sum + A[i, r] * B[r, j] }
                                                      C[i, j] = C[i, j] * beta[] + sum * alpha[]
                                                    }
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from exalift import affine
from exalift.base import UsageError
from exalift.capsule.kernels import (
    Apply,
    Buffer,
    Constraint,
    Holds,
    If,
    Index,
    Kernel,
    Load,
    Loop,
    Nest,
    Parameter,
    Range,
    Role,
    Step,
    Store,
    Yield,
    verify_kernel,
)
from exalift.capsule.kernels.bounds import Scope, bounded
from exalift.capsule.kernels.cursor import KEYWORDS
from exalift.capsule.kernels.races import find_races
from exalift.dialects import (
    ArrayValue,
    Dialect,
    Node,
    Operation,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
    postorder,
)
from exalift.dialects import Step as TensorStep

from .elements import Elements, Place
from .folding import pruned
from .materialization import Formulas, choose_buffers
from .serialization import serialized

_MOST_LAYERS = 64
_MOST_MASKS = 4


@dataclass(frozen=True, slots=True)
class LoopCounter:
    """A loop's counter that a caller gives, `lower <= value < upper`."""

    name: str
    lower: int
    upper: int


@dataclass(frozen=True, slots=True)
class _Layer:
    """A part of an array that gets new contents: `array[%0, ...] = node[indices]` where constraints hold."""

    constraints: tuple[affine.Constraint, ...]
    node: Node
    indices: tuple[affine.Affine, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a buffer that a nest writes: work-items, where each stores, under which conditions, and
    the subscripts of the element of a node that it stores."""

    axes: tuple[Range, ...]
    places: tuple[Index, ...]
    conditions: tuple[Constraint, ...]
    indices: tuple[Index, ...]

    def where(self, constraints: tuple[Constraint, ...], scope: Scope) -> _Part:
        """The part where constraints hold too; an axis with one point becomes a subscript."""
        axes, rest = _narrowed(self.axes, constraints, scope)
        fixed: dict[str, Index] = {}
        for axis in axes:
            if len(axis.lower) == len(axis.upper) == 1 and axis.upper[0] - axis.lower[0] == Index((), 1):
                fixed[axis.name] = axis.lower[0]

        def moved(indices: tuple[Index, ...]) -> tuple[Index, ...]:
            return tuple(index.substitute(fixed) for index in indices)

        conditions = tuple(
            Constraint(c.index.substitute(fixed), c.equality) for c in (*self.conditions, *rest)
        )
        kept = tuple(axis for axis in axes if axis.name not in fixed)
        return _Part(kept, moved(self.places), conditions, moved(self.indices))


@dataclass(slots=True)
class Lowering:
    """Lowers steps of one program at sizes; `arrays` are the types of the arrays that steps name."""

    dialect: Dialect
    sizes: Mapping[str, int]
    arrays: Mapping[str, TensorType]
    formulas: Formulas = field(init=False)
    names: dict[str, str] = field(default_factory=dict[str, str])
    used: set[str] = field(default_factory=set[str])
    temporaries: list[Buffer] = field(default_factory=list[Buffer])
    counters: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.formulas = Formulas(self.dialect, self.sizes)

    def fresh(self, start: str) -> str:
        """A name that nothing in this kernel has."""
        stem = re.sub(r"[^A-Za-z0-9_]", "_", start)
        stem = stem if re.match(r"[A-Za-z_]", stem) else f"v{stem}"
        name, number = stem, 0
        while name in self.used or name in KEYWORDS:
            name, number = f"{stem}{number}", number + 1
        self.used.add(name)
        return name

    def shape(self, type: TensorType) -> tuple[int, ...]:
        return tuple(max(0, extent) for extent in type.at(self.sizes))

    # Steps. The recursion is over the nesting of loops.

    def steps(self, steps: Sequence[TensorStep], scope: Scope) -> tuple[Step, ...]:
        made: list[Step] = []
        for step in steps:
            match step:
                case Update():
                    made += self.update(step, scope)
                case TensorLoop(iv, lower, upper, body):
                    name = self.fresh(iv)
                    outer = self.counters.get(iv)
                    bounds = tuple(self.index(b) for b in lower), tuple(self.index(b) for b in upper)
                    range = Range(name, *bounds)
                    self.counters[iv] = name
                    inner = self.steps(body, scope.inside(range, uniform=True))
                    made.append(serialized(Loop(range, (*inner, Yield())), scope, self.fresh))
                    if outer is None:
                        del self.counters[iv]
                    else:
                        self.counters[iv] = outer
        return tuple(made)

    def index(self, expression: affine.Affine) -> Index:
        return Elements(self.formulas, self.counters, {}, self.fresh, frozenset()).index(expression, {})

    def update(self, update: Update, scope: Scope) -> tuple[Step, ...]:
        """The nests of one update: those of values that get a buffer, then those that write the array."""
        layers = self._layers(update)
        buffers: dict[Node, str] = {
            ArrayValue(name, type): self.names[name] for name, type in self.arrays.items()
        }
        steps: list[Step] = []
        # Each layer reads the array as it was at the start of the step, not what earlier layers wrote.
        together = len(layers) == 1 or not any(
            isinstance(node, ArrayValue) and node.name == update.array
            for layer in layers
            for node in postorder(layer.node)
        )
        for layer in layers:
            points = self._points(layer, scope)
            for node in choose_buffers(layer.node, points, self.formulas):
                if node not in buffers:
                    steps.append(self._into_temporary(node, buffers, scope))
            if not together and isinstance(layer.node, Operation) and layer.node not in buffers:
                steps.append(self._into_temporary(layer.node, buffers, scope))
        for layer in layers:
            steps += self._write(update, layer, buffers, scope)
        return tuple(steps)

    def _layers(self, update: Update) -> list[_Layer]:
        """The parts that a chain of updates of parts writes, the first one first; or one, the whole."""
        type = self.arrays[update.array]
        layers: list[_Layer] = []
        node = update.value
        while isinstance(node, Operation) and len(layers) < _MOST_LAYERS:
            formula = self.formulas.of(node)
            match formula.body:
                case affine.Apply(
                    "select",
                    (affine.GuardValue(guard), affine.Load(first, indices), affine.Load(rest, kept)),
                ) if len(guard.disjuncts) == 1 and kept == tuple(
                    affine.Affine.symbol(axis.name) for axis in formula.axes
                ):
                    names = {axis.name: affine.Affine.symbol(f"%{d}") for d, axis in enumerate(formula.axes)}
                    constraints = tuple(
                        affine.Constraint(c.expression.substitute(names), c.equality)
                        for c in guard.disjuncts[0]
                    )
                    moved = tuple(index.substitute(names) for index in indices)
                    layers.append(_Layer(constraints, node.operands[int(first)], moved))
                    node = node.operands[int(rest)]
                case _:
                    break
        if layers and isinstance(node, ArrayValue) and node.name == update.array:
            return layers[::-1]
        rank = len(type.shape)
        return [_Layer((), update.value, tuple(affine.Affine.symbol(f"%{d}") for d in range(rank)))]

    def _axes(self, shape: Sequence[int]) -> tuple[Range, ...]:
        return tuple(Range(self.fresh("i"), (Index(),), (Index((), extent),)) for extent in shape)

    def _indices(self, layer: _Layer, elements: Elements, symbols: Mapping[str, Index]) -> tuple[Index, ...]:
        return tuple(elements.index(index, symbols) for index in layer.indices)

    def _points(self, layer: _Layer, scope: Scope) -> int:
        """How many elements of a layer's value are computed, at most."""
        if layer.constraints:
            return self.formulas.points(layer.node)
        return prod(self.shape(layer.node.type))

    def _elements(self, root: Node, buffers: Mapping[Node, str]) -> Elements:
        uses = Counter(
            operand for node in postorder(root) if isinstance(node, Operation) for operand in node.operands
        )
        # An element-wise op may read one operand several times, too.
        shared = frozenset(node for node in postorder(root) if isinstance(node, Operation) and uses[node] > 1)
        return Elements(self.formulas, self.counters, dict(buffers), self.fresh, shared)

    def _into_temporary(self, node: Operation, buffers: dict[Node, str], scope: Scope) -> Nest:
        """A nest that computes a node into a new local buffer."""
        shape = self.shape(node.type)
        name = self.fresh("t")
        self.temporaries.append(Buffer(name, node.type.dtype, shape, Role.LOCAL))
        axes = self._axes(shape)
        places = tuple(Index.of(axis.name) for axis in axes)
        nest = self._nest(node, _Part(axes, places, (), places), name, buffers, scope)
        buffers[node] = name
        return nest

    def _nest(self, node: Node, part: _Part, target: str, buffers: Mapping[Node, str], scope: Scope) -> Nest:
        """A nest that stores a node's elements into a part of a buffer."""
        elements = self._elements(node, buffers)
        inside = scope
        for axis in part.axes:
            inside = inside.inside(axis, uniform=False)
        place = Place(inside, inside)
        if part.conditions:
            place = place.under(part.conditions)
        value = elements.element(node, part.indices, place)
        body = (*elements.blocks[0].statements, Store(target, part.places, value))
        return Nest(part.axes, (If(part.conditions, body),) if part.conditions else body)

    def _write(
        self, update: Update, layer: _Layer, buffers: dict[Node, str], scope: Scope
    ) -> tuple[Step, ...]:
        """The nests that write a layer into the array: one, or two where work-items would read what others
        write."""
        array = self.names[update.array]
        elements = Elements(self.formulas, self.counters, {}, self.fresh, frozenset())
        whole = self._axes(self.shape(self.arrays[update.array]))
        symbols = {f"%{d}": Index.of(axis.name) for d, axis in enumerate(whole)}
        part = _Part(
            whole, tuple(Index.of(axis.name) for axis in whole), (), self._indices(layer, elements, symbols)
        )
        wanted = tuple(
            Constraint(elements.index(c.expression, symbols), c.equality) for c in layer.constraints
        )
        part = part.where(wanted, scope)
        nest = self._nest(layer.node, part, array, buffers, scope)
        # Where it keeps what is there, nothing need be done: the nest is written again without that part.
        for _ in range(_MOST_MASKS):
            mask = _kept(nest)
            if mask is None:
                break
            part = part.where(mask, scope)
            nest = self._nest(layer.node, part, array, buffers, scope)
        axes, conditions = part.axes, part.conditions
        inside = scope
        for axis in axes:
            inside = inside.inside(axis, uniform=False)
        if not find_races(nest, inside):
            return (nest,)
        name = self.fresh("t")
        type = self.arrays[update.array]
        self.temporaries.append(Buffer(name, type.dtype, self.shape(type), Role.LOCAL))
        first = self._nest(layer.node, part, name, buffers, scope)
        again = tuple(Range(self.fresh("i"), axis.lower, axis.upper) for axis in axes)
        moved = {a.name: Index.of(b.name) for a, b in zip(axes, again, strict=True)}
        there = tuple(place.substitute(moved) for place in part.places)
        body = (Store(array, there, Load(name, there, type.dtype)),)
        if conditions:
            kept = tuple(Constraint(c.index.substitute(moved), c.equality) for c in conditions)
            return (first, Nest(again, (If(kept, body),)))
        return (first, Nest(again, body))


def _narrowed(
    axes: tuple[Range, ...], constraints: tuple[Constraint, ...], scope: Scope
) -> tuple[tuple[Range, ...], tuple[Constraint, ...]]:
    """The axes with constraints on single ones as their bounds, and the constraints that are left."""
    made = list(axes)
    rest: list[Constraint] = []
    places = {axis.name: d for d, axis in enumerate(axes)}
    for constraint in constraints:
        index = constraint.index
        named = [places[name] for name in index.names if name in places]
        parts = (index, -index) if constraint.equality else (index,)
        narrowed = made[named[0]] if len(named) == 1 else None
        for part in parts:
            narrowed = bounded(narrowed, part) if narrowed is not None else None
        if narrowed is None:
            rest.append(constraint)
        else:
            made[named[0]] = narrowed
    return tuple(pruned(axis, scope) for axis in made), tuple(rest)


def _kept(nest: Nest) -> tuple[Constraint, ...] | None:
    """The part outside of which a nest stores what is there already; None where there is no such part."""
    body = nest.body
    conditions: tuple[Constraint, ...] = ()
    if len(body) == 1 and isinstance(body[0], If):
        conditions, body = body[0].constraints, body[0].body
    match body[-1]:
        case Store(buffer, indices, Apply("select", (Holds(mask), _, Load(kept, places)))) if (
            kept == buffer and places == indices and set(mask) - set(conditions)
        ):
            return mask
        case _:
            return None


def lower_steps(
    name: str,
    steps: Sequence[TensorStep],
    dialect: Dialect,
    sizes: Mapping[str, int],
    arrays: Mapping[str, TensorType],
    bound: Sequence[str],
    counters: Sequence[LoopCounter] = (),
) -> Kernel:
    """A kernel of steps: its buffers are `bound`, in that order, then temporaries; its parameters `counters`.

    `arrays` has the type of every array that steps name; those that are not bound are local. Raises
    UsageError for an op without a formula, and an element type that kernels do not have.
    """
    named = _named(steps)
    lowering = Lowering(dialect, sizes, {a: arrays[a] for a in arrays if a in named or a in bound})
    for array in (*bound, *(array for array in lowering.arrays if array not in bound)):
        lowering.names[array] = lowering.fresh(array)
        if array not in bound:
            type = arrays[array]
            local = Buffer(lowering.names[array], type.dtype, lowering.shape(type), Role.LOCAL)
            lowering.temporaries.append(local)
    parameters: list[Parameter] = []
    for counter in counters:
        known = lowering.fresh(counter.name)
        lowering.counters[counter.name] = known
        parameters.append(Parameter(known, counter.lower, counter.upper))
    body = lowering.steps(steps, Scope.of(tuple(parameters)))
    roles = _roles(steps, bound)
    buffers = [
        Buffer(lowering.names[array], arrays[array].dtype, lowering.shape(arrays[array]), roles[array])
        for array in bound
    ]
    kernel = Kernel(lowering.fresh(name), tuple(parameters), (*buffers, *lowering.temporaries), body)
    verify_kernel(kernel)
    return kernel


def lower_program(program: TensorProgram, dialect: Dialect, sizes: Mapping[str, int]) -> Kernel:
    """A whole lifted program as one kernel: its arguments, then its locals, are the buffers that it binds."""
    missing = [size for size in program.sizes if size not in sizes]
    if missing:
        raise UsageError(f"{program.name}: no value for the size {missing[0]!r}")
    arrays = {a.name: a.type for a in (*program.arguments, *program.locals)}
    return lower_steps(program.name, program.body, dialect, sizes, arrays, tuple(arrays))


def _named(steps: Sequence[TensorStep]) -> frozenset[str]:
    """The arrays that steps read or write."""
    found: set[str] = set()
    pending = list(steps)
    while pending:
        step = pending.pop()
        if isinstance(step, Update):
            found.add(step.array)
            found |= {node.name for node in postorder(step.value) if isinstance(node, ArrayValue)}
        else:
            pending += step.body
    return frozenset(found)


def _roles(steps: Sequence[TensorStep], bound: Sequence[str]) -> dict[str, Role]:
    """`in` for what is only read; `inout` for the rest, whose contents may matter before and after."""
    written: set[str] = set()
    pending = list(steps)
    while pending:
        step = pending.pop()
        if isinstance(step, Update):
            written.add(step.array)
        else:
            pending += step.body
    return {array: Role.INOUT if array in written else Role.IN for array in bound}
