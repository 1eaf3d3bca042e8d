"""Operations that read, write, make or measure memory, and those on indices by affine maps."""

from __future__ import annotations

from exalift.affine import Affine, Array, Loop, Role, Size, Statement
from exalift.base import DType

from . import scalar_operations, scalars
from .affine_maps import apply_map
from .memory import Storage
from .scalars import Extremum
from .source import Unsupported
from .syntax import AffineMap, MemRefType, Operation, OtherType, ScalarType, Value
from .translation import Handler, Translation, undefined_value


def _mapped(translation: Translation, operation: Operation, skip: int = 0) -> tuple[Extremum, ...]:
    """The results of an operation's map, applied to its operands from number `skip` on."""
    given = operation.attributes.get("map")
    operands = [translation.use_index(operand) for operand in operation.operands[skip:]]
    if not isinstance(given, AffineMap):
        raise Unsupported(f"{operation.name} without a map is not supported")
    return apply_map(given, operands)


def _subscripts(
    translation: Translation, operation: Operation, skip: int, storage: Storage
) -> tuple[Affine, ...]:
    if "map" in operation.attributes:
        given = _mapped(translation, operation, skip)
    else:
        given = tuple(translation.use_index(operand) for operand in operation.operands[skip:])
    subscripts: list[Affine] = []
    for index in given:
        if index.single is None:
            raise Unsupported("a minimum or maximum of indices as a subscript is not supported")
        subscripts.append(index.single)
    return () if storage.scalar else tuple(subscripts)


def _load(translation: Translation, operation: Operation) -> None:
    storage = translation.memory.storage(operation.operands[0])
    subscripts = _subscripts(translation, operation, 1, storage)
    dtype = storage.type.element.dtype
    translation.define(operation.results[0], scalars.load(storage.array, subscripts, dtype))


def _store(translation: Translation, operation: Operation) -> None:
    value = operation.operands[0]
    storage = translation.memory.storage(operation.operands[1])
    subscripts = _subscripts(translation, operation, 2, storage)
    scalar = translation.use(value)
    if value not in translation.undefined:
        translation.emitter.store(storage.array, subscripts, scalar, operation.span, value)


def _memref_type(value: Value) -> MemRefType:
    match value.type:
        case MemRefType():
            return value.type
        case OtherType(reason=reason):
            raise Unsupported(reason)
        case ScalarType():
            raise Unsupported(f"%{value.name} is a scalar where memory is needed")


def _allocate(translation: Translation, operation: Operation) -> None:
    """Local memory. Where it is made in a loop, one array serves all iterations: its contents are
    undefined at first each time."""
    (result,) = operation.results
    made = _memref_type(result)
    dynamic = iter([translation.use_index(operand) for operand in operation.operands])
    extents: list[Affine] = []
    for extent in made.shape:
        affine = Affine.of(extent) if extent is not None else next(dynamic).single
        if affine is None or not affine.names <= translation.sizes.keys():
            raise Unsupported("the shape of local memory must be affine in the function's sizes")
        extents.append(affine)
    # Where every extent is 1, no subscript tells anything.
    scalar = all(extent == 1 for extent in made.shape) and result not in translation.memory.returned
    name = translation.emitter.names.fresh(result.name)
    shape = () if scalar else tuple(extents)
    array = Array(name, made.element.dtype, shape, Role.LOCAL, operation.span)
    translation.emitter.arrays[name] = array
    translation.memory.storages[result] = Storage(name, made, tuple(extents), scalar)


def _dimension(translation: Translation, operation: Operation) -> None:
    storage = translation.memory.storage(operation.operands[0])
    position = translation.use(operation.operands[1]).constant
    if position is None or not 0 <= position < len(storage.extents):
        raise Unsupported("memref.dim needs a constant dimension in range")
    extent = storage.extents[position]
    for name in extent.names - translation.sizes.keys():
        # What nothing else tells becomes a size of its own.
        translation.sizes[name] = Size(name, DType.I64, is_parameter=False)
    translation.define(operation.results[0], scalars.indexed(Extremum.of(extent), DType.I64))


def _copy(translation: Translation, operation: Operation) -> None:
    source, target = (translation.memory.storage(operand) for operand in operation.operands)
    if source.array == target.array:
        return
    emitter = translation.emitter
    extents: list[Affine] = []
    for pair in zip(source.extents, target.extents, strict=True):
        known = [extent for extent in pair if extent.names <= translation.sizes.keys()]
        if not known:
            raise Unsupported("a copy between memrefs of unknown extents is not supported")
        extents.append(known[0])
    count = 0 if source.scalar or target.scalar else len(extents)
    ivs = [emitter.names.fresh(f"c{k}", reuse=True) for k in range(count)]
    subscripts = tuple(Affine.symbol(iv) for iv in ivs)
    zeros = tuple(Affine.of(0) for _ in extents)  # for the side of a scalar that is not one
    source_at, target_at = (() if s.scalar else subscripts or zeros for s in (source, target))
    emitter.before({target.array})
    with emitter.block() as body:
        value = scalars.load(source.array, source_at, source.type.element.dtype)
        emitter.store(target.array, target_at, value, operation.span)
    statements: list[Statement] = body
    for iv, extent in reversed(list(zip(ivs, extents, strict=False))):
        statements = [Loop(iv, (Affine.of(0),), (extent,), tuple(statements), operation.span)]
        emitter.names.release(iv)
    for statement in statements:
        emitter.append(statement)


def _apply(translation: Translation, operation: Operation) -> None:
    (result,) = _mapped(translation, operation)
    translation.define(operation.results[0], scalars.indexed(result, DType.I64))


def _extremum(translation: Translation, operation: Operation) -> None:
    found = Extremum.combined(_mapped(translation, operation), operation.name == "affine.max")
    if found is None:
        raise Unsupported("a minimum of maxima, or of very many indices, is not supported")
    translation.define(operation.results[0], scalars.indexed(found, DType.I64))


def _call(translation: Translation, operation: Operation) -> None:
    """A call of the C library's mathematics; no other call is taken."""
    callee = str(operation.attributes.get("callee"))
    types = [value.type for value in (*operation.operands, *operation.results)]
    fits = len(operation.results) == 1 and all(isinstance(t, ScalarType) for t in types)
    if fits and callee not in translation.defined:
        operands = [translation.use(operand) for operand in operation.operands]
        found = scalar_operations.library_function(callee, operands, translation.facts)
        if found is not None:
            translation.define(operation.results[0], found)
            return
    raise Unsupported(f"the call of @{callee} is not supported", "inline it first: mlir-opt --inline")


HANDLERS: dict[str, Handler] = {
    "affine.load": _load,
    "memref.load": _load,
    "affine.store": _store,
    "memref.store": _store,
    "memref.alloc": _allocate,
    "memref.alloca": _allocate,
    "memref.dim": _dimension,
    "memref.copy": _copy,
    "affine.apply": _apply,
    "affine.min": _extremum,
    "affine.max": _extremum,
    "func.call": _call,
    "llvm.mlir.undef": undefined_value,
    "ub.poison": undefined_value,
    "polygeist.undef": undefined_value,
}
