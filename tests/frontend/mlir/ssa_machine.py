"""A direct interpreter of parsed MLIR, value by value as MLIR's documentation says: the oracle.

It shares the parser with the front end, and nothing of the translation: every SSA value is computed
once, where it stands, and memory is NumPy arrays that are written in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from exalift.base import DType
from exalift.frontend.mlir.bindings import read_functions
from exalift.frontend.mlir.source import SourceText
from exalift.frontend.mlir.syntax import (
    AffineMap,
    Block,
    Function,
    IntegerSet,
    MemRefType,
    Operation,
    ScalarType,
)

Number = np.generic
TERMINATORS = ("affine.yield", "scf.yield", "func.return")


def read_function(text: str, name: str) -> Function:
    functions, _ = read_functions(SourceText(text, "m.mlir"), name)
    return next(f for f in functions if f.name == name)


def run(function: Function, arguments: Sequence[object]) -> tuple[object, ...]:
    """Call a function: arrays are changed in place; gives what it returns."""
    machine = _Machine()
    (block,) = function.blocks
    machine.values |= dict(zip(function.arguments, arguments, strict=True))
    return machine.block(block)


def _numpy(dtype: DType) -> np.dtype[np.generic]:
    return np.dtype(dtype.numpy_name)


def _unsigned(value: Number) -> Number:
    return value.astype(value.dtype.str.replace("i", "u"))


def _floor(steps: object, dims: int, operands: Sequence[int]) -> int:
    stack: list[int] = []
    for kind, number in steps:  # type: ignore[attr-defined]
        if kind in ("constant", "dim", "symbol"):
            stack.append({"constant": number}.get(kind, 0))
            if kind != "constant":
                stack[-1] = operands[number + (dims if kind == "symbol" else 0)]
            continue
        right, left = stack.pop(), stack.pop()
        stack.append(
            {
                "add": lambda a, b: a + b,
                "mul": lambda a, b: a * b,
                "mod": lambda a, b: a % b,
                "floordiv": lambda a, b: a // b,
                "ceildiv": lambda a, b: -(-a // b),
            }[kind](left, right)
        )
    return stack.pop()


_BINARY: dict[str, Callable[[Number, Number], object]] = {
    "addf": np.add,
    "subf": np.subtract,
    "mulf": np.multiply,
    "divf": np.divide,
    "maximumf": np.maximum,
    "minimumf": np.minimum,
    "maxnumf": np.fmax,
    "minnumf": np.fmin,
    "addi": lambda a, b: a ^ b if a.dtype == np.bool_ else a + b,
    "subi": np.subtract,
    "muli": np.multiply,
    "divsi": lambda a, b: _truncated(int(a), int(b)),
    "remsi": lambda a, b: int(a) - int(b) * _truncated(int(a), int(b)),
    "divui": lambda a, b: int(_unsigned(a)) // int(_unsigned(b)),
    "remui": lambda a, b: int(_unsigned(a)) % int(_unsigned(b)),
    "floordivsi": lambda a, b: int(a) // int(b),
    "ceildivsi": lambda a, b: -(-int(a) // int(b)),
    "maxsi": np.maximum,
    "minsi": np.minimum,
    "maxui": lambda a, b: max(int(_unsigned(a)), int(_unsigned(b))),
    "minui": lambda a, b: min(int(_unsigned(a)), int(_unsigned(b))),
    "andi": np.bitwise_and,
    "ori": np.bitwise_or,
    "xori": np.bitwise_xor,
    "shli": lambda a, b: int(a) << int(b),
    "shrsi": lambda a, b: int(a) >> int(b),
    "shrui": lambda a, b: int(_unsigned(a)) >> int(b),
}
_UNARY = {
    "negf": np.negative,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "absf": np.abs,
    "absi": np.abs,
    "tanh": np.tanh,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "rsqrt": lambda a: 1 / np.sqrt(a),
    "log2": np.log2,
    "exp2": np.exp2,
    "roundeven": np.rint,
}
_ORDER = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}
_INTEGER_PREDICATES = ["eq", "ne", "lt", "le", "gt", "ge", "lt", "le", "gt", "ge"]
_FLOAT_PREDICATES = ["eq", "gt", "ge", "lt", "le", "ne"]


def _truncated(a: int, b: int) -> int:
    return int(math.copysign(1, a) * math.copysign(1, b)) * (abs(a) // abs(b))


class _Machine:
    def __init__(self) -> None:
        self.values: dict[object, object] = {}

    def block(self, block: Block) -> tuple[object, ...]:
        for operation in block.operations:
            if operation.name in TERMINATORS:
                return tuple(self.values[v] for v in operation.operands)
            with np.errstate(all="ignore"):
                self.operation(operation)
        return ()

    def operation(self, operation: Operation) -> None:
        dialect, name = operation.name.split(".", 1)
        handler = getattr(self, f"{dialect}_{name}".replace(".", "_"), None)
        operands = [self.values[v] for v in operation.operands]
        if handler is not None:
            results = handler(operation, *operands)
        else:
            results = (self.scalar(operation, name, operands),)
        for result, value in zip(operation.results, results or (), strict=True):
            if isinstance(result.type, ScalarType):
                value = self.wrapped(value, result.type)
            self.values[result] = value

    @staticmethod
    def wrapped(value: object, given: ScalarType) -> Number:
        dtype = _numpy(given.dtype)
        if isinstance(value, int | np.integer) and not given.dtype.is_float and given.dtype is not DType.I1:
            bits = given.dtype.bits
            value = (int(value) + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))
        return dtype.type(value)

    def scalar(self, operation: Operation, name: str, operands: list[object]) -> object:
        kind = operation.results[0].type
        assert isinstance(kind, ScalarType)
        if name in _BINARY:
            return _BINARY[name](*operands)
        if name in _UNARY:
            return _UNARY[name](*operands)
        if name in ("extf", "truncf", "extsi", "sitofp", "index_cast", "trunci"):
            value = operands[0]
            if value.dtype == np.bool_ and name in ("extsi", "sitofp"):
                return -int(value)
            if name == "trunci" and kind.dtype is DType.I1:
                return bool(int(value) & 1)
            return value if kind.dtype.is_float else int(value)
        if name == "fptosi":
            return int(operands[0])
        if name in ("extui", "uitofp"):
            value = operands[0]
            return int(value) if value.dtype == np.bool_ else int(_unsigned(value))
        raise NotImplementedError(operation.name)

    def arith_constant(self, operation: Operation) -> tuple[object, ...]:
        return (operation.attributes["value"],)

    def arith_select(self, _: Operation, condition: object, a: object, b: object) -> tuple[object, ...]:
        return (a if condition else b,)

    def arith_cmpi(self, operation: Operation, a: Number, b: Number) -> tuple[object, ...]:
        predicate = int(operation.attributes["predicate"])
        if predicate > 5:
            a, b = _unsigned(a), _unsigned(b)
        return (_ORDER[_INTEGER_PREDICATES[predicate]](a, b),)

    def arith_cmpf(self, operation: Operation, a: Number, b: Number) -> tuple[object, ...]:
        predicate = int(operation.attributes["predicate"])
        unordered = bool(np.isnan(a) or np.isnan(b))
        if predicate in (0, 15):
            return (predicate == 15,)
        if predicate in (7, 14):
            return (unordered == (predicate == 14),)
        if predicate > 7:
            return (unordered or _ORDER[_FLOAT_PREDICATES[predicate - 8]](a, b),)
        return (not unordered and _ORDER[_FLOAT_PREDICATES[predicate - 1]](a, b),)

    def mapped(self, operation: Operation, name: str, operands: Sequence[object]) -> list[int]:
        given = operation.attributes[name]
        assert isinstance(given, AffineMap)
        return [_floor(steps, given.dims, [int(o) for o in operands]) for steps in given.results]

    def affine_apply(self, operation: Operation, *operands: object) -> tuple[object, ...]:
        return tuple(self.mapped(operation, "map", operands))

    def affine_min(self, operation: Operation, *operands: object) -> tuple[object, ...]:
        return (min(self.mapped(operation, "map", operands)),)

    def affine_max(self, operation: Operation, *operands: object) -> tuple[object, ...]:
        return (max(self.mapped(operation, "map", operands)),)

    def affine_load(self, operation: Operation, memory: object, *operands: object) -> tuple[object, ...]:
        return (self.element(memory, self.mapped(operation, "map", operands)),)

    def affine_store(self, operation: Operation, value: object, memory: object, *operands: object) -> None:
        self.memref_store(operation, value, memory, *self.mapped(operation, "map", operands))

    def memref_load(self, _: Operation, memory: object, *operands: object) -> tuple[object, ...]:
        return (self.element(memory, operands),)

    @staticmethod
    def element(memory: object, operands: Sequence[object]) -> object:
        assert all(0 <= int(o) < n for o, n in zip(operands, memory.shape, strict=True))
        return memory[tuple(int(o) for o in operands)]

    def memref_store(self, _: Operation, value: object, memory: object, *operands: object) -> None:
        assert all(0 <= int(o) < n for o, n in zip(operands, memory.shape, strict=True))
        memory[tuple(int(o) for o in operands)] = value

    def memref_alloc(self, operation: Operation, *operands: object) -> tuple[object, ...]:
        given = operation.results[0].type
        assert isinstance(given, MemRefType)
        dynamic = iter(operands)
        shape = tuple(int(next(dynamic)) if n is None else n for n in given.shape)
        return (np.zeros(shape, _numpy(given.element.dtype)),)

    memref_alloca = memref_alloc

    def memref_cast(self, _: Operation, memory: object) -> tuple[object, ...]:
        return (memory,)

    def memref_copy(self, _: Operation, source: object, target: object) -> None:
        target[...] = source

    def memref_dim(self, _: Operation, memory: object, position: object) -> tuple[object, ...]:
        return (memory.shape[int(position)],)

    def llvm_mlir_undef(self, operation: Operation) -> tuple[object, ...]:
        return (0,)

    def loop(self, operation: Operation, indices: range, carried: Sequence[object]) -> tuple[object, ...]:
        (body,) = operation.regions[0]
        for index in indices:
            iv_type = body.arguments[0].type
            assert isinstance(iv_type, ScalarType)
            self.values[body.arguments[0]] = self.wrapped(index, iv_type)
            self.values |= dict(zip(body.arguments[1:], carried, strict=True))
            carried = self.block(body)
        return tuple(carried)

    def affine_for(self, operation: Operation, *operands: object) -> tuple[object, ...]:
        lower, upper, _ = operation.attributes["operandSegmentSizes"]
        start = max(self.mapped(operation, "lowerBoundMap", operands[:lower]))
        stop = min(self.mapped(operation, "upperBoundMap", operands[lower : lower + upper]))
        return self.loop(
            operation, range(start, stop, operation.attributes["step"]), operands[lower + upper :]
        )

    def scf_for(
        self, operation: Operation, start: object, stop: object, step: object, *carried: object
    ) -> tuple[object, ...]:
        return self.loop(operation, range(int(start), int(stop), int(step)), carried)

    def affine_parallel(self, operation: Operation, *operands: object) -> tuple[object, ...]:
        lower = operation.attributes["lowerBoundsMap"]
        assert isinstance(lower, AffineMap)
        count = lower.dims + lower.symbols
        starts = iter(self.mapped(operation, "lowerBoundsMap", operands[:count]))
        stops = iter(self.mapped(operation, "upperBoundsMap", operands[count:]))
        attributes = operation.attributes
        ranges = [
            range(max(next(starts) for _ in range(low)), min(next(stops) for _ in range(high)), step)
            for low, high, step in zip(
                attributes["lowerBoundsGroups"],
                attributes["upperBoundsGroups"],
                attributes["steps"],
                strict=True,
            )
        ]
        (body,) = operation.regions[0]
        totals: list[object] = [None] * len(operation.results)
        for point in product(*ranges):
            self.values |= dict(zip(body.arguments, point, strict=True))
            for k, value in enumerate(self.block(body)):
                combine = _BINARY[str(attributes["reductions"][k])]
                totals[k] = value if totals[k] is None else combine(totals[k], value)
        return tuple(totals)

    def branch(self, operation: Operation, condition: bool) -> tuple[object, ...]:
        region = operation.regions[0 if condition else 1]
        return self.block(region[0]) if region else ()

    def affine_if(self, operation: Operation, *operands: object) -> tuple[object, ...]:
        given = operation.attributes["condition"]
        assert isinstance(given, IntegerSet)
        values = [_floor(steps, given.map.dims, [int(o) for o in operands]) for steps in given.map.results]
        holds = all(v == 0 if e else v >= 0 for v, e in zip(values, given.equalities, strict=True))
        return self.branch(operation, holds)

    def scf_if(self, operation: Operation, condition: object) -> tuple[object, ...]:
        return self.branch(operation, bool(condition))

    def func_call(self, operation: Operation, *operands: object) -> tuple[object, ...]:
        functions = {"sqrt": np.sqrt, "fmaxf": np.fmax}
        return (functions[str(operation.attributes["callee"])](*operands),)
