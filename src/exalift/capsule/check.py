"""What must hold of a capsule before anything of it is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from exalift.base import DType, TensorShape, UsageError

from . import limits
from .compiled_code import CodeKey
from .model import Capsule, Role, Routine
from .plan import Array, Bounds, Call, Index, Loop, Operand, Step, Sweep

_NAME = re.compile(r"\A[A-Za-z_][A-Za-z0-9_.-]{0,127}\Z")
_SHA256 = re.compile(r"\A([0-9a-f]{64})?\Z")
_KEY = re.compile(rf"\A[ -~]{{1,{limits.KEY_TEXT}}}\Z")
_I64 = TensorShape((), DType.I64)


def check_name(name: str, what: str) -> None:
    """Names are letters, digits, `_`, `.` and `-`, at most 128, and never a path."""
    if not _NAME.match(name):
        raise UsageError(f"{what} has no proper name: {name[:140]!r}")


def check_capsule(capsule: Capsule) -> None:
    """Raise UsageError unless everything that the plan names is there, once, and of the right type.

    Tensor functions and kernels are checked where they are compiled, since that needs their parsers.
    """
    check_name(capsule.name, "the capsule")
    _check_state(capsule)
    _distinct((routine.name for routine in capsule.routines), "routine")
    if len(capsule.routines) > limits.ROUTINES:
        raise UsageError(f"there are more than {limits.ROUTINES} routines")
    for routine in capsule.routines:
        _check_routine(routine)
    checker = _PlanChecker(
        {array.name: array.type for array in capsule.state},
        {routine.name: routine for routine in capsule.routines},
    )
    checker.check(capsule.plan)
    _distinct((result.name for result in capsule.results), "result")
    arrays = {array.name for array in capsule.state}
    for result in capsule.results:
        check_name(result.name, "a result")
        if result.array not in arrays:
            raise UsageError(f"the result {result.name} is an array that there is not: {result.array}")
    if not _SHA256.match(capsule.origin.source_sha256):
        raise UsageError("the source's hash is not a SHA-256 in hexadecimal")
    _check_codes(capsule)


def _check_codes(capsule: Capsule) -> None:
    if len(capsule.codes) > limits.CODES:
        raise UsageError(f"there are more than {limits.CODES} compiled codes")
    routines = {routine.name for routine in capsule.routines}
    keys: set[CodeKey] = set()
    for one in capsule.codes:
        key = one.key
        if one.routine not in routines:
            raise UsageError(f"there is compiled code for a routine that there is not: {one.routine}")
        check_name(key.device, "a device")
        if not all(_KEY.match(text) for text in (key.compiler, key.processor)):
            raise UsageError(f"the compiled code of {one.routine} does not say what it is for")
        if len(key.source) != 64 or not _SHA256.match(key.source):
            raise UsageError(f"the compiled code of {one.routine} does not say what it was made from")
        if key in keys:
            raise UsageError(f"there are two compiled codes of {one.routine} for {key.device}")
        keys.add(key)
        if not 0 < len(one.code) <= limits.CODE_BYTES:
            raise UsageError(f"the compiled code of {one.routine} has {len(one.code)} bytes")
    if sum(len(one.code) for one in capsule.codes) > limits.ALL_CODE_BYTES:
        raise UsageError(f"the compiled codes have more than {limits.ALL_CODE_BYTES} bytes together")


def _check_state(capsule: Capsule) -> None:
    if len(capsule.state) > limits.STATE_ARRAYS:
        raise UsageError(f"the state has more than {limits.STATE_ARRAYS} arrays")
    _distinct((array.name for array in capsule.state), "array")
    roles = [array.role for array in capsule.state]
    if Role.ARGUMENT in roles[roles.index(Role.LOCAL) :] if Role.LOCAL in roles else False:
        raise UsageError("the state lists a local before an argument")
    for array in capsule.state:
        check_name(array.name, "an array of the state")
        _check_type(array.type, array.name)
    total = sum(array.type.bytes for array in capsule.state)
    if total > limits.STATE_BYTES:
        raise UsageError(f"the state takes {total} bytes, more than {limits.STATE_BYTES}")
    _distinct((name for name, _ in capsule.sizes), "size")
    for name, _ in capsule.sizes:
        check_name(name, "a size")


def _check_type(type: TensorShape, what: str) -> None:
    if len(type.extents) > limits.RANK or any(not 0 <= e <= limits.EXTENT for e in type.extents):
        raise UsageError(f"{what} has an impossible shape: {type.extents[: limits.RANK]}")


def _distinct(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UsageError(f"there are two of the {what} {name!r}")
        seen.add(name)


def _check_routine(routine: Routine) -> None:
    check_name(routine.name, "a routine")
    signature = routine.signature
    if routine.function is None and routine.kernel is None:
        raise UsageError(f"the routine {routine.name} has neither a tensor function nor a kernel")
    if max(len(signature.arguments), len(signature.results)) > limits.OPERANDS:
        raise UsageError(f"{routine.name} has more than {limits.OPERANDS} arguments or results")
    for type in (*signature.arguments, *signature.results):
        _check_type(type, routine.name)


@dataclass(frozen=True, slots=True)
class _PlanChecker:
    arrays: Mapping[str, TensorShape]
    routines: Mapping[str, Routine]

    def check(self, plan: Sequence[Step]) -> None:
        count = 0
        # Steps, and the counters that are known there; a stack, since a plan may nest too deep.
        pending: list[tuple[Step, tuple[str, ...]]] = [(step, ()) for step in reversed(plan)]
        while pending:
            step, counters = pending.pop()
            count += 1
            if count > limits.STEPS or len(counters) > limits.DEPTH:
                raise UsageError(f"the plan has more than {limits.STEPS} steps or {limits.DEPTH} loops deep")
            match step:
                case Call() | Sweep():
                    self._check_leaf(step, counters)
                case Loop():
                    check_name(step.counter, "a counter")
                    if step.counter in counters:
                        raise UsageError(f"the counter {step.counter} is used twice in one nest")
                    self._check_bounds(step.bounds, counters)
                    if not step.body:
                        raise UsageError(f"the loop over {step.counter} has no body")
                    pending.extend((inner, (*counters, step.counter)) for inner in reversed(step.body))
                case _:
                    assert_never(step)

    def _check_leaf(self, step: Call | Sweep, counters: Sequence[str]) -> None:
        routine = self.routines.get(step.routine)
        if routine is None:
            raise UsageError(f"the plan calls a routine that there is not: {step.routine}")
        given = [self._operand(operand, counters, routine.name) for operand in step.operands]
        if isinstance(step, Sweep):
            self._check_bounds(step.bounds, counters)
            given = [_I64, _I64, *given]
        results = [self._array(name, routine.name) for name in step.results]
        _distinct(step.results, "result of one step")
        if (tuple(given), tuple(results)) != (routine.signature.arguments, routine.signature.results):
            raise UsageError(f"a step gives {routine.name} operands or results of other types than its own")

    def _operand(self, operand: Operand, counters: Sequence[str], routine: str) -> TensorShape:
        match operand:
            case Array(name=name):
                return self._array(name, routine)
            case Index():
                self._check_index(operand, counters)
                return _I64
            case _:
                assert_never(operand)

    def _array(self, name: str, routine: str) -> TensorShape:
        if name not in self.arrays:
            raise UsageError(f"a call of {routine} names an array that there is not: {name}")
        return self.arrays[name]

    def _check_bounds(self, bounds: Bounds, counters: Sequence[str]) -> None:
        if not bounds.lower or not bounds.upper:
            raise UsageError("a loop has no bounds")
        for index in (*bounds.lower, *bounds.upper):
            self._check_index(index, counters)

    def _check_index(self, index: Index, counters: Sequence[str]) -> None:
        unknown = [name for name, _ in index.terms if name not in counters]
        if unknown:
            raise UsageError(f"a bound or an operand uses {unknown[0]!r}, which is no loop around it")
