"""Random types, attributes and values for StableHLO's ops, small enough for the reference interpreter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from exalift.affine import Affine
from exalift.base import DType
from exalift.dialects import Attributes, Hints, TensorType

SIZES = {"N": 5, "M": 4, "K": 6}
FLOATS = (DType.F32, DType.F64)
INTEGERS = (DType.I8, DType.I32, DType.I64, DType.UI8, DType.UI32)
NUMBERS = (*FLOATS, *INTEGERS)
BITS = (*INTEGERS, DType.I1)

Case = tuple[tuple[TensorType, ...], Attributes]


def extents() -> st.SearchStrategy[Affine]:
    """Constants and affine expressions, between 1 and 6 at `SIZES`."""
    n, m, k = (Affine.symbol(name) for name in SIZES)
    return st.sampled_from([*(Affine.of(value) for value in (1, 2, 3, 4)), n, m, n - 2, m - 1, (k + 1) // 2])


def shapes(low: int = 0, high: int = 3) -> st.SearchStrategy[tuple[Affine, ...]]:
    return st.lists(extents(), min_size=low, max_size=high).map(tuple)


def types(dtypes: tuple[DType, ...], low: int = 0, high: int = 3) -> st.SearchStrategy[TensorType]:
    return st.builds(TensorType, shapes(low, high), st.sampled_from(dtypes))


def small(low: int, high: int) -> st.SearchStrategy[Affine]:
    return st.integers(low, high).map(Affine.of)


def values(generator: np.random.Generator, type: TensorType, op: str) -> NDArray[np.generic]:
    """Values on which the op is defined in StableHLO and C alike (no division by 0, no wide shifts)."""
    shape = type.at(SIZES)
    native = np.dtype(type.dtype.numpy_name)
    if type.dtype is DType.I1:
        return generator.integers(0, 2, size=shape).astype(bool)
    if type.dtype.is_float:
        drawn = np.asarray(generator.standard_normal(size=shape) * 3)
        # Positive where another sign leaves the domain of some op: unsigned conversion, logarithms.
        positive = op in ("convert", "log", "log_plus_one", "sqrt", "rsqrt", "power")
        return (np.abs(drawn) + 0.1 if positive else drawn).astype(native)
    if op.startswith("shift_"):
        return generator.integers(0, type.dtype.bits, size=shape).astype(native)
    low = -9 if type.dtype.is_signed else 0
    drawn = generator.integers(low, 10, size=shape)
    if op in ("divide", "remainder"):
        drawn = np.where(drawn == 0, 3, drawn)
    return drawn.astype(native)


@st.composite
def same_types(draw: st.DrawFn, dtypes: tuple[DType, ...], count: int) -> Case:
    type = draw(types(dtypes))
    return (type,) * count, ()


@st.composite
def compares(draw: st.DrawFn) -> Case:
    direction = draw(st.sampled_from(["LT", "LE", "GT", "GE", "EQ", "NE"]))
    return (draw(types((*NUMBERS, DType.I1))),) * 2, (("comparison_direction", direction),)


@st.composite
def selects(draw: st.DrawFn) -> Case:
    type = draw(types((*NUMBERS, DType.I1)))
    shape = draw(st.sampled_from([(), type.shape]))
    return (TensorType(shape, DType.I1), type, type), ()


@st.composite
def clamps(draw: st.DrawFn) -> Case:
    type = draw(types(NUMBERS))
    scalar = TensorType((), type.dtype)
    return (draw(st.sampled_from([scalar, type])), type, draw(st.sampled_from([scalar, type]))), ()


@st.composite
def converts(draw: st.DrawFn) -> Case:
    target = draw(st.sampled_from((*NUMBERS, DType.I1)))
    return (draw(types((*NUMBERS, DType.I1))),), (("dtype", str(target)),)


@st.composite
def broadcasts(draw: st.DrawFn) -> Case:
    shape = draw(shapes(0, 3))
    rank = draw(st.integers(0, len(shape)))
    dimensions = draw(st.permutations(range(len(shape))))[:rank]
    operand = tuple(draw(st.sampled_from([shape[d], Affine.of(1)])) for d in dimensions)
    attributes: Attributes = (("broadcast_dimensions", tuple(dimensions)), ("shape", shape))
    return (TensorType(operand, draw(st.sampled_from((*NUMBERS, DType.I1)))),), attributes


@st.composite
def iotas(draw: st.DrawFn) -> Case:
    shape = draw(shapes(1, 3))
    dimension = draw(st.integers(0, len(shape) - 1))
    dtype = draw(st.sampled_from(NUMBERS))
    return (), (("dtype", str(dtype)), ("iota_dimension", dimension), ("shape", shape))


@st.composite
def transposes(draw: st.DrawFn) -> Case:
    type = draw(types(NUMBERS, 0, 4))
    return (type,), (("permutation", tuple(draw(st.permutations(range(type.rank))))),)


@st.composite
def reshapes(draw: st.DrawFn) -> Case:
    """One shape cut from, and one merged out of, the same list of factors."""
    leading = draw(extents())
    factors = [leading, *(Affine.of(f) for f in draw(st.lists(st.integers(1, 4), max_size=4)))]

    def merged() -> tuple[Affine, ...]:
        shape = [factors[0]]
        for factor in factors[1:]:
            if draw(st.booleans()):
                shape[-1] = shape[-1] * factor.constant
            else:
                shape.append(factor)
        return tuple(shape)

    target = list(merged())
    if draw(st.booleans()):
        target.insert(draw(st.integers(0, len(target))), Affine.of(1))
    return (TensorType(merged(), draw(st.sampled_from(NUMBERS))),), (("shape", tuple(target)),)


@st.composite
def slices(draw: st.DrawFn) -> Case:
    type = draw(types(NUMBERS))
    starts: list[Affine] = []
    limits: list[Affine] = []
    for extent in type.shape:
        starts.append(draw(small(0, 2)))
        limits.append(extent - draw(st.integers(0, 1)))
    strides = tuple(draw(st.integers(1, 3)) for _ in type.shape)
    return (type,), (
        ("limit_indices", tuple(limits)),
        ("start_indices", tuple(starts)),
        ("strides", strides),
    )


@st.composite
def pads(draw: st.DrawFn) -> Case:
    type = draw(types(NUMBERS))
    low = tuple(draw(small(-1, 2)) for _ in type.shape)
    high = tuple(draw(small(-1, 2)) for _ in type.shape)
    interior = tuple(draw(small(0, 2)) for _ in type.shape)
    return (type, TensorType((), type.dtype)), (
        ("edge_padding_high", high),
        ("edge_padding_low", low),
        ("interior_padding", interior),
    )


@st.composite
def concatenates(draw: st.DrawFn) -> Case:
    type = draw(types(NUMBERS, 1))
    dimension = draw(st.integers(0, type.rank - 1))
    shape = (*type.shape[:dimension], draw(extents()), *type.shape[dimension + 1 :])
    return (type, TensorType(shape, type.dtype)), (("dimension", dimension),)


@st.composite
def reverses(draw: st.DrawFn) -> Case:
    type = draw(types(NUMBERS))
    dimensions = draw(st.sets(st.integers(0, type.rank - 1))) if type.rank else set[int]()
    return (type,), (("dimensions", tuple(sorted(dimensions))),)


@st.composite
def dynamic_slices(draw: st.DrawFn) -> Case:
    """Starts may be out of bounds: the printed module must read zeros there, as the formula does."""
    type = draw(types(NUMBERS))
    starts = tuple(draw(st.sampled_from([Affine.of(v) for v in (-3, 0, 1, 2, 7)])) for _ in type.shape)
    sizes = tuple(draw(st.sampled_from([Affine.of(1), extent])) for extent in type.shape)
    return (type,), (("slice_sizes", sizes), ("starts", starts))


@st.composite
def dynamic_updates(draw: st.DrawFn) -> Case:
    operands, attributes = draw(dynamic_slices())
    sizes = dict(attributes)["slice_sizes"]
    assert isinstance(sizes, tuple)
    update = TensorType(tuple(Affine.of(s) for s in sizes if isinstance(s, Affine)), operands[0].dtype)
    return (operands[0], update), attributes[1:]


@st.composite
def reduces(draw: st.DrawFn) -> Case:
    logical = draw(st.booleans())
    type = draw(types(BITS if logical else NUMBERS))
    body = draw(
        st.sampled_from(["and", "or", "xor"] if logical else ["add", "multiply", "maximum", "minimum"])
    )
    dimensions = draw(st.sets(st.integers(0, type.rank - 1))) if type.rank else set[int]()
    return (type,), (("body", body), ("dimensions", tuple(sorted(dimensions))))


@st.composite
def window_reduces(draw: st.DrawFn) -> Case:
    type = draw(types(NUMBERS, 1, 2))
    rank = type.rank

    def numbers(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    attributes: dict[str, object] = {
        "body": draw(st.sampled_from(["add", "multiply", "maximum", "minimum"])),
        "window_dimensions": tuple(Affine.of(w) for w in numbers(1, 3)),
        "window_strides": numbers(1, 2),
    }
    if draw(st.booleans()):
        attributes["base_dilations"] = numbers(1, 2)
        attributes["window_dilations"] = numbers(1, 2)
    if draw(st.booleans()):
        attributes["padding"] = tuple(
            (Affine.of(a), Affine.of(b)) for a, b in zip(numbers(0, 2), numbers(0, 2), strict=True)
        )
    return (type,), tuple(sorted(attributes.items()))  # type: ignore[return-value]


@st.composite
def dots(draw: st.DrawFn) -> Case:
    dtype = draw(st.sampled_from(NUMBERS))
    shared = draw(extents())
    lhs = (draw(extents()), shared) if draw(st.booleans()) else (shared,)
    rhs = (shared, draw(extents())) if draw(st.booleans()) else (shared,)
    return (TensorType(lhs, dtype), TensorType(rhs, dtype)), ()


@st.composite
def dot_generals(draw: st.DrawFn) -> Case:
    dtype = draw(st.sampled_from(NUMBERS))
    kinds = {
        "batching": draw(shapes(0, 1)),
        "contracting": draw(shapes(0, 2)),
    }
    sides: list[tuple[TensorType, dict[str, tuple[int, ...]]]] = []
    for _ in range(2):
        labelled = [(kind, p, e) for kind, es in kinds.items() for p, e in enumerate(es)]
        labelled += [("free", p, e) for p, e in enumerate(draw(shapes(0, 1)))]
        order = draw(st.permutations(labelled))
        places = {(kind, p): d for d, (kind, p, _) in enumerate(order)}
        dimensions = {kind: tuple(places[(kind, p)] for p in range(len(es))) for kind, es in kinds.items()}
        sides.append((TensorType(tuple(e for _, _, e in order), dtype), dimensions))
    attributes = tuple(
        (f"{side}_{kind}_dimensions", dimensions[kind])
        for side, (_, dimensions) in zip(("lhs", "rhs"), sides, strict=True)
        for kind in ("batching", "contracting")
    )
    return (sides[0][0], sides[1][0]), attributes


@st.composite
def convolutions(draw: st.DrawFn) -> Case:
    spatial = draw(st.integers(1, 2))
    rank = spatial + 2
    dtype = draw(st.sampled_from((*FLOATS, DType.I32)))
    layouts = [draw(st.permutations(range(rank))) for _ in range(3)]
    per_group = draw(st.integers(1, 2))
    groups = draw(st.sampled_from([Affine.of(1), Affine.of(2), Affine.symbol("M")]))
    if layouts[2][0] > layouts[2][1]:
        # The reference interpreter aborts where the result has features before the batch.
        layouts[2][0], layouts[2][1] = layouts[2][1], layouts[2][0]
    outputs = draw(extents()) if groups == Affine.of(1) else groups * draw(st.integers(1, 2))
    windows = [draw(st.integers(1, 3)) for _ in range(spatial)]
    lhs = dict(
        zip(
            layouts[0],
            [draw(extents()), groups * per_group, *(draw(extents()) for _ in windows)],
            strict=True,
        )
    )
    rhs = dict(
        zip(layouts[1], [Affine.of(per_group), outputs, *(Affine.of(w) for w in windows)], strict=True)
    )

    def numbers(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(spatial))

    padding = tuple((Affine.of(a), Affine.of(b)) for a, b in zip(numbers(0, 2), numbers(0, 2), strict=True))
    attributes: Attributes = (
        ("feature_group_count", groups),
        ("input_batch_dimension", layouts[0][0]),
        ("input_feature_dimension", layouts[0][1]),
        ("input_spatial_dimensions", tuple(layouts[0][2:])),
        ("kernel_input_feature_dimension", layouts[1][0]),
        ("kernel_output_feature_dimension", layouts[1][1]),
        ("kernel_spatial_dimensions", tuple(layouts[1][2:])),
        ("lhs_dilation", numbers(1, 2)),
        ("output_batch_dimension", layouts[2][0]),
        ("output_feature_dimension", layouts[2][1]),
        ("output_spatial_dimensions", tuple(layouts[2][2:])),
        ("padding", padding),
        ("rhs_dilation", numbers(1, 2)),
        ("window_strides", numbers(1, 2)),
    )
    types_ = (
        TensorType(tuple(lhs[d] for d in range(rank)), dtype),
        TensorType(tuple(rhs[d] for d in range(rank)), dtype),
    )
    return types_, attributes


def cases(name: str, arity: int) -> st.SearchStrategy[Case]:
    """Random operand types and attributes for one op; most of them pass its static check."""
    special: dict[str, Callable[[], st.SearchStrategy[Case]]] = {
        "compare": compares,
        "select": selects,
        "clamp": clamps,
        "convert": converts,
        "broadcast_in_dim": broadcasts,
        "iota": iotas,
        "transpose": transposes,
        "reshape": reshapes,
        "slice": slices,
        "pad": pads,
        "concatenate": concatenates,
        "reverse": reverses,
        "dynamic_slice": dynamic_slices,
        "dynamic_update_slice": dynamic_updates,
        "reduce": reduces,
        "reduce_window": window_reduces,
        "dot": dots,
        "dot_general": dot_generals,
        "convolution": convolutions,
    }
    short = name.split(".")[1]
    if short in special:
        return special[short]()
    return same_types((*NUMBERS, DType.I1), arity)


def hints() -> st.SearchStrategy[Hints]:
    return st.builds(
        Hints,
        offsets=st.lists(small(0, 2), max_size=2).map(lambda o: (Affine(), *o)),
        strides=st.sampled_from([(1,), (1, 2)]),
        extents=st.lists(extents(), max_size=3).map(tuple),
        functions=st.frozensets(st.sampled_from(["add", "maximum", "multiply", "compare_lt"])),
        goal=st.none() | types(FLOATS),
    )
