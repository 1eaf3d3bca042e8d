"""Printing a lifted program as a StableHLO module for concrete sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from exalift.affine import Affine
from exalift.base import DType, TensorShape, UsageError, VerificationError

from ..graph import (
    ArrayValue,
    ConstantValue,
    IndexScalar,
    Node,
    Operation,
    Step,
    TensorLoop,
    TensorProgram,
    Update,
)
from ..types import AttributeValue, TensorType
from .dialect import STABLEHLO
from .emitter import Emitter, Value
from .liveness import carried, live_between, live_in_body
from .lowering import I1, I64, Scene, emit_index, lower
from .start_bounds import LoopRange
from .walks import walk


def print_module(program: TensorProgram, sizes: Mapping[str, int]) -> str:
    """The text of a module with one public function, named as the program, verified by MLIR.

    Arguments and results are the program's, in order, with static shapes. A `TensorLoop` becomes a
    `stablehlo.while` over an i64 counter and the arrays that outlive an iteration; everything else is
    used from outside. Equal ops are printed once. Locals that are read before they are written start
    as zeros. The text depends on the program and the sizes alone.

    Raises UsageError for a size that is missing, or for which some shape would be negative or some slice
    out of bounds, and VerificationError for a program that breaks its own rules.
    """
    missing = [name for name in program.sizes if name not in sizes]
    if missing:
        raise UsageError(f"{program.name}: no value for the size {', '.join(missing)}")
    known = {name: int(sizes[name]) for name in program.sizes}
    arguments = [(a.name, concrete(a.type, known, f"the argument {a.name}")) for a in program.arguments]
    emitter = Emitter(program.name, arguments)
    printer = Printer(program, known)
    arrays = dict(zip((a.name for a in program.arguments), emitter.arguments, strict=True))
    live = frozenset(result.array for result in program.results)
    printer.steps(program.body, live, arrays, Scene(emitter, known))
    return emitter.finish([printer.result(r.array, r.type, arrays, emitter) for r in program.results])


def _value_shape(type: TensorType, sizes: Mapping[str, int], what: str) -> TensorShape:
    """The shape of a value; as in formulas, a negative extent counts as 0 (the inside of a stencil)."""
    empty = {extent: Affine() for extent in type.shape if extent.names <= set(sizes) and extent.at(sizes) < 0}
    return concrete(TensorType(tuple(empty.get(e, e) for e in type.shape), type.dtype), sizes, what)


def concrete(type: TensorType, sizes: Mapping[str, int], what: str) -> TensorShape:
    extents: list[int] = []
    for extent in type.shape:
        unknown = extent.names - set(sizes)
        if unknown:
            raise VerificationError(f"{what} has an extent in {', '.join(sorted(unknown))}: {extent}")
        value = extent.at(sizes)
        if value < 0:
            chosen = ", ".join(f"{name} = {sizes[name]}" for name in sorted(extent.names))
            raise UsageError(f"{chosen or 'the shape'} is too small: {what} would have the extent {value}")
        extents.append(value)
    return TensorShape(tuple(extents), type.dtype)


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints steps of one program at given sizes; `dialects.stablehlo.parts` prints some of them alone."""

    program: TensorProgram
    sizes: Mapping[str, int]

    def steps(
        self, steps: Sequence[Step], live: frozenset[str], arrays: dict[str, Value], scene: Scene
    ) -> None:
        """Print steps in order; `arrays` is brought up to date, `live` is what is wanted after them."""
        for step, wanted in zip(steps, live_between(steps, live)[1:], strict=True):
            match step:
                case Update(array=array):
                    if array in wanted:
                        arrays[array] = self._update(step, arrays, scene)
                case TensorLoop():
                    # Loops nest as deep as the source's own do, so this recursion is short.
                    self._loop(step, wanted, arrays, scene)
                case _:
                    assert_never(step)

    def _update(self, step: Update, arrays: Mapping[str, Value], scene: Scene) -> Value:
        expected = self.type_of(step.array)
        if step.value.type != expected:
            raise VerificationError(f"{step.array} has type {expected}, its new value {step.value.type}")
        return self._node(step.value, arrays, scene, step.array)

    def type_of(self, array: str) -> TensorType:
        for known in (*self.program.arguments, *self.program.locals):
            if known.name == array:
                return known.type
        raise VerificationError(f"{array} is neither an argument nor a local")

    def contents(self, array: str, arrays: Mapping[str, Value], emitter: Emitter) -> Value:
        if array in arrays:
            return arrays[array]
        return emitter.constant(0, _value_shape(self.type_of(array), self.sizes, f"the local {array}"))

    def result(self, array: str, type: TensorType, arrays: Mapping[str, Value], emitter: Emitter) -> Value:
        if self.type_of(array) != type:
            raise VerificationError(f"{array} has type {self.type_of(array)}, the result has {type}")
        concrete(type, self.sizes, f"the result {array}")
        return self.contents(array, arrays, emitter)

    def _node(self, root: Node, arrays: Mapping[str, Value], scene: Scene, target: str) -> Value:
        values: dict[int, Value] = {}

        def value_of(node: Node) -> Value:
            # Leaves are printed where they are used: what a broadcast absorbs does not appear.
            if isinstance(node, Operation):
                return values[id(node)]
            return self._leaf(node, arrays, scene)

        for node in walk(root):
            if isinstance(node, Operation):
                values[id(node)] = self._operation(node, value_of, scene, target)
        return value_of(root)

    def _leaf(
        self, node: ArrayValue | ConstantValue | IndexScalar, arrays: Mapping[str, Value], scene: Scene
    ) -> Value:
        match node:
            case ArrayValue(name=name, type=type):
                if self.type_of(name) != type:
                    raise VerificationError(f"{name} has type {self.type_of(name)}, not {type}")
                return self.contents(name, arrays, scene.emitter)
            case ConstantValue(value=value, type=type):
                return scene.emitter.constant(value, TensorShape((), type.dtype))
            case IndexScalar(index=index, type=type):
                return _index_scalar(index, type.dtype, scene)

    def _operation(
        self, node: Operation, value_of: Callable[[Node], Value], scene: Scene, target: str
    ) -> Value:
        result = _value_shape(node.type, self.sizes, f"{node.name} for {target}")
        if result.is_empty:
            return scene.emitter.constant(0, result)
        self._check(node, result, scene, target)
        if node.name == "stablehlo.broadcast_in_dim" and isinstance(node.operands[0], ConstantValue):
            return scene.emitter.constant(node.operands[0].value, result)
        folded = _converted_index(node, scene)
        if folded is not None:
            return scene.emitter.constant(folded, result)
        return lower(node, [value_of(operand) for operand in node.operands], result, scene)

    def _check(self, node: Operation, result: TensorShape, scene: Scene, target: str) -> None:
        """Ask the static check again at these sizes: there, what it took on trust for small sizes shows."""
        definition = STABLEHLO.by_name.get(node.name)
        if definition is None:
            raise VerificationError(f"there is no printed form of {node.name}")
        types = tuple(_fixed_type(operand.type, scene) for operand in node.operands)
        attributes = tuple((name, _fixed_value(value, scene)) for name, value in node.attributes)
        for name, value in attributes:
            moving = frozenset[str]() if name == "starts" else _names(value)
            if moving:
                raise VerificationError(
                    f"{name} of {node.name} must not depend on {', '.join(sorted(moving))}"
                )
        found = definition.result_type(types, attributes)
        if found is None:
            shown = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
            operands = ", ".join(str(type) for type in types)
            raise UsageError(
                f"{shown}: too small a size, or a wrong op: {node.name} for {target} would be out of bounds "
                f"on ({operands})"
            )
        if found.at(self.sizes) != result.extents:
            raise VerificationError(f"{node.name} for {target} has type {found}, not {node.type}")

    def loop_between(
        self,
        loop: TensorLoop,
        within: tuple[Value, Value],
        live: frozenset[str],
        arrays: dict[str, Value],
        scene: Scene,
    ) -> None:
        """Print the loop from one i64 value to another, which lie between its own bounds."""
        kept = [name for name in self._order() if name in carried(loop, live)]
        first, limit = within

        def condition(values: tuple[Value, ...]) -> Value:
            return scene.emitter.operation("stablehlo.compare", (values[0], limit), I1, _LESS)

        self._while(loop, kept, first, condition, live, arrays, scene)

    def _loop(self, loop: TensorLoop, live: frozenset[str], arrays: dict[str, Value], scene: Scene) -> None:
        kept = [name for name in self._order() if name in carried(loop, live)]
        lower_bounds = [scene.fixed(bound) for bound in loop.lower]
        upper_bounds = [scene.fixed(bound) for bound in loop.upper]
        constant = all(bound.is_constant for bound in (*lower_bounds, *upper_bounds))
        if not kept or (constant and max(_values(lower_bounds)) >= min(_values(upper_bounds))):
            return
        emitter = scene.emitter
        # A limit that is a constant is printed inside the condition, one that moves is computed here.
        first = _extreme("maximum", lower_bounds, scene)
        moving = None if constant else _extreme("minimum", upper_bounds, scene)

        def condition(values: tuple[Value, ...]) -> Value:
            limit = emitter.integer(min(_values(upper_bounds))) if moving is None else moving
            return emitter.operation("stablehlo.compare", (values[0], limit), I1, _LESS)

        self._while(loop, kept, first, condition, live, arrays, scene)

    def _while(
        self,
        loop: TensorLoop,
        kept: Sequence[str],
        first: Value,
        condition: Callable[[tuple[Value, ...]], Value],
        live: frozenset[str],
        arrays: dict[str, Value],
        scene: Scene,
    ) -> None:
        emitter = scene.emitter
        initial = [first, *(self.contents(name, arrays, emitter) for name in kept)]

        def body(values: tuple[Value, ...]) -> Sequence[Value]:
            inner = dict(arrays) | dict(zip(kept, values[1:], strict=True))
            counters = {**(scene.counters or {}), loop.iv: values[0]}
            inside = replace(scene, loops=(*scene.loops, loop_range(loop, scene)), counters=counters)
            self.steps(loop.body, live_in_body(loop, live), inner, inside)
            following = emitter.operation("stablehlo.add", (values[0], emitter.integer(1)), I64)
            return [following, *(inner[name] for name in kept)]

        results = emitter.while_loop([loop.iv, *kept], initial, condition, body)
        arrays.update(zip(kept, results[1:], strict=True))

    def _order(self) -> Iterator[str]:
        """All arrays in the order of declaration, which makes the text deterministic."""
        for known in (*self.program.arguments, *self.program.locals):
            yield known.name


