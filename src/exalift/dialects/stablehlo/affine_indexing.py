"""Ops whose indices are affine: the definitions have the index map as attributes.

StableHLO takes the places to read and to write as a tensor of integers. Where that tensor is affine in
its own indices and in the counters of loops (an `iota`, a diagonal, a constant), the op is an affine
access, and that is what these definitions are. Attributes speak of the result's axes as `%0`, `%1`, ...

An affine function of the indices as data, and a condition on them, are what `linalg.index` is made into.

The importers make them; the search does not use them, and they have no printed form. Starts must be in
bounds, which the importers decide: StableHLO clamps those of a gather and drops updates of a scatter.
"""

from __future__ import annotations

from collections.abc import Sequence

from exalift.affine import FUNCTIONS, Affine, Apply, Constraint, Formula, GuardValue, IndexValue
from exalift.base import DType

from ..definition import OpDefinition
from ..types import Attributes, TensorType
from .attribute_values import affines, text
from .notation import all_of, formula, load, result_axes, symbols

SET = "set"
"""The body of a scatter that replaces elements."""


def _gather_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    (operand,) = operands
    if len(affines(attributes, "indices")) != operand.rank:
        return None
    return TensorType(affines(attributes, "shape"), operand.dtype)


def _gather(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    return formula(result, load(operands, 0, affines(attributes, "indices")))


def _scatter_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    operand, updates = operands
    if operand.dtype is not updates.dtype or len(affines(attributes, "indices")) != updates.rank:
        return None
    body = text(attributes, "body")
    known = body == SET or (body in FUNCTIONS and FUNCTIONS[body].reduces)
    return operand if known else None


def _scatter(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    old = load(operands, 0, symbols(result_axes(result.shape)))
    update = load(operands, 1, affines(attributes, "indices"))
    rows = [Constraint(row) for row in affines(attributes, "within", ())]
    rows += [Constraint(row, True) for row in affines(attributes, "equal", ())]
    body = text(attributes, "body")
    new = update if body == SET else Apply(body, (old, update), result.dtype)
    return formula(result, Apply("select", (GuardValue(all_of(rows)), new, old), result.dtype))


def _index_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    del operands
    return TensorType(affines(attributes, "shape"), DType(text(attributes, "dtype")))


def _index(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    del operands
    (index,) = affines(attributes, "index")
    return formula(result, IndexValue(index, result.dtype))


def _holds_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    del operands
    return TensorType(affines(attributes, "shape"), DType.I1)


def _holds(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    del operands
    rows = [Constraint(row) for row in affines(attributes, "within", ())]
    rows += [Constraint(row, True) for row in affines(attributes, "equal", ())]
    return formula(result, GuardValue(all_of(rows)))


def index_attributes(index: Affine, shape: Sequence[Affine], dtype: DType) -> Attributes:
    """The value of `index` in `%0`, `%1`, ... at every element, as a number."""
    return (("dtype", str(dtype)), ("index", (index,)), ("shape", tuple(shape)))


def holds_attributes(rows: Sequence[Constraint], shape: Sequence[Affine]) -> Attributes:
    """Whether all conditions on `%0`, `%1`, ... hold, at every element."""
    equal = tuple(row.expression for row in rows if row.equality)
    within = tuple(row.expression for row in rows if not row.equality)
    return (("equal", equal), ("shape", tuple(shape)), ("within", within))


def gather_attributes(indices: Sequence[Affine], shape: Sequence[Affine]) -> Attributes:
    """`indices`: for every dimension of the operand, where element `(%0, %1, ...)` of the result is read."""
    return (("indices", tuple(indices)), ("shape", tuple(shape)))


def scatter_attributes(
    indices: Sequence[Affine], within: Sequence[Affine], equal: Sequence[Affine], body: str
) -> Attributes:
    """An element of the operand changes where all of `within` are >= 0 and all of `equal` are 0.

    `indices`: for every dimension of the updates, where the update of element `(%0, %1, ...)` is read.
    `body`: `SET`, or the function that combines the old element with the update.
    """
    return (("body", body), ("equal", tuple(equal)), ("indices", tuple(indices)), ("within", tuple(within)))


DEFINITIONS = (
    OpDefinition("exalift.gather", 1, _gather_type, _gather, search=False),
    OpDefinition("exalift.scatter", 2, _scatter_type, _scatter, search=False),
    OpDefinition("exalift.index", 0, _index_type, _index, search=False),
    OpDefinition("exalift.holds", 0, _holds_type, _holds, search=False),
)
