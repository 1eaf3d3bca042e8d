# pyright: reportMissingTypeStubs=false, reportMissingTypeArgument=false
# pyright: reportUnknownParameterType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
"""`stablehlo.while` with a counter, as a `TensorLoop`.

    while (i = a, v = x, w = y) { i < n } do { i + 1, f(i, v, w), w }
    =>  v := x;  for it in [a, n): v := f(it, v, y)

A body is read twice: first with unknowns for what is carried, which tells counters (`c + constant`) and
what stays as it is; then with counters as affine expressions of one induction variable whose range is
known. What the first reading took for granted, the second must confirm.
"""

from __future__ import annotations

from jaxlib.mlir import ir

from exalift.affine import Affine

from ...graph import ArrayValue, IndexScalar, Node, Operation, TensorLoop, Update
from ..sharing import is_costly
from ..start_bounds import LoopRange
from .assignments import assign
from .counters import FAR, Carried, Counting, counting, problem
from .reading import Reader, as_index, scalar
from .scope import Missing, Read, Scope, needed


def read_while(reader: Reader, operation: ir.Operation, operands: list[Node], scope: Scope) -> list[Read]:
    """Raises RefusedError for a loop that does not count."""
    condition, body = (region.blocks[0] for region in operation.regions)
    symbols = [reader.fresh(f"carried{k}") for k in range(len(operands))]
    unknowns: list[Node] = [
        IndexScalar(Affine.symbol(name), node.type)
        if not node.type.rank and node.type.dtype.is_integer
        else ArrayValue(name, node.type)
        for name, node in zip(symbols, operands, strict=True)
    ]
    carried = Carried(operation, condition, body, operands, unknowns)
    found = counting(reader, carried, scope)
    reader.taken -= set(symbols)
    return list(operands) if found.never else _read_loop(reader, carried, found, scope)


def _read_loop(reader: Reader, carried: Carried, count: Counting, scope: Scope) -> list[Read]:
    """The second reading, and the loop."""
    iv = reader.fresh("it")
    around = LoopRange(iv, count.lower, count.upper)
    inner = scope.inside(_shared(reader, carried, scope), around, False)
    now: list[Node] = []
    arrays: dict[int, str] = {}
    for k, initial in enumerate(carried.initial):
        if k in count.invariant:
            now.append(initial)
        elif k in count.steps:
            value = count.value(k, iv)
            if not inner.elements().holds(value, initial.type.dtype):
                raise problem(reader, carried, f"has a counter that may not fit {initial.type.dtype}")
            now.append(scalar(value, initial.type.dtype))
        else:
            arrays[k] = reader.local("state", initial.type)
            now.append(ArrayValue(arrays[k], initial.type))
            scope.steps.append(Update(arrays[k], initial))
    inner.values.update(zip(carried.body.arguments, now, strict=True))
    results = reader.block(carried.body, inner)
    _confirm(reader, carried, count, now, results, scope.draft)
    # In a first reading, what needs ranges that are not known yet is missing, and not wanted either.
    wanted = {k: results[k] for k in arrays if not (scope.draft and isinstance(results[k], Missing))}
    assigned = {arrays[k]: needed(result) for k, result in wanted.items()}
    inner.steps.extend(assign(assigned, reader.fresh, reader.locals.append))
    if inner.steps:
        scope.steps.append(
            TensorLoop(iv, around.lower, around.upper, tuple(inner.steps), "a loop of the module")
        )
    return [_after(k, carried, count, arrays, reader, scope) for k in range(len(carried.initial))]


def _confirm(
    reader: Reader, carried: Carried, count: Counting, now: list[Node], results: list[Read], draft: bool
) -> None:
    for k, after in enumerate(results):
        if draft and isinstance(after, Missing):
            continue
        if k in count.invariant and after != now[k]:
            raise problem(reader, carried, f"changes value {k}, which it was taken to keep")
        if k in count.steps:
            before = as_index(now[k])
            found = None if isinstance(after, Missing) else as_index(after)
            if before is None or found is None or found - before != Affine.of(count.steps[k]):
                raise problem(reader, carried, f"has a counter {k} that may wrap around")


def _after(
    k: int, carried: Carried, count: Counting, arrays: dict[int, str], reader: Reader, scope: Scope
) -> Read:
    """What the loop gives for one of the carried values."""
    initial = carried.initial[k]
    if k in count.invariant:
        return initial
    if k in arrays:
        return ArrayValue(arrays[k], initial.type)
    times, start = count.count, count.starts.get(k)
    if times is not None and start is not None and (scope.draft or scope.elements().within(times, 0, FAR)):
        return scalar(start + times * count.steps[k], initial.type.dtype)
    return Missing(reader.diagnostic(carried.operation, "a counter after a loop that may not run at all"))


def _shared(reader: Reader, carried: Carried, scope: Scope) -> dict[ir.Value, Read]:
    """Values from outside that are costly and that the body uses: computed once, into arrays."""
    used: dict[ir.Value, None] = {}

    def visit(operation: ir.Operation) -> ir.WalkResult:
        used.update(dict.fromkeys(operation.operands))
        return ir.WalkResult.ADVANCE

    if scope.draft:
        return {}
    carried.body.owner.walk(visit)
    found: dict[ir.Value, Read] = {}
    for value in used:
        node = scope.values.get(value)
        if isinstance(node, Operation) and is_costly(node):
            array = ArrayValue(reader.local("shared", node.type), node.type)
            scope.steps.append(Update(array.name, node))
            found[value] = array
    return found