_LESS = (
    ("comparison_direction", "#stablehlo<comparison_direction LT>"),
    ("compare_type", "#stablehlo<comparison_type SIGNED>"),
)


def loop_range(loop: TensorLoop, scene: Scene) -> LoopRange:
    """The values that the loop's variable takes, sizes put in."""
    lower, upper = (tuple(scene.fixed(bound) for bound in bounds) for bounds in (loop.lower, loop.upper))
    return LoopRange(loop.iv, lower, upper)


def _values(bounds: Sequence[Affine]) -> list[int]:
    return [bound.constant for bound in bounds]


def _extreme(function: str, bounds: Sequence[Affine], scene: Scene) -> Value:
    """The largest or smallest of some affine expressions, as an i64 scalar."""
    if all(bound.is_constant for bound in bounds):
        chosen = max(_values(bounds)) if function == "maximum" else min(_values(bounds))
        return scene.emitter.integer(chosen)
    first, *rest = (emit_index(bound, scene) for bound in bounds)
    for other in rest:
        first = scene.emitter.operation(f"stablehlo.{function}", (first, other), I64)
    return first


def _index_scalar(index: Affine, dtype: DType, scene: Scene) -> Value:
    value = scene.fixed(index)
    scalar = TensorShape((), dtype)
    if value.is_constant:
        return scene.emitter.constant(value.constant, scalar)
    counter = emit_index(value, scene)
    return counter if dtype is DType.I64 else scene.emitter.operation("stablehlo.convert", (counter,), scalar)


