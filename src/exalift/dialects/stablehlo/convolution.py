"""convolution in one, two or three spatial dimensions.

The dimension numbers are attributes of their own, named as in StableHLO's `ConvDimensionNumbers`.
Padding is by zeros, which is what a load out of bounds reads.
Not handled: batch_group_count other than 1, window_reversal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from exalift.affine import Affine, Apply, Constraint, Formula, Reduce
from exalift.base import DType

from ..definition import Hints, OpDefinition
from ..types import Attributes, TensorType
from .attribute_values import affine, affine_pairs, integer, integers
from .extents import exact_division, never_at_least_zero, never_negative, quotient
from .notation import all_of, load, reduced_axes, result_axes, symbols

LIMIT = 32
"""The most attribute assignments that one pair of operands is tried with."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which dimension of each tensor is what; spatial dimensions in corresponding order."""

    input_batch: int
    input_feature: int
    input_spatial: tuple[int, ...]
    kernel_input: int
    kernel_output: int
    kernel_spatial: tuple[int, ...]
    output_batch: int
    output_feature: int
    output_spatial: tuple[int, ...]

    @staticmethod
    def read(attributes: Attributes) -> _Layout:
        return _Layout(
            integer(attributes, "input_batch_dimension"),
            integer(attributes, "input_feature_dimension"),
            integers(attributes, "input_spatial_dimensions"),
            integer(attributes, "kernel_input_feature_dimension"),
            integer(attributes, "kernel_output_feature_dimension"),
            integers(attributes, "kernel_spatial_dimensions"),
            integer(attributes, "output_batch_dimension"),
            integer(attributes, "output_feature_dimension"),
            integers(attributes, "output_spatial_dimensions"),
        )

    @property
    def attributes(self) -> Attributes:
        return (
            ("input_batch_dimension", self.input_batch),
            ("input_feature_dimension", self.input_feature),
            ("input_spatial_dimensions", self.input_spatial),
            ("kernel_input_feature_dimension", self.kernel_input),
            ("kernel_output_feature_dimension", self.kernel_output),
            ("kernel_spatial_dimensions", self.kernel_spatial),
            ("output_batch_dimension", self.output_batch),
            ("output_feature_dimension", self.output_feature),
            ("output_spatial_dimensions", self.output_spatial),
        )

    def is_valid(self, rank: int) -> bool:
        every = list(range(rank))
        return (
            sorted((self.input_batch, self.input_feature, *self.input_spatial)) == every
            and sorted((self.kernel_input, self.kernel_output, *self.kernel_spatial)) == every
            and sorted((self.output_batch, self.output_feature, *self.output_spatial)) == every
        )


@dataclass(frozen=True, slots=True)
class _Window:
    strides: tuple[int, ...]
    padding: tuple[tuple[Affine, Affine], ...]
    lhs_dilation: tuple[int, ...]
    rhs_dilation: tuple[int, ...]

    @staticmethod
    def read(attributes: Attributes, spatial: int) -> _Window:
        ones = (1,) * spatial
        return _Window(
            integers(attributes, "window_strides", ones),
            affine_pairs(attributes, "padding", spatial),
            integers(attributes, "lhs_dilation", ones),
            integers(attributes, "rhs_dilation", ones),
        )

    def is_valid(self, spatial: int) -> bool:
        numbers = (self.strides, self.lhs_dilation, self.rhs_dilation)
        return all(len(n) == spatial and all(x >= 1 for x in n) for n in numbers) and (
            len(self.padding) == spatial
        )


def _grouping(attributes: Attributes, features: Affine, per_group: Affine, outputs: Affine) -> int | None:
    """Output features in each group, where that makes the formula affine; 0 stands for "one group".

    `features == groups * per_group`, and either there is one group, or outputs per group are a constant
    and (features per group being a factor of the subscript) so are the features per group.
    """
    groups = affine(attributes, "feature_group_count", 1)
    if groups == Affine.of(1):
        return 0 if features == per_group else None
    if not per_group.is_constant or features != groups * per_group.constant:
        return None
    if groups.is_constant:
        each = exact_division(outputs, groups.constant) if groups.constant > 0 else None
        return each.constant if each is not None and each.is_constant and each.constant > 0 else None
    multiple = quotient(outputs, groups)
    return multiple if multiple is not None and multiple > 0 else None


def _output_extent(extent: Affine, window: Affine, d: int, w: _Window) -> Affine | None:
    base, dilation = w.lhs_dilation[d], w.rhs_dilation[d]
    if not never_negative(window - 1) or (base > 1 and not never_negative(extent - 1)):
        return None
    dilated = extent if base == 1 else (extent - 1) * base + 1
    room = dilated + w.padding[d][0] + w.padding[d][1] - ((window - 1) * dilation + 1)
    return None if never_at_least_zero(room) else room // w.strides[d] + 1


def _convolution_type(operands: Sequence[TensorType], attributes: Attributes) -> TensorType | None:
    lhs, rhs = operands
    spatial = lhs.rank - 2
    if lhs.dtype is not rhs.dtype or lhs.dtype is DType.I1 or lhs.rank != rhs.rank or spatial < 1:
        return None
    layout, window = _Layout.read(attributes), _Window.read(attributes, spatial)
    if not layout.is_valid(lhs.rank) or not window.is_valid(spatial):
        return None
    if integer(attributes, "batch_group_count", 1) != 1:
        return None
    features, per_group = lhs.shape[layout.input_feature], rhs.shape[layout.kernel_input]
    outputs = rhs.shape[layout.kernel_output]
    if _grouping(attributes, features, per_group, outputs) is None:
        return None
    shape = {layout.output_batch: lhs.shape[layout.input_batch], layout.output_feature: outputs}
    for d in range(spatial):
        extent = _output_extent(
            lhs.shape[layout.input_spatial[d]], rhs.shape[layout.kernel_spatial[d]], d, window
        )
        if extent is None:
            return None
        shape[layout.output_spatial[d]] = extent
    return TensorType(tuple(shape[d] for d in range(lhs.rank)), lhs.dtype)


