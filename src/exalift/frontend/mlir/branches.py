"""Conditions: `affine.if`, `scf.if`, and `memref.alloca_scope`, which has none.

A condition on indices becomes an `If`. One on data becomes a `select`: in the value where the branches only
compute, else in every assignment, which then keeps the old contents where the condition does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from exalift.affine import ALWAYS, Apply, Constant, Expression, Guard, GuardValue, If, Statement
from exalift.base import DType

from . import scalars
from .affine_maps import apply_set
from .memory import STORES
from .scalars import Scalar
from .source import Unsupported
from .syntax import IntegerSet, Operation, Value
from .translation import Handler, Translation, scalar_type

_LOOPS = frozenset({"affine.for", "affine.parallel", "scf.for", "scf.while", "scf.parallel"})
_MAX_REPEATED_WEIGHT = 4


def _affine_if(translation: Translation, operation: Operation) -> None:
    given = operation.attributes.get("condition")
    if not isinstance(given, IntegerSet):
        raise Unsupported("affine.if without a condition is not supported")
    operands = [translation.use_index(operand) for operand in operation.operands]
    _branch(translation, operation, scalars.conditioned(apply_set(given, operands)))


def _scf_if(translation: Translation, operation: Operation) -> None:
    _branch(translation, operation, translation.use(operation.operands[0]))


def _branch(translation: Translation, operation: Operation, condition: Scalar) -> None:
    effects = _has_effects(operation, 0) or _has_effects(operation, 1)
    translation.emitter.before(translation.memory.stored(operation))
    if condition.guard is not None:
        _by_index(translation, operation, condition, effects)
    elif effects:
        _by_data(translation, operation, condition)
    else:
        _by_selection(translation, operation, condition)


def _has_effects(operation: Operation, number: int) -> bool:
    """Whether a branch emits statements: it stores, or has loops that carry values."""
    blocks = operation.regions[number] if number < len(operation.regions) else ()
    inner = (i for block in blocks for outer in block.operations for i in outer.walk())
    return any(i.name in STORES or i.name in _LOOPS for i in inner)


def _branch_block(translation: Translation, operation: Operation, number: int) -> tuple[Value, ...]:
    """Translate one branch, which may be absent; gives what it yields."""
    if number < len(operation.regions) and operation.regions[number]:
        return translation.block(translation.region(operation, number))
    return ()


def _by_index(translation: Translation, operation: Operation, condition: Scalar, effects: bool) -> None:
    """`if (guard) { ... } else { ... }`; what the branches yield goes through locals if anything does."""
    emitter = translation.emitter
    guard = condition.guard or ALWAYS
    results = operation.results
    branches: list[list[Statement]] = []
    values: list[list[Scalar]] = []
    for number in range(2):
        with emitter.block() as statements:
            yielded = _branch_block(translation, operation, number)
            values.append([translation.use(value) for value in yielded])
        branches.append(statements)
    if results and (effects or branches[0] or branches[1]):
        for position, result in enumerate(results):
            local = emitter.local(result.name, scalar_type(result).dtype, result.span)
            for statements, yielded_values in zip(branches, values, strict=True):
                with emitter.block() as assignment:
                    emitter.assign(local, yielded_values[position], operation.span)
                statements += assignment
            translation.define(result, scalars.load(local, (), scalar_type(result).dtype))
    else:
        for result, then, otherwise in zip(results, values[0], values[1], strict=True):
            translation.define(result, scalars.selection(condition, then, otherwise))
    _emit_if(translation, operation, guard, branches[0], branches[1])


def _emit_if(
    translation: Translation,
    operation: Operation,
    guard: Guard,
    then: Sequence[Statement],
    otherwise: Sequence[Statement],
) -> None:
    if not then and otherwise:
        guard, then, otherwise = ~guard, otherwise, ()
    if not then or not guard.disjuncts:
        kept: Sequence[Statement] = otherwise
    elif guard.is_always:
        kept = then
    else:
        kept = [If(guard, tuple(then), tuple(otherwise), operation.span)]
    for statement in kept:
        translation.emitter.append(statement)


def _by_selection(translation: Translation, operation: Operation, condition: Scalar) -> None:
    """Branches that only compute: each result is a `select`."""
    if len(operation.results) > 1 and condition.weight > _MAX_REPEATED_WEIGHT:
        condition = translation.emitter.kept(condition, "condition", operation.span)
    values: list[list[Scalar]] = []
    for number in range(2):
        holds = condition if number == 0 else scalars.negation(condition)
        with translation.emitter.under(holds):
            yielded = _branch_block(translation, operation, number)
            values.append([translation.use(value) for value in yielded])
    for result, then, otherwise in zip(operation.results, values[0], values[1], strict=True):
        translation.define(result, scalars.selection(condition, then, otherwise))


def _by_data(translation: Translation, operation: Operation, condition: Scalar) -> None:
    """Branches with assignments under a condition on data; the part on indices, if any, guards all."""
    emitter = translation.emitter
    alone = not operation.results and all(len(block.operations) < 2 for block in operation.regions[-1])
    guard, rest = _split(condition)
    data = rest if alone else condition
    with emitter.block() as statements:
        if data.weight > _MAX_REPEATED_WEIGHT or data.reads & translation.memory.stored(operation):
            data = emitter.kept(data, "condition", operation.span)
            # The part on indices is said again, so that it is seen which accesses it protects.
            data = data if alone else scalars.conjunction(scalars.conditioned(guard), data)
        if operation.results and _has_effects(operation, 0) and _has_effects(operation, 1):
            _both_with_effects(translation, operation, data)
        else:
            _one_with_effects(translation, operation, data)
    _emit_if(translation, operation, guard if alone else ALWAYS, statements, ())


def _one_with_effects(translation: Translation, operation: Operation, condition: Scalar) -> None:
    """The branch with effects goes first; the other cannot change what it yields, so results are selects."""
    yielded: dict[int, tuple[Value, ...]] = {}
    for number in (0, 1) if _has_effects(operation, 0) else (1, 0):
        with translation.emitter.under(scalars.negation(condition) if number else condition):
            yielded[number] = _branch_block(translation, operation, number)
    for position, result in enumerate(operation.results):
        then, otherwise = (translation.use(yielded[number][position]) for number in range(2))
        translation.define(result, scalars.selection(condition, then, otherwise))


def _both_with_effects(translation: Translation, operation: Operation, condition: Scalar) -> None:
    """What either branch yields goes through locals, before the other branch is run."""
    emitter = translation.emitter
    results = operation.results
    targets = [emitter.local(result.name, scalar_type(result).dtype, result.span) for result in results]
    with emitter.under(condition):
        for value, local in zip(_branch_block(translation, operation, 0), targets, strict=True):
            emitter.assign(local, translation.use(value), operation.span)
    with emitter.under(scalars.negation(condition)):
        for value, local in zip(_branch_block(translation, operation, 1), targets, strict=True):
            emitter.store(local, (), translation.use(value), operation.span)
    for result, local in zip(results, targets, strict=True):
        translation.define(result, scalars.load(local, (), scalar_type(result).dtype))


def _split(condition: Scalar) -> tuple[Guard, Scalar]:
    """A condition as one on indices and one on data, of which both must hold."""
    guard, rest = ALWAYS, condition.expression
    while True:
        found = _guarded(rest)
        if found is None:
            break
        guard, rest = guard & found[0], found[1]
    if guard.is_always:
        return ALWAYS, condition
    reads = condition.reads
    return guard, Scalar(rest, reads=reads, weight=condition.weight, depth=condition.depth)


def _guarded(expression: Expression) -> tuple[Guard, Expression] | None:
    match expression:
        case Apply("and", (GuardValue(guard), rest)) | Apply("and", (rest, GuardValue(guard))):
            return guard, rest
        case Apply("select", (GuardValue(guard), rest, Constant(False, DType.I1))):
            return guard, rest
        case _:
            return None


def _scope(translation: Translation, operation: Operation) -> None:
    """`memref.alloca_scope`: what it makes has names of its own already."""
    yielded = translation.block(translation.region(operation, 0))
    for result, value in zip(operation.results, yielded, strict=True):
        translation.define(result, translation.use(value))


HANDLERS: dict[str, Handler] = {
    "affine.if": _affine_if,
    "scf.if": _scf_if,
    "memref.alloca_scope": _scope,
}
