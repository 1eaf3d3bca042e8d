"""Loops: `affine.for`, `affine.parallel` and `scf.for`, normalised to steps of 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from exalift.affine import Affine, Load, Loop
from exalift.base import DType

from . import scalar_operations, scalars
from .affine_maps import apply_map
from .facts import ScalarOperation
from .scalars import Extremum, Scalar
from .source import Unsupported
from .syntax import AffineMap, Operation, Value
from .translation import Enclosing, Handler, Translation, scalar_type

_COMBINING = {
    "addf": ("arith.addf", 0),
    "addi": ("arith.addi", 0),
    "mulf": ("arith.mulf", 1),
    "muli": ("arith.muli", 1),
    "maximumf": ("arith.maximumf", float("-inf")),
    "maxnumf": ("arith.maxnumf", float("-inf")),
    "minimumf": ("arith.minimumf", float("inf")),
    "minnumf": ("arith.minnumf", float("inf")),
}


@dataclass(frozen=True, slots=True)
class _Range:
    """One induction variable with its bounds and step."""

    iv: Value
    lower: Extremum
    upper: Extremum
    step: int


def _bounds(given: AffineMap, operands: Sequence[Extremum], largest: bool) -> Extremum:
    found = Extremum.combined(apply_map(given, operands), largest)
    if found is None:
        raise Unsupported(
            f"a {'lower' if largest else 'upper'} bound mixes minima and maxima",
            "split the loop, so that lower bounds are maxima and upper bounds are minima",
        )
    return found


def _affine_for(translation: Translation, operation: Operation) -> None:
    lower, upper = operation.attributes["lowerBoundMap"], operation.attributes["upperBoundMap"]
    step, counts = operation.attributes["step"], operation.attributes["operandSegmentSizes"]
    if not (isinstance(lower, AffineMap) and isinstance(upper, AffineMap)):
        raise Unsupported("affine.for without maps is not supported")
    if not (isinstance(step, int) and isinstance(counts, tuple)):
        raise Unsupported("affine.for without a step is not supported")
    first, second = int(counts[0]), int(counts[0]) + int(counts[1])
    indices = [translation.use_index(operand) for operand in operation.operands[:second]]
    body = translation.region(operation, 0)
    spanned = _Range(
        body.arguments[0],
        _bounds(lower, indices[:first], largest=True),
        _bounds(upper, indices[first:], largest=False),
        step,
    )
    _sequential(translation, operation, spanned, operation.operands[second:])


def _scf_for(translation: Translation, operation: Operation) -> None:
    lower, upper, step = (translation.use_index(operand) for operand in operation.operands[:3])
    constant = step.single
    if constant is None or not constant.is_constant or constant.constant < 1:
        raise Unsupported("the step of a loop must be a positive constant")
    if not lower.fits(largest=True) or not upper.fits(largest=False):
        raise Unsupported(
            "a lower bound that is a minimum, or an upper one that is a maximum, is not supported"
        )
    iv = translation.region(operation, 0).arguments[0]
    spanned = _Range(iv, lower, upper, constant.constant)
    _sequential(translation, operation, spanned, operation.operands[3:])


def _sequential(
    translation: Translation, operation: Operation, spanned: _Range, initial: Sequence[Value]
) -> None:
    """A loop with values carried from iteration to iteration, each in a local of rank 0.

    `%r = for ... iter_args(%s = %a) { yield %b }`  ->  `s = a; for (...) { s = b }`, and %r is s.
    """
    emitter = translation.emitter
    body = translation.region(operation, 0)
    carried = body.arguments[1:]
    locals_ = [emitter.local(value.name, scalar_type(value).dtype, value.span) for value in carried]
    for value, local in zip(initial, locals_, strict=True):
        scalar = translation.use(value)
        if value not in translation.undefined:
            emitter.assign(local, scalar, operation.span)
    emitter.before(translation.memory.stored(operation))

    def inside() -> None:
        for value, local in zip(carried, locals_, strict=True):
            translation.define(value, scalars.load(local, (), scalar_type(value).dtype))
        _carry(translation, translation.block(body), locals_, operation)

    _emit_loop(translation, operation, spanned, inside)
    for result, local in zip(operation.results, locals_, strict=True):
        translation.define(result, scalars.load(local, (), scalar_type(result).dtype))


def _carry(
    translation: Translation, yielded: Sequence[Value], targets: Sequence[str], operation: Operation
) -> None:
    """Assign the yielded values, which all have their values from before."""
    for value, local in zip(yielded, targets, strict=True):
        scalar = translation.use(value)
        unchanged = isinstance(scalar.expression, Load) and scalar.expression.array == local
        if not unchanged and value not in translation.undefined:
            translation.emitter.store(local, (), scalar, operation.span, value)


def _emit_loop(
    translation: Translation, operation: Operation, spanned: _Range, inside: Callable[[], None]
) -> None:
    """A loop around what `inside` emits.

    `for (i = a; i < b; i += s)`  ->  `for (i' = 0; i' < ceil((b - a) / s); i'++)` with `i = a + s i'`.
    """
    emitter = translation.emitter
    name = emitter.names.fresh(spanned.iv.name, reuse=True)
    value = Affine.symbol(name)
    lower, upper = spanned.lower.candidates, spanned.upper.candidates
    if spanned.step > 1:
        start, step = spanned.lower.single, spanned.step
        if start is None:
            raise Unsupported("a step other than 1 from the largest of several bounds is not supported")
        value = value * step + start
        upper = tuple((bound - start + (step - 1)) // step for bound in upper)
        lower = (Affine.of(0),)
    translation.define(spanned.iv, scalars.indexed(Extremum.of(value), scalar_type(spanned.iv).dtype))
    with emitter.block() as statements, translation.inside(Enclosing(name, lower, upper)):
        inside()
    emitter.names.release(name)
    if statements:
        emitter.append(Loop(name, lower, upper, tuple(statements), operation.span))


def _affine_parallel(translation: Translation, operation: Operation) -> None:
    """All iterations in order, which is one of the orders that they may have."""
    attributes = operation.attributes
    lower, upper = attributes["lowerBoundsMap"], attributes["upperBoundsMap"]
    if not (isinstance(lower, AffineMap) and isinstance(upper, AffineMap)):
        raise Unsupported("affine.parallel without maps is not supported")
    groups = [attributes[name] for name in ("lowerBoundsGroups", "upperBoundsGroups", "steps", "reductions")]
    lowers, uppers, steps, reductions = (group if isinstance(group, tuple) else () for group in groups)
    indices = [translation.use_index(operand) for operand in operation.operands]
    count = lower.dims + lower.symbols
    lower_bounds = _grouped(lower, indices[:count], lowers, largest=True)
    upper_bounds = _grouped(upper, indices[count:], uppers, largest=False)
    body = translation.region(operation, 0)
    ranges = [
        _Range(iv, low, high, int(step))
        for iv, low, high, step in zip(body.arguments, lower_bounds, upper_bounds, steps, strict=True)
    ]
    emitter = translation.emitter
    combining = [_combining(reduction) for reduction in reductions]
    totals: list[str] = []
    for (_, identity), result in zip(combining, operation.results, strict=True):
        dtype = scalar_type(result).dtype
        totals.append(emitter.local(result.name, dtype, result.span))
        emitter.assign(totals[-1], _number(identity, dtype), operation.span)
    emitter.before(translation.memory.stored(operation))

    def innermost() -> None:
        yielded = translation.block(body)
        for value, total, (name, _) in zip(yielded, totals, combining, strict=True):
            scalar = translation.use(value)
            old = scalars.load(total, (), scalar.dtype)
            step = ScalarOperation(name, (old, scalar), {}, scalar.dtype, translation.facts)
            combined = scalar_operations.lower(step)
            assert combined is not None
            emitter.store(total, (), combined, operation.span)

    inside = innermost
    for spanned in reversed(ranges):
        inside = _nested(translation, operation, spanned, inside)
    inside()
    for result, total in zip(operation.results, totals, strict=True):
        translation.define(result, scalars.load(total, (), scalar_type(result).dtype))


def _nested(
    translation: Translation, operation: Operation, spanned: _Range, inside: Callable[[], None]
) -> Callable[[], None]:
    return lambda: _emit_loop(translation, operation, spanned, inside)


def _grouped(
    given: AffineMap, operands: Sequence[Extremum], groups: Sequence[int | str], largest: bool
) -> list[Extremum]:
    """The bounds of each dimension: so many results of the map as its group says."""
    found: list[Extremum] = []
    position = 0
    for size in groups:
        results = given.results[position : position + int(size)]
        found.append(_bounds(AffineMap(given.dims, given.symbols, results), operands, largest))
        position += int(size)
    return found


def _combining(reduction: int | str) -> tuple[str, float]:
    found = _COMBINING.get(str(reduction))
    if found is None:
        raise Unsupported(f"a parallel reduction by {reduction} is not supported")
    return found


def _number(identity: float, dtype: DType) -> Scalar:
    finite = identity in (0, 1)
    return scalars.number(Fraction(identity) if finite and dtype.is_float else identity, dtype)


HANDLERS: dict[str, Handler] = {
    "affine.for": _affine_for,
    "affine.parallel": _affine_parallel,
    "scf.for": _scf_for,
}