def _convolution(operands: Sequence[TensorType], attributes: Attributes, result: TensorType) -> Formula:
    lhs, rhs = operands
    spatial = lhs.rank - 2
    layout, window = _Layout.read(attributes), _Window.read(attributes, spatial)
    per_group, outputs = rhs.shape[layout.kernel_input], rhs.shape[layout.kernel_output]
    each = _grouping(attributes, lhs.shape[layout.input_feature], per_group, outputs)
    assert each is not None, "the result type was inferred from the same grouping"
    kept = result_axes(result.shape)
    gone = reduced_axes([per_group, *(rhs.shape[d] for d in layout.kernel_spatial)])
    out, (channel, *taps) = symbols(kept), symbols(gone)
    feature = out[layout.output_feature]
    group = feature // each if each else Affine()
    at_lhs = {
        layout.input_batch: out[layout.output_batch],
        layout.input_feature: group * (per_group.constant if each else 0) + channel,
    }
    at_rhs = {layout.kernel_input: channel, layout.kernel_output: feature}
    holes: list[Constraint] = []
    for d in range(spatial):
        base = window.lhs_dilation[d]
        position = out[layout.output_spatial[d]] * window.strides[d] - window.padding[d][0]
        position = position + taps[d] * window.rhs_dilation[d]
        at_lhs[layout.input_spatial[d]] = position // base
        at_rhs[layout.kernel_spatial[d]] = taps[d]
        if base > 1:
            holes.append(Constraint(position % base, equality=True))
    factors = (
        load(operands, 0, [at_lhs[d] for d in range(lhs.rank)]),
        load(operands, 1, [at_rhs[d] for d in range(rhs.rank)]),
    )
    product = Apply("multiply", factors, result.dtype)
    return Formula(kept, Reduce("add", gone, product, result.dtype, all_of(holes)))


def _layouts(spatial: int) -> tuple[_Layout, ...]:
    """The usual ones: NCHW and NHWC inputs, OIHW and HWIO kernels, and the output like the input."""
    inner, last = tuple(range(2, spatial + 2)), tuple(range(1, spatial + 1))
    first = tuple(range(spatial))
    end = spatial + 1
    return (
        _Layout(0, 1, inner, 1, 0, inner, 0, 1, inner),
        _Layout(0, end, last, spatial, end, first, 0, end, last),
        _Layout(0, end, last, end, 0, last, 0, end, last),
        _Layout(0, 1, inner, spatial, end, first, 0, 1, inner),
    )


def _convolutions(operands: Sequence[TensorType], hints: Hints) -> Iterable[Attributes]:
    """Usual layouts with the strides and paddings that are seen, one group or depthwise."""
    lhs, rhs = operands
    if not 3 <= lhs.rank <= 5 or lhs.rank != rhs.rank:
        return ()
    return islice(_candidates(lhs, rhs, hints), LIMIT)


def _candidates(lhs: TensorType, rhs: TensorType, hints: Hints) -> Iterator[Attributes]:
    spatial = lhs.rank - 2
    steps = sorted(step for step in set(hints.strides) if step >= 1)
    for layout in _layouts(spatial):
        groups = dict.fromkeys((Affine.of(1), lhs.shape[layout.input_feature]))
        for stride, dilation in product(steps, steps):
            for padding, group in product(_paddings(lhs, rhs, layout, hints, stride, dilation), groups):
                attributes: Attributes = (
                    *layout.attributes,
                    ("feature_group_count", group),
                    ("padding", padding),
                    ("rhs_dilation", (dilation,) * spatial),
                    ("window_strides", (stride,) * spatial),
                )
                result = _convolution_type((lhs, rhs), attributes)
                if result and (hints.goal is None or hints.goal.rank != lhs.rank or result == hints.goal):
                    yield attributes


def _paddings(
    lhs: TensorType, rhs: TensorType, layout: _Layout, hints: Hints, stride: int, dilation: int
) -> Iterable[tuple[tuple[Affine, Affine], ...]]:
    """None, "same", and from the offsets that are hinted at, up to where the goal ends."""
    windows = [rhs.shape[d] for d in layout.kernel_spatial]
    spatial = len(windows)
    found = [((Affine(), Affine()),) * spatial]
    found.append(tuple(((w - 1) // 2, w - 1 - (w - 1) // 2) for w in windows))
    if hints.goal is not None and hints.goal.rank == lhs.rank:
        reach = [
            (hints.goal.shape[out] - 1) * stride + (window - 1) * dilation + 1 - lhs.shape[read]
            for out, window, read in zip(layout.output_spatial, windows, layout.input_spatial, strict=True)
        ]
        for lows in product(hints.offsets, repeat=spatial):
            found.append(tuple((low, end - low) for low, end in zip(lows, reach, strict=True)))
    return dict.fromkeys(found)


DEFINITIONS = (OpDefinition("stablehlo.convolution", 2, _convolution_type, _convolution, _convolutions),)