def _fixed_type(type: TensorType, scene: Scene) -> TensorType:
    return TensorType(tuple(scene.fixed(extent) for extent in type.shape), type.dtype)


def _fixed_value(value: AttributeValue, scene: Scene) -> AttributeValue:
    """An attribute at the scene's sizes. Attributes nest two deep at most (pairs of paddings)."""
    match value:
        case Affine():
            return scene.fixed(value)
        case tuple():
            return tuple(_fixed_value(item, scene) for item in value)
        case _:
            return value


def _names(value: AttributeValue) -> frozenset[str]:
    match value:
        case Affine():
            return value.names
        case tuple():
            return frozenset[str]().union(*(_names(item) for item in value))
        case _:
            return frozenset()


def _converted_index(node: Operation, scene: Scene) -> int | None:
    """The number that `convert` makes of an index scalar, where that is the same at these sizes in both
    types: sizes used as data then appear as plain numbers."""
    (operand, *_) = node.operands or (None,)
    if node.name != "stablehlo.convert" or not isinstance(operand, IndexScalar):
        return None
    value = scene.fixed(operand.index)
    # All numbers below 2^24 are numbers of each type of 32 bits or more, below 2^7 of each narrower one.
    limit = 1 << (24 if node.type.dtype.bits >= 32 else 7)
    if not value.is_constant or not 0 <= value.constant < min(limit, 1 << (operand.type.dtype.bits - 1)):
        return None
    return value.constant if node.type.dtype is not DType.I1 else int(value.constant != 0)
