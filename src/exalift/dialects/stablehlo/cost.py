"""What a DAG costs on a machine of today's kind: arithmetic, traffic, ops, and the largest intermediate.

The estimate ranks programs of equal meaning; it is not a prediction of seconds. Constants: measured on
two cores with AVX-512, one DDR channel each (f64: NumPy's product of 4096x4096 matrices ran at 134e9
flop/s; a read of memory at 30e9 B/s a core), rounded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exalift.affine import FUNCTIONS, Kind
from exalift.base import DType

from ..graph import ArrayValue, ConstantValue, IndexScalar, Node, Operation
from ..types import TensorType
from .attribute_values import affines, integer, integers
from .contractions import dot_dimensions
from .walks import distinct

CONTRACTION_FLOPS_A_SECOND = 100e9
ELEMENTWISE_FLOPS_A_SECOND = 4e9
BYTES_A_SECOND = 40e9
SECONDS_AN_OP = 1e-6
"""The toll of an op, which also stands for how readable the program is."""

TRANSCENDENTAL_FLOPS = 15
"""What one exponential, sine or power counts for; a division or a square root counts for `DIVISION_FLOPS`."""
DIVISION_FLOPS = 4

INTERMEDIATE_LIMIT = 4
"""An intermediate may be this many times as large as the largest array; larger ones rank last."""

_CHEAPER = frozenset({"floor", "ceil", "round_nearest_even", "round_nearest_afz"})
_DEAR = frozenset({"divide", "remainder"})
_ROOTS = frozenset({"sqrt", "rsqrt", "cbrt"})
# XLA fuses these into the ops that use them; they move no bytes of their own.
_FUSED = frozenset(
    {
        "broadcast_in_dim",
        "clamp",
        "compare",
        "convert",
        "iota",
        "pad",
        "reshape",
        "reverse",
        "select",
        "slice",
        "transpose",
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Cost:
    """Costs compare by their fields in order: nothing oversized first, then the estimate, then fewer ops.

    seconds: the estimate. operations: distinct ops. flops: scalar operations, a multiplication and an
    addition in a contraction counting as two. bytes: read and written by ops that are not fused.
    peak: elements of the largest intermediate (the roots are results, and not intermediates).
    """

    oversized: bool
    seconds: float
    operations: int
    flops: float = field(compare=False)
    bytes: float = field(compare=False)
    peak: int = field(compare=False)


def cost(roots: Sequence[Node], sizes: Mapping[str, int]) -> Cost:
    """The cost of computing some nodes together, what they share being computed once.

    `sizes` gives every size a value that is typical for the program.
    """
    nodes = distinct(roots)
    results = {id(root) for root in roots}
    seconds, flops, moved, peak = 0.0, 0.0, 0.0, 0
    largest = 1
    operations = 0
    for node in nodes:
        count = elements(node.type, sizes)
        if isinstance(node, ArrayValue) or id(node) in results:
            largest = max(largest, count)
        if not isinstance(node, Operation):
            continue
        operations += 1
        contracts, work = _work(node, sizes)
        traffic = _traffic(node, sizes)
        flops, moved = flops + work, moved + traffic
        speed = CONTRACTION_FLOPS_A_SECOND if contracts else ELEMENTWISE_FLOPS_A_SECOND
        seconds += max(work / speed, traffic / BYTES_A_SECOND) + SECONDS_AN_OP
        if id(node) not in results and not _is_fused(node):
            peak = max(peak, count)
    return Cost(peak > INTERMEDIATE_LIMIT * largest, seconds, operations, flops, moved, peak)


def elements(type: TensorType, sizes: Mapping[str, int]) -> int:
    """The number of elements at given sizes; a negative extent counts as none."""
    return math.prod(max(0, extent) for extent in type.at(sizes))


def _short(node: Operation) -> str:
    return node.name.split(".", 1)[1]


def _is_fused(node: Node) -> bool:
    return isinstance(node, ConstantValue | IndexScalar) or (
        isinstance(node, Operation) and (_short(node) in _FUSED or _short(node) in FUNCTIONS)
    )


def _traffic(node: Operation, sizes: Mapping[str, int]) -> float:
    """Bytes read and written. A fused op reads its arrays where it ends a chain, which is not known here,
    so it counts for the bytes of its result alone."""
    written = float(elements(node.type, sizes) * node.type.dtype.bytes)
    if _is_fused(node):
        return written if _short(node) in FUNCTIONS else 0.0
    if _short(node) == "dynamic_slice":
        return 2 * written
    if _short(node) == "dynamic_update_slice":
        update = node.operands[1].type
        return 2.0 * elements(update, sizes) * update.dtype.bytes
    return written + sum(elements(o.type, sizes) * o.type.dtype.bytes for o in node.operands)


def _work(node: Operation, sizes: Mapping[str, int]) -> tuple[bool, float]:
    """Whether the op is a contraction, and its scalar operations."""
    count = elements(node.type, sizes)
    match _short(node):
        case "dot_general":
            _, contracting, _, _ = dot_dimensions(node.attributes)
            return True, 2.0 * count * _extents(node.operands[0].type, contracting, sizes)
        case "dot":
            last = node.operands[0].type.rank - 1
            return True, 2.0 * count * _extents(node.operands[0].type, (last,), sizes)
        case "convolution":
            kernel = node.operands[1].type
            taps = integers(node.attributes, "kernel_spatial_dimensions")
            channel = integer(node.attributes, "kernel_input_feature_dimension")
            return True, 2.0 * count * _extents(kernel, (*taps, channel), sizes)
        case "reduce":
            return False, float(elements(node.operands[0].type, sizes))
        case "reduce_window":
            windows = affines(node.attributes, "window_dimensions")
            return False, float(count * math.prod(max(0, w.at(sizes)) for w in windows))
        case name:
            return False, float(count * _per_element(name, node.type.dtype))


def _extents(type: TensorType, dimensions: Sequence[int], sizes: Mapping[str, int]) -> int:
    return math.prod(max(0, type.shape[d].at(sizes)) for d in dimensions)


def _per_element(name: str, dtype: DType) -> float:
    function = FUNCTIONS.get(name)
    if function is None or function.kind is Kind.SELECT:
        return 0.0 if name in _FUSED else 1.0
    if name in _DEAR:
        return DIVISION_FLOPS if dtype.is_float else 2 * DIVISION_FLOPS
    if name in _ROOTS:
        return DIVISION_FLOPS
    return TRANSCENDENTAL_FLOPS if function.kind is Kind.TRANSCENDENTAL and name not in _CHEAPER else 1.0
