"""reduce and reduce_window with a body that is one function.

StableHLO takes an initial value as an operand; here it is always the function's identity and implied.
The attribute `body` names the function. The order of combination is not defined, as in StableHLO.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations, islice, product

from exalift.affine import FUNCTIONS, Affine, Constraint, Formula, Kind, Reduce
from exalift.base import DType

from ..definition import Hints, OpDefinition
from ..types import Attributes, TensorType
from .attribute_values import affine_pairs, affines, integers, text
from .extents import never_at_least_zero, never_negative
from .notation import all_of, load, reduced_axes, result_axes, symbols, within

LIMIT = 64
"""The most attribute assignments that one op is tried with on one tuple of operand types."""


def reduces(function: str, dtype: DType) -> bool:
    """Whether the function can be the body of a reduction of such elements."""
    known = FUNCTIONS.get(function)
    if known is None or not known.reduces:
        return False
    if known.kind is Kind.LOGICAL:
        return not dtype.is_float
    return dtype is not DType.I1


def _bodies(dtype: DType, hints: Hints) -> tuple[str, ...]:
    """The reducing functions that the region uses; a sum where it uses none."""
    seen = tuple(name for name in FUNCTIONS if name in hints.functions and reduces(name, dtype))
    return seen or (("add",) if reduces("add", dtype) else ())


def _reduce_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    (operand,) = operands
    dimensions = integers(attributes, "dimensions")
    if len(set(dimensions)) != len(dimensions) or any(not 0 <= d < operand.rank for d in dimensions):
        return None
    if not reduces(text(attributes, "body"), operand.dtype):
        return None
    return TensorType(tuple(e for d, e in enumerate(operand.shape) if d not in dimensions), operand.dtype)


def _reduce(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    (operand,) = operands
    dimensions = sorted(integers(attributes, "dimensions"))
    kept, gone = result_axes(result.shape), reduced_axes([operand.shape[d] for d in dimensions])
    remaining, reduced = iter(symbols(kept)), iter(symbols(gone))
    indices = [next(reduced) if d in dimensions else next(remaining) for d in range(operand.rank)]
    body = load(operands, 0, indices)
    if not gone:
        return Formula(kept, body)
    return Formula(kept, Reduce(text(attributes, "body"), gone, body, result.dtype))


def _reductions(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Subsets of dimensions, small ones first; those that give the goal's shape before the others."""
    (operand,) = operands
    every = range(operand.rank)
    subsets = list(chain.from_iterable(combinations(every, count) for count in range(1, operand.rank + 1)))
    if hints.goal:
        goal = hints.goal.shape
        subsets.sort(key=lambda s: tuple(operand.shape[d] for d in every if d not in s) != goal)
    found = ((("body", body), ("dimensions", s)) for s in subsets for body in _bodies(operand.dtype, hints))
    return islice(found, LIMIT)


def _window_extent(
    extent: Affine, window: Affine, stride: int, base: int, dilation: int, low: Affine, high: Affine
) -> Affine | None:
    """The extent of the result along one dimension (StableHLO specification, `reduce_window`, C13-C16)."""
    if min(stride, base, dilation) < 1 or not never_negative(window - 1):
        return None
    if base > 1 and not never_negative(extent - 1):
        return None
    dilated = extent if base == 1 else (extent - 1) * base + 1
    room = dilated + low + high - ((window - 1) * dilation + 1)
    return None if never_at_least_zero(room) else room // stride + 1


def _window_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    (operand,) = operands
    rank = operand.rank
    windows = affines(attributes, "window_dimensions")
    strides, bases, dilations, padding = _window_options(attributes, rank)
    lengths = {len(windows), len(strides), len(bases), len(dilations), len(padding)}
    if lengths != {rank} or not reduces(text(attributes, "body"), operand.dtype):
        return None
    shape: list[Affine] = []
    for d in range(rank):
        extent = _window_extent(
            operand.shape[d], windows[d], strides[d], bases[d], dilations[d], padding[d][0], padding[d][1]
        )
        if extent is None:
            return None
        shape.append(extent)
    return TensorType(tuple(shape), operand.dtype)


_Options = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[tuple[Affine, Affine], ...]]


def _window_options(attributes: Attributes, rank: int) -> _Options:
    ones = (1,) * rank
    return (
        integers(attributes, "window_strides", ones),
        integers(attributes, "base_dilations", ones),
        integers(attributes, "window_dilations", ones),
        affine_pairs(attributes, "padding", rank),
    )


def _reduce_window(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    (operand,) = operands
    windows = affines(attributes, "window_dimensions")
    strides, bases, dilations, padding = _window_options(attributes, operand.rank)
    kept = result_axes(result.shape)
    # A window of one element along a dimension has nothing to run over.
    gone = tuple(a for a, w in zip(reduced_axes(windows), windows, strict=True) if w != Affine.of(1))
    running = {axis.name for axis in gone}
    indices: list[Affine] = []
    constraints: list[Constraint] = []
    for d, axis in enumerate(symbols(kept)):
        offset = Affine.symbol(f"%r{d}") * dilations[d] if f"%r{d}" in running else Affine()
        position = axis * strides[d] + offset - padding[d][0]
        indices.append(position // bases[d])
        if padding[d] != (Affine(), Affine()):
            constraints += within(indices[-1], operand.shape[d])
        if bases[d] > 1:
            constraints.append(Constraint(position % bases[d], equality=True))
    reduced = Reduce(
        text(attributes, "body"), gone, load(operands, 0, indices), result.dtype, all_of(constraints)
    )
    return Formula(kept, reduced)


_ONE = Affine.of(1)


def _window_reductions(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Windows of the extents and strides that are seen, without padding."""
    return islice(_window_candidates(operands[0], hints), LIMIT)


def _window_candidates(operand: TensorType, hints: Hints) -> Iterator[Attributes]:
    bodies = _bodies(operand.dtype, hints)
    for chosen in product(*(_windows_along(d, operand, hints) for d in range(operand.rank))):
        windows, strides = zip(*chosen, strict=True) if chosen else ((), ())
        if all(w == _ONE for w in windows):
            continue
        for body in bodies:
            attributes: Attributes = (
                ("body", body),
                ("window_dimensions", tuple(windows)),
                ("window_strides", tuple(strides)),
            )
            result = _window_type((operand,), attributes)
            fits = hints.goal is None or hints.goal.rank != operand.rank or result == hints.goal
            if result and fits:
                yield attributes


def _windows_along(dimension: int, operand: TensorType, hints: Hints) -> list[tuple[Affine, int]]:
    """Windows and strides; where the goal has the operand's rank, those that give its extent here.

    Elsewhere a window as wide as a size is not tried: of four dimensions there are too many combinations.
    """
    goal = hints.goal if hints.goal is not None and hints.goal.rank == operand.rank else None
    extents = dict.fromkeys(
        e for e in hints.extents if (1 < e.constant <= 16 if e.is_constant else goal is not None)
    )
    strides = [stride for stride in sorted(set(hints.strides)) if stride >= 1]
    choices = [(_ONE, 1), *product(extents, strides)]
    if goal is None:
        return choices
    extent, wanted = operand.shape[dimension], goal.shape[dimension]
    return [(w, s) for w, s in choices if _window_extent(extent, w, s, 1, 1, Affine(), Affine()) == wanted]


DEFINITIONS = (
    OpDefinition("stablehlo.reduce", 1, _reduce_type, _reduce, _reductions),
    OpDefinition("stablehlo.reduce_window", 1, _window_type, _reduce_window, _window_reductions),
)
