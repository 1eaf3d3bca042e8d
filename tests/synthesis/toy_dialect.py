"""A dialect of a dozen ops, written as anyone may write one, to test the search without any real one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Expression,
    Formula,
    IndexValue,
    Load,
    Reduce,
)
from exalift.base import DType
from exalift.dialects import Attributes, Dialect, Hints, OpDefinition, TensorType, attribute


def axes_of(type: TensorType, prefix: str = "i") -> tuple[Axis, ...]:
    return tuple(Axis(f"{prefix}{n}", extent) for n, extent in enumerate(type.shape))


def at(axes: Sequence[Axis]) -> tuple[Affine, ...]:
    return tuple(Affine.symbol(axis.name) for axis in axes)


def elementwise(name: str, arity: int, floats: bool = False) -> OpDefinition:
    def result_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
        same = all(operand == operands[0] for operand in operands)
        fits = operands[0].dtype.is_float or (operands[0].dtype.is_integer and not floats)
        return operands[0] if same and fits else None

    def formula(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
        axes = axes_of(result)
        loads = tuple(Load(str(n), at(axes), result.dtype) for n in range(arity))
        return Formula(axes, Apply(name, loads, result.dtype))

    return OpDefinition(f"toy.{name}", arity, result_type, formula)


def compare(direction: str) -> OpDefinition:
    def result_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
        left, right = operands
        return TensorType(left.shape, DType.I1) if left == right and left.dtype is not DType.I1 else None

    def formula(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
        axes = axes_of(result)
        loads = tuple(Load(str(n), at(axes), operands[0].dtype) for n in range(2))
        return Formula(axes, Apply(f"compare_{direction}", loads, DType.I1))

    return OpDefinition(f"toy.compare_{direction}", 2, result_type, formula)


def _select_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    mask, left, right = operands
    fits = mask.dtype is DType.I1 and mask.shape == left.shape and left == right
    return left if fits else None


def _select_formula(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = axes_of(result)
    loads = tuple(Load(str(n), at(axes), type.dtype) for n, type in enumerate(operands))
    return Formula(axes, Apply("select", loads, result.dtype))


def _permutations(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    for order in permutations(range(operands[0].rank)):
        if order != tuple(sorted(order)):
            yield (("permutation", order),)


def _order(attributes: Attributes) -> tuple[int, ...]:
    order = attribute(attributes, "permutation")
    assert isinstance(order, tuple)
    return tuple(int(n) for n in order if isinstance(n, int))


def _transpose_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    shape = operands[0].shape
    return TensorType(tuple(shape[n] for n in _order(attributes)), operands[0].dtype)


def _transpose_formula(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = axes_of(result)
    index = [Affine()] * result.rank
    for place, dimension in enumerate(_order(attributes)):
        index[dimension] = Affine.symbol(axes[place].name)
    return Formula(axes, Load("0", tuple(index), result.dtype))


def _shapes(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    if operands[0].rank == 0:
        yield from (((("shape", (extent,)),)) for extent in hints.extents)
        yield from (((("shape", (a, b)),)) for a in hints.extents for b in hints.extents)


def _shape(attributes: Attributes) -> tuple[Affine, ...]:
    shape = attribute(attributes, "shape")
    assert isinstance(shape, tuple)
    return tuple(extent for extent in shape if isinstance(extent, Affine))


def _fill_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    return TensorType(_shape(attributes), operands[0].dtype) if operands[0].rank == 0 else None


def _fill_formula(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    return Formula(axes_of(result), Load("0", (), result.dtype))


def _matmul_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    left, right = operands
    if left.rank != 2 or right.rank not in (1, 2) or left.shape[1] != right.shape[0]:
        return None
    if left.dtype is not right.dtype or left.dtype is DType.I1:
        return None
    return TensorType((left.shape[0], *right.shape[1:]), left.dtype)


def _matmul_formula(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = axes_of(result)
    k = Axis("k", operands[0].shape[1])
    left = Load("0", (Affine.symbol("i0"), Affine.symbol("k")), result.dtype)
    right = Load("1", (Affine.symbol("k"), *at(axes)[1:]), result.dtype)
    product = Apply("multiply", (left, right), result.dtype)
    return Formula(axes, Reduce("add", (k,), product, result.dtype))


def reduction(function: str) -> OpDefinition:
    def attributes(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
        return ((("dimension", n),) for n in range(operands[0].rank))

    def dimension(attributes: Attributes) -> int:
        number = attribute(attributes, "dimension")
        assert isinstance(number, int)
        return number

    def result_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
        number = dimension(attributes)
        if operands[0].dtype is DType.I1:
            return None
        shape = operands[0].shape
        return TensorType(shape[:number] + shape[number + 1 :], operands[0].dtype)

    def formula(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
        number = dimension(attributes)
        axes = axes_of(result)
        index = (*at(axes)[:number], Affine.symbol("k"), *at(axes)[number:])
        body: Expression = Load("0", index, result.dtype)
        k = Axis("k", operands[0].shape[number])
        return Formula(axes, Reduce(function, (k,), body, result.dtype))

    return OpDefinition(f"toy.reduce_{function}", 1, result_type, formula, attributes)


def _slices(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Windows along the first dimension that leave out a few elements at either end."""
    if operands[0].rank == 1:
        for first in hints.offsets:
            for last in hints.offsets:
                if first != Affine() or last != Affine():
                    yield (("first", first), ("last", last))


def _cut(attributes: Attributes, name: str) -> Affine:
    value = attribute(attributes, name)
    assert isinstance(value, Affine)
    return value


def _slice_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    extent = operands[0].shape[0] - _cut(attributes, "first") - _cut(attributes, "last")
    return TensorType((extent,), operands[0].dtype)


def _slice_formula(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = axes_of(result)
    return Formula(axes, Load("0", (Affine.symbol("i0") + _cut(attributes, "first"),), result.dtype))


def _iotas(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    for a in hints.extents:
        for b in hints.extents:
            for dimension in (0, 1):
                yield (("shape", (a, b)), ("dimension", dimension))


def _iota_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    return TensorType(_shape(attributes), DType.I32)


def _iota_formula(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    axes = axes_of(result)
    number = attribute(attributes, "dimension")
    assert isinstance(number, int)
    return Formula(axes, IndexValue(Affine.symbol(axes[number].name), DType.I32))


TOY = Dialect(
    "toy",
    (
        *(elementwise(name, 2) for name in ("add", "subtract", "multiply", "divide", "maximum")),
        elementwise("negate", 1),
        elementwise("sqrt", 1, floats=True),
        OpDefinition("toy.transpose", 1, _transpose_type, _transpose_formula, _permutations),
        OpDefinition("toy.fill", 1, _fill_type, _fill_formula, _shapes),
        OpDefinition("toy.slice", 1, _slice_type, _slice_formula, _slices),
        reduction("add"),
        reduction("maximum"),
        OpDefinition("toy.matmul", 2, _matmul_type, _matmul_formula),
        OpDefinition("toy.iota", 0, _iota_type, _iota_formula, _iotas),
        compare("lt"),
        OpDefinition("toy.select", 3, _select_type, _select_formula),
    ),
)
