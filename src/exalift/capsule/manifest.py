"""A capsule as a manifest in JSON and a list of blobs, and back. docs/capsule.md describes the schema."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from exalift.base import DType, Fields, TensorShape, UsageError, as_integer, as_list, as_text

from . import limits
from .compiled_code import CodeKey, CompiledCode
from .model import Capsule, Origin, Result, Role, Routine, Signature, StateArray
from .plan import Array, Bounds, Call, Index, Loop, Operand, Step, Sweep

_FORMAT = "exalift capsule"

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Packed:
    """A manifest, and the blobs that it names by their hashes, in order."""

    manifest: bytes
    blobs: tuple[bytes, ...]


def version_of(capsule: Capsule) -> int:
    """The oldest version of the format that says all of the capsule, so that older programs read it."""
    return 2 if capsule.codes or capsule.strict_fp else 1


def encode(capsule: Capsule) -> Packed:
    """The same capsule gives the same bytes."""
    version = version_of(capsule)
    blobs: dict[str, bytes] = {}

    def blob(data: bytes | None) -> str | None:
        if not data:
            return None
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return digest

    routines: list[Json] = [
        {
            "name": routine.name,
            "arguments": [_type(type) for type in routine.signature.arguments],
            "results": [_type(type) for type in routine.signature.results],
            "function": blob(routine.function),
            "kernel": blob(None if routine.kernel is None else routine.kernel.encode()),
        }
        for routine in capsule.routines
    ]
    certificate = blob(capsule.origin.certificate)
    content: Json = {
        "format": _FORMAT,
        "version": version,
        "name": capsule.name,
        "sizes": dict(capsule.sizes),
        "state": [
            {
                "name": array.name,
                "type": _type(array.type),
                "role": array.role.value,
                "parameter": array.parameter,
            }
            for array in capsule.state
        ],
        "routines": routines,
        "plan": _steps(capsule.plan),
        "results": [{"name": result.name, "array": result.array} for result in capsule.results],
        "origin": {
            "source_sha256": capsule.origin.source_sha256,
            "proof": capsule.origin.proof,
            "certificate": certificate,
        },
    }
    if version >= 2:
        content["strict_fp"] = capsule.strict_fp
        content["codes"] = [
            {
                "routine": one.routine,
                "device": one.key.device,
                "compiler": one.key.compiler,
                "processor": one.key.processor,
                "source_sha256": one.key.source,
                "code": blob(one.code),
            }
            for one in capsule.codes
        ]
    content["blobs"] = [{"sha256": digest, "bytes": len(data)} for digest, data in blobs.items()]
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return Packed(text.encode(), tuple(blobs.values()))


def _type(type: TensorShape) -> Json:
    return {"dtype": str(type.dtype), "shape": list(type.extents)}


def _steps(steps: tuple[Step, ...]) -> list[Json]:
    """Recurses into loops, whose depth `check_capsule` bounds."""
    found: list[Json] = []
    for step in steps:
        match step:
            case Call():
                found.append({"call": step.routine, **_binding(step)})
            case Sweep():
                found.append({"sweep": step.routine, **_bounds(step.bounds), **_binding(step)})
            case Loop():
                found.append({"loop": step.counter, **_bounds(step.bounds), "body": _steps(step.body)})
            case _:
                assert_never(step)
    return found


def _binding(step: Call | Sweep) -> Json:
    operands = [
        {"array": operand.name} if isinstance(operand, Array) else _index(operand)
        for operand in step.operands
    ]
    return {"operands": operands, "results": list(step.results)}


def _bounds(bounds: Bounds) -> Json:
    return {"from": [_index(i) for i in bounds.lower], "to": [_index(i) for i in bounds.upper]}


def _index(index: Index) -> Json:
    return {"constant": index.constant, "terms": [[name, factor] for name, factor in index.terms]}


def parse(manifest: bytes, version: int) -> Fields:
    """The manifest's fields, once it is known to be one of the version given. Raises UsageError."""
    try:
        content: object = json.loads(manifest.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the manifest is not JSON: {error}") from error
    fields = Fields(content, "the manifest")
    if fields.text("format") != _FORMAT:
        raise UsageError("this is not a capsule's manifest")
    fields.integer("version", version, version)
    return fields


def blob_sizes(fields: Fields) -> tuple[tuple[str, int], ...]:
    """Hash and length of each blob, in the order of the file. Raises UsageError."""

    def read(item: Fields) -> tuple[str, int]:
        found = item.text("sha256", 64), item.integer("bytes", 1, limits.FILE_BYTES)
        item.done()
        return found

    return fields.each("blobs", 3 * limits.ROUTINES + limits.CODES, read)


def decode(fields: Fields, blobs: Mapping[str, bytes]) -> Capsule:
    """The capsule, not checked yet as a whole. Raises UsageError."""

    def blob(owner: Fields, name: str) -> bytes | None:
        value = owner.field(name)
        if value is None:
            return None
        digest = as_text(value, f"{owner.what}: {name!r}", 64)
        if digest not in blobs:
            raise UsageError(f"{owner.what}: {name!r} is a blob that there is not")
        return blobs[digest]

    def routine(item: Fields) -> Routine:
        arguments = item.each("arguments", limits.OPERANDS, _read_type)
        results = item.each("results", limits.OPERANDS, _read_type)
        kernel = blob(item, "kernel")
        try:
            text = None if kernel is None else kernel.decode()
        except UnicodeDecodeError as error:
            raise UsageError(f"{item.what}: the kernel is not UTF-8") from error
        found = Routine(Signature(item.text("name"), arguments, results), blob(item, "function"), text)
        item.done()
        return found

    def compiled(item: Fields) -> CompiledCode:
        key = CodeKey(
            item.text("device", limits.KEY_TEXT),
            item.text("compiler", limits.KEY_TEXT),
            item.text("processor", limits.KEY_TEXT),
            item.text("source_sha256", 64),
        )
        found = CompiledCode(key, item.text("routine"), blob(item, "code") or b"")
        item.done()
        return found

    is_first = fields.integer("version") == 1
    sizes = fields.object("sizes")
    origin = fields.object("origin")
    capsule = Capsule(
        fields.text("name"),
        tuple((name, sizes.integer(name)) for name in sizes.names()),
        fields.each("state", limits.STATE_ARRAYS, _read_array),
        fields.each("routines", limits.ROUTINES, routine),
        _read_steps(fields.list("plan", limits.STEPS), 0),
        fields.each("results", limits.STATE_ARRAYS, _read_result),
        Origin(
            origin.text("source_sha256", 64), origin.text("proof", 64), blob(origin, "certificate") or b""
        ),
        False if is_first else fields.truth("strict_fp"),
        () if is_first else fields.each("codes", limits.CODES, compiled),
    )
    origin.done()
    fields.done()
    return capsule


def _read_type(item: Fields) -> TensorShape:
    shape = item.list("shape", limits.RANK)
    extents = tuple(as_integer(e, f"{item.what}: an extent", 0, limits.EXTENT) for e in shape)
    name = item.text("dtype", 8)
    item.done()
    try:
        return TensorShape(extents, DType(name))
    except ValueError as error:
        raise UsageError(f"{item.what}: there is no element type {name!r}") from error


def _read_array(item: Fields) -> StateArray:
    role = item.text("role", 16)
    if role not in (Role.ARGUMENT.value, Role.LOCAL.value):
        raise UsageError(f"{item.what}: there is no role {role!r}")
    parameter = item.integer("parameter", 0, limits.STATE_ARRAYS)
    found = StateArray(item.text("name"), _read_type(item.object("type")), Role(role), parameter)
    item.done()
    return found


def _read_result(item: Fields) -> Result:
    found = Result(item.text("name"), item.text("array"))
    item.done()
    return found


def _read_steps(items: list[object], depth: int) -> tuple[Step, ...]:
    """Recurses into loops; JSON nests no deeper than this allows."""
    if depth > limits.DEPTH:
        raise UsageError(f"the plan has loops more than {limits.DEPTH} deep")
    return tuple(_read_step(Fields(item, "a step"), depth) for item in items)


def _read_step(item: Fields, depth: int) -> Step:
    found: Step
    if item.has("call"):
        found = Call(item.text("call"), _read_operands(item), _read_names(item))
    elif item.has("sweep"):
        found = Sweep(_read_bounds(item), item.text("sweep"), _read_operands(item), _read_names(item))
    else:
        body = _read_steps(item.list("body", limits.STEPS), depth + 1)
        found = Loop(item.text("loop"), _read_bounds(item), body)
    item.done()
    return found


def _read_operands(item: Fields) -> tuple[Operand, ...]:
    def read(operand: Fields) -> Operand:
        if not operand.has("array"):
            return _read_index(operand)
        found = Array(operand.text("array"))
        operand.done()
        return found

    return item.each("operands", limits.OPERANDS, read)


def _read_names(item: Fields) -> tuple[str, ...]:
    return tuple(as_text(name, f"{item.what}: a result") for name in item.list("results", limits.OPERANDS))


def _read_bounds(item: Fields) -> Bounds:
    return Bounds(
        item.each("from", limits.OPERANDS, _read_index), item.each("to", limits.OPERANDS, _read_index)
    )


def _read_index(item: Fields) -> Index:
    terms: list[tuple[str, int]] = []
    for term in item.list("terms", limits.DEPTH):
        pair = as_list(term, f"{item.what}: a term", 2)
        if len(pair) != 2:
            raise UsageError(f"{item.what}: a term is a name and a factor")
        terms.append((as_text(pair[0], item.what), as_integer(pair[1], item.what)))
    found = Index(item.integer("constant"), tuple(terms))
    item.done()
    return found
