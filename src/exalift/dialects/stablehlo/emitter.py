# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeArgument=false, reportUnknownParameterType=false
"""Making a module op by op, every value numbered, so that equal ops are made once.

Types and attributes are given as MLIR text and parsed by MLIR itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import ml_dtypes
import numpy as np
from jaxlib.mlir import ir

from exalift.base import DType, TensorShape, VerificationError
from exalift.capsule.stablehlo_artifact import make_context


@dataclass(frozen=True, slots=True)
class Value:
    """An SSA value; values with one number are one value."""

    number: int
    type: TensorShape


Key = tuple[str, tuple[int, ...], tuple[tuple[str, str], ...], TensorShape, str]


@dataclass(slots=True)
class _Scope:
    """One block, and what was made in it."""

    block: ir.Block
    made: dict[Key, Value] = field(default_factory=dict[Key, Value])


_I64 = TensorShape((), DType.I64)


class Emitter:
    """Builds `func.func public @name` in a module of its own.

    Ops that occur twice are made once, in the outermost block that has them already; constants are
    made anew in every block, so that loop bodies and conditions show theirs (XLA counts a loop's
    trips only where it sees the constants).
    """

    def __init__(self, name: str, arguments: Sequence[tuple[str, TensorShape]]) -> None:
        self._context = make_context()
        self._handles: list[ir.Value] = []
        self._arguments = tuple(arguments)
        with self._context, ir.Location.unknown():
            self._module = ir.Module.create()
            self._types: dict[TensorShape, ir.Type] = {}
            self._function = ir.Operation.create(
                "func.func",
                attributes={
                    "sym_name": ir.StringAttr.get(name),
                    "sym_visibility": ir.StringAttr.get("public"),
                    "function_type": ir.TypeAttr.get(ir.FunctionType.get([], [])),
                },
                regions=1,
                ip=ir.InsertionPoint(self._module.body),
            )
            block = self._function.regions[0].blocks.append()
            for argument, type in arguments:
                block.add_argument(self._type(type), ir.Location.name(argument))
        self._scopes = [_Scope(block)]
        self.arguments = tuple(
            self._number(block.arguments[position], type) for position, (_, type) in enumerate(arguments)
        )

    def _type(self, type: TensorShape) -> ir.Type:
        if type not in self._types:
            self._types[type] = ir.Type.parse(str(type), self._context)
        return self._types[type]

    def _number(self, handle: ir.Value, type: TensorShape) -> Value:
        self._handles.append(handle)
        return Value(len(self._handles) - 1, type)

    def _known(self, key: Key) -> Value | None:
        scopes = self._scopes[-1:] if key[0] == "stablehlo.constant" else reversed(self._scopes)
        return next((scope.made[key] for scope in scopes if key in scope.made), None)

    def operation(
        self,
        name: str,
        operands: Sequence[Value],
        result: TensorShape,
        attributes: Sequence[tuple[str, str]] = (),
        body: str = "",
    ) -> Value:
        """An op with one result; `body` is the function that its region applies, if it has a region."""
        key = (name, tuple(operand.number for operand in operands), tuple(attributes), result, body)
        found = self._known(key)
        if found is None:
            with self._context, ir.Location.unknown():
                made = self._create(name, operands, [result], attributes, 1 if body else 0)
                if body:
                    self._fill(made.regions[0], body, result.dtype)
            found = self._number(made.results[0], result)
            self._scopes[-1].made[key] = found
        return found

    def _create(
        self,
        name: str,
        operands: Sequence[Value],
        results: Sequence[TensorShape],
        attributes: Sequence[tuple[str, str]] = (),
        regions: int = 0,
    ) -> ir.Operation:
        return ir.Operation.create(
            name,
            results=[self._type(result) for result in results],
            operands=[self._handles[operand.number] for operand in operands],
            attributes={key: ir.Attribute.parse(text) for key, text in attributes},
            regions=regions,
            ip=ir.InsertionPoint(self._scopes[-1].block),
        )

    def _fill(self, region: ir.Region, function: str, dtype: DType) -> None:
        """The region `(a, b) -> function(a, b)` on scalars."""
        scalar = self._type(TensorShape((), dtype))
        unknown = ir.Location.unknown()
        block = region.blocks.append(scalar, scalar, arg_locs=[unknown, unknown])
        inside = ir.InsertionPoint(block)
        made = ir.Operation.create(
            f"stablehlo.{function}", results=[scalar], operands=list(block.arguments), ip=inside
        )
        ir.Operation.create("stablehlo.return", operands=[made.results[0]], ip=inside)

    def constant(self, value: int | bool | float | Fraction, type: TensorShape) -> Value:
        """A tensor full of one number, rounded to the element type."""
        text = "dense<>" if type.is_empty else f"dense<{_number_text(value, type.dtype)}>"
        return self.operation("stablehlo.constant", (), type, (("value", f"{text} : {type}"),))

    def integer(self, value: int) -> Value:
        return self.constant(value, _I64)

    def while_loop(
        self,
        names: Sequence[str],
        initial: Sequence[Value],
        condition: Callable[[tuple[Value, ...]], Value],
        body: Callable[[tuple[Value, ...]], Sequence[Value]],
    ) -> tuple[Value, ...]:
        """`stablehlo.while` over the initial values; both regions may use values from outside."""
        types = [value.type for value in initial]
        with self._context, ir.Location.unknown():
            made = self._create("stablehlo.while", initial, types, regions=2)
            named = [ir.Location.name(name) for name in names]
            blocks = [
                region.blocks.append(*(self._type(t) for t in types), arg_locs=named)
                for region in made.regions
            ]
        for block, fill in zip(blocks, (lambda v: (condition(v),), body), strict=True):
            self._scopes.append(_Scope(block))
            values = tuple(self._number(a, t) for a, t in zip(block.arguments, types, strict=True))
            self._return("stablehlo.return", fill(values))
            self._scopes.pop()
        return tuple(self._number(result, t) for result, t in zip(made.results, types, strict=True))

    def _return(self, name: str, values: Sequence[Value]) -> None:
        with self._context, ir.Location.unknown():
            self._create(name, values, [])

    def finish(self, results: Sequence[Value]) -> str:
        """Return the results, verify, and print. VerificationError where MLIR refuses the module."""
        self._return("func.return", results)
        with self._context, ir.Location.unknown():
            signature = ir.FunctionType.get(
                [self._type(type) for _, type in self._arguments],
                [self._type(value.type) for value in results],
            )
            self._function.attributes["function_type"] = ir.TypeAttr.get(signature)
            try:
                self._module.operation.verify()
            except ir.MLIRError as error:
                raise VerificationError(f"the printed module does not verify: {error}") from error
            return str(self._module.operation.get_asm(use_name_loc_as_prefix=True))


def _number_text(value: int | bool | float | Fraction, dtype: DType) -> str:
    """A literal that MLIR reads back to the same bits."""
    if dtype is DType.I1:
        return "true" if value else "false"
    if dtype.is_integer:
        wrapped = int(value) % (1 << dtype.bits)
        if dtype.is_signed and wrapped >> (dtype.bits - 1):
            wrapped -= 1 << dtype.bits
        return str(wrapped)
    kind = ml_dtypes.bfloat16 if dtype is DType.BF16 else np.dtype(dtype.numpy_name)
    with np.errstate(over="ignore"):
        rounded = np.asarray(float(value)).astype(kind)
    bits = rounded.view(np.dtype(f"uint{dtype.bits}"))
    return f"0x{int(bits):0{dtype.bits // 4}X}"
