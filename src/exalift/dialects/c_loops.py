"""Lifted programs as plain C loops at given sizes, each op by the formula of its definition.

For checkers of C: one static array a node, nothing fused and nothing clever. Integers wrap, as the ops'
do; a load out of bounds reads 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import assert_never

from exalift.affine import (
    Affine,
    Apply,
    Axis,
    Cast,
    Constant,
    Expression,
    FloorDiv,
    Formula,
    Guard,
    GuardValue,
    IndexValue,
    Load,
    Reduce,
)
from exalift.base import DType, UsageError

from .definition import Dialect
from .graph import (
    ArrayValue,
    ConstantValue,
    IndexScalar,
    Node,
    Operation,
    Step,
    TensorLoop,
    TensorProgram,
    postorder,
)
from .types import TensorType

FLOOR_DIVISION = "static long floor_div(long a, long b) { return a / b - (a % b != 0 && a % b < 0); }\n"
"""The one function that the loops call, beside those of math.h."""

_OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "and": "&", "or": "|", "xor": "^"}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_MATH = {
    "sqrt": "sqrt({0})",
    "rsqrt": "(1 / sqrt({0}))",
    "cbrt": "cbrt({0})",
    "exponential": "exp({0})",
    "exponential_minus_one": "expm1({0})",
    "log": "log({0})",
    "log_plus_one": "log1p({0})",
    "logistic": "(1 / (1 + exp(-({0}))))",
    "tanh": "tanh({0})",
    "sine": "sin({0})",
    "cosine": "cos({0})",
    "tan": "tan({0})",
    "floor": "floor({0})",
    "ceil": "ceil({0})",
    "round_nearest_even": "rint({0})",
    "round_nearest_afz": "round({0})",
    "erf": "erf({0})",
    "power": "pow({0}, {1})",
    "atan2": "atan2({0}, {1})",
}


def c_type(dtype: DType) -> str:
    """The C type of an element. Raises UsageError for the formats that C does not have."""
    match dtype:
        case DType.F64:
            return "double"
        case DType.F32:
            return "float"
        case DType.I1:
            return "unsigned char"
        case _ if dtype.is_float:
            raise UsageError(f"C has no type for {dtype}")
        case _:
            return f"{'int' if dtype.is_signed else 'uint'}{dtype.bits}_t"


def count(shape: Sequence[int]) -> int:
    """Elements to reserve: C has no array of none."""
    return max(1, math.prod(shape))


def print_c_loops(program: TensorProgram, sizes: Mapping[str, int], dialect: Dialect, name: str) -> str:
    """A C function `name` that takes the arguments, then the results, as pointers to flat arrays.

    Needs stdint.h, math.h, string.h and `FLOOR_DIVISION`. Raises UsageError for an op without a formula or a
    type that C does not have.
    """
    return _Printer(dialect, dict(sizes)).program(program, name)


@dataclass
class _Printer:
    dialect: Dialect
    sizes: dict[str, int]
    lines: list[str] = field(default_factory=list[str])
    names: dict[str, str] = field(default_factory=dict[str, str])
    depth: int = 1
    fresh: int = 0

    def program(self, program: TensorProgram, name: str) -> str:
        parameters = [f"const {c_type(a.type.dtype)} *in_{k}" for k, a in enumerate(program.arguments)]
        parameters += [f"{c_type(r.type.dtype)} *out_{k}" for k, r in enumerate(program.results)]
        self.lines.append(f"static void {name}({', '.join(parameters) or 'void'})")
        self.lines.append("{")
        for k, item in enumerate((*program.arguments, *program.locals)):
            self.names[item.name] = f"s_{k}"
            shape = item.type.at(self.sizes)
            self.line(f"static {c_type(item.type.dtype)} s_{k}[{count(shape)}];")
        for k, item in enumerate(program.arguments):
            self.line(f"memcpy(s_{k}, in_{k}, {math.prod(item.type.at(self.sizes))} * sizeof *s_{k});")
        for item in program.locals:
            at = self.names[item.name]
            self.line(f"memset({at}, 0, sizeof {at});")
        self.steps(program.body)
        for k, result in enumerate(program.results):
            number = math.prod(result.type.at(self.sizes))
            self.line(f"memcpy(out_{k}, {self.names[result.array]}, {number} * sizeof *out_{k});")
        self.lines.append("}")
        return "\n".join(self.lines) + "\n"

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def name(self, prefix: str) -> str:
        self.fresh += 1
        return f"{prefix}{self.fresh}"

    def steps(self, steps: Sequence[Step]) -> None:
        """The recursion is over the depth of loops."""
        for step in steps:
            if isinstance(step, TensorLoop):
                outer = self.names.get(step.iv)
                self.names[step.iv] = iv = self.name("i")
                lower = [self.affine(bound) for bound in step.lower]
                upper = [f"{iv} < {self.affine(bound)}" for bound in step.upper]
                self.line(f"long {iv} = {lower[0]};")
                for bound in lower[1:]:
                    self.line(f"if ({bound} > {iv}) {iv} = {bound};")
                self.line(f"for (; {' && '.join(upper)}; {iv}++) {{")
                self.depth += 1
                self.steps(step.body)
                self.depth -= 1
                self.line("}")
                if outer is not None:
                    self.names[step.iv] = outer
                continue
            value, size = self.value(step.value), math.prod(step.value.type.at(self.sizes))
            if value != self.names[step.array]:
                self.line(f"memcpy({self.names[step.array]}, {value}, {size} * sizeof *{value});")

    def value(self, root: Node) -> str:
        """The array that holds a node's value, computed by the lines put out."""
        places: dict[Node, str] = {}
        for node in postorder(root):
            match node:
                case ArrayValue(name, _):
                    places[node] = self.names[name]
                case ConstantValue(value, type):
                    places[node] = self.computed(Formula((), Constant(value, type.dtype)), type, [], [])
                case IndexScalar(index, type):
                    places[node] = self.computed(Formula((), IndexValue(index, type.dtype)), type, [], [])
                case Operation():
                    definition = self.dialect.by_name.get(node.name)
                    if definition is None or definition.formula is None:
                        raise UsageError(f"{node.name} has no formula")
                    types = [operand.type for operand in node.operands]
                    formula = definition.formula(tuple(types), node.attributes, node.type)
                    operands = [places[operand] for operand in node.operands]
                    places[node] = self.computed(formula, node.type, operands, types)
                case _:
                    assert_never(node)
        return places[root]

    def computed(
        self, formula: Formula, type: TensorType, operands: Sequence[str], types: Sequence[TensorType]
    ) -> str:
        """The static array that gets the formula's value."""
        place = self.name("v_")
        shape = type.at(self.sizes)
        self.line(f"static {c_type(type.dtype)} {place}[{count(shape)}];")
        scope = _Scope(self, list(operands), [t.at(self.sizes) for t in types], dict(self.names))
        ivs = scope.opened(formula.axes)
        element = scope.expression(formula.body)
        flat = scope.flat([Affine.symbol(axis.name) for axis in formula.axes], shape)
        self.line(f"{place}[{flat}] = {element};")
        self.closed(len(ivs))
        return place

    def closed(self, loops: int) -> None:
        for _ in range(loops):
            self.depth -= 1
            self.line("}")

    def affine(self, affine: Affine, names: Mapping[str, str] | None = None) -> str:
        found = [str(affine.constant)]
        for atom, coefficient in affine.terms:
            match atom:
                case str():
                    known = (names or self.names).get(atom)
                    text = known if known is not None else str(self.sizes[atom])
                case FloorDiv(numerator, denominator):
                    text = f"floor_div({self.affine(numerator, names)}, {denominator})"
            found.append(f"{coefficient} * {text}")
        return f"({' + '.join(found)})"


@dataclass
class _Scope:
    """Where an element of a formula is computed: the operands, and what the axes are called."""

    printer: _Printer
    operands: list[str]
    shapes: list[tuple[int, ...]]
    names: dict[str, str]

    def opened(self, axes: Sequence[Axis]) -> list[str]:
        """Loops over the axes; gives their variables."""
        found: list[str] = []
        for axis in axes:
            extent = self.printer.affine(axis.extent, self.names)
            self.names[axis.name] = iv = self.printer.name("a")
            self.printer.line(f"for (long {iv} = 0; {iv} < {extent}; {iv}++) {{")
            self.printer.depth += 1
            found.append(iv)
        return found

    def flat(self, indices: Sequence[Affine], shape: Sequence[int]) -> str:
        text = "0"
        for index, extent in zip(indices, shape, strict=True):
            text = f"({text} * {extent} + {self.printer.affine(index, self.names)})"
        return text

    def guard(self, guard: Guard) -> str:
        if not guard.disjuncts:
            return "0"
        disjuncts = [
            " && ".join(
                f"{self.printer.affine(c.expression, self.names)} {'==' if c.equality else '>='} 0"
                for c in disjunct
            )
            or "1"
            for disjunct in guard.disjuncts
        ]
        return "(" + " || ".join(f"({text})" for text in disjuncts) + ")"

    def expression(self, expression: Expression) -> str:
        """C for an expression; reductions put out loops before it. The recursion is over its depth."""
        match expression:
            case Constant(value, dtype):
                return _literal(value, dtype)
            case IndexValue(index, dtype):
                return f"(({c_type(dtype)}){self.printer.affine(index, self.names)})"
            case GuardValue(guard):
                return self.guard(guard)
            case Load(name, indices):
                number = int(name)
                shape = self.shapes[number]
                at = [self.printer.affine(index, self.names) for index in indices]
                inside = [f"{i} >= 0 && {i} < {extent}" for i, extent in zip(at, shape, strict=True)]
                element = f"{self.operands[number]}[{self.flat(indices, shape)}]"
                return f"({' && '.join(inside)} ? {element} : 0)" if inside else element
            case Cast(operand, dtype):
                value = self.expression(operand)
                return f"({value} != 0)" if dtype is DType.I1 else f"(({c_type(dtype)}){value})"
            case Reduce():
                return self.reduction(expression)
            case Apply(function, operands, dtype):
                values = [self.expression(operand) for operand in operands]
                return applied(function, values, operands[-1].dtype, dtype)
            case _:
                assert_never(expression)

    def reduction(self, reduce: Reduce) -> str:
        total = self.printer.name("r")
        kind = c_type(reduce.dtype)
        self.printer.line(f"{kind} {total} = {identity(reduce.function, reduce.dtype)};")
        outer = dict(self.names)
        ivs = self.opened(reduce.axes)
        self.printer.line(f"if ({self.guard(reduce.guard)}) {{")
        self.printer.depth += 1
        body = self.expression(reduce.body)
        self.printer.line(f"{total} = {applied(reduce.function, [total, body], reduce.dtype, reduce.dtype)};")
        self.printer.closed(1 + len(ivs))
        self.names = outer
        return total


def identity(function: str, dtype: DType) -> str:
    """The value of a reduction over nothing."""
    match function:
        case "multiply":
            return "1"
        case "and":
            return "1" if dtype is DType.I1 else f"({c_type(dtype)})-1"
        case "maximum" | "minimum":
            lowest = function == "maximum"
            if dtype.is_float:
                return "-INFINITY" if lowest else "INFINITY"
            if dtype is DType.I1:
                return "0" if lowest else "1"
            unsigned = "" if dtype.is_signed else "U"
            if lowest:
                return f"INT{dtype.bits}_MIN" if dtype.is_signed else "0"
            return f"{unsigned}INT{dtype.bits}_MAX"
        case _:
            return "0"


def _literal(value: int | bool | float | Fraction, dtype: DType) -> str:
    if dtype.is_float:
        number = float(value)
        if math.isnan(number):
            return "NAN"
        if math.isinf(number):
            return "INFINITY" if number > 0 else "-INFINITY"
        return f"(({c_type(dtype)}){number.hex()})"
    return f"(({c_type(dtype)}){int(value)}{'LL' if dtype.bits == 64 and dtype.is_signed else ''})"


def applied(function: str, values: Sequence[str], of: DType, dtype: DType) -> str:
    """C for a function of operands of type `of`. Raises UsageError for one that C does not have."""
    kind = c_type(dtype)
    first, *rest = values
    if function == "select":
        return f"({first} ? {rest[0]} : {rest[1]})"
    if function.startswith("compare_"):
        return f"({first} {_COMPARISONS[function[8:]]} {rest[0]})"
    if function in ("maximum", "minimum"):
        return f"({first} {'>' if function == 'maximum' else '<'} {rest[0]} ? {first} : {rest[0]})"
    if function in _OPERATORS:
        if of.is_integer:
            wide = f"uint{of.bits if of.bits > 32 else 32}_t"
            return f"(({kind})(({wide}){first} {_OPERATORS[function]} ({wide}){rest[0]}))"
        operator = {"add": "|", "multiply": "&"}.get(function) if of is DType.I1 else None
        return f"(({kind})({first} {operator or _OPERATORS[function]} {rest[0]}))"
    if function in _MATH:
        # In double, and rounded once more for float: within what a comparison allows.
        return f"(({kind}){_MATH[function].format(*values)})"
    return _other(function, values, of, kind)


def _other(function: str, values: Sequence[str], of: DType, kind: str) -> str:
    first, *rest = values
    unsigned = f"uint{of.bits}_t" if of.is_integer else kind
    match function:
        case "divide" | "remainder" if of.is_integer:
            return _whole("/" if function == "divide" else "%", first, rest[0], of, kind)
        case "divide":
            return f"(({kind})({first} / {rest[0]}))"
        case "remainder":
            return f"(({kind})fmod({first}, {rest[0]}))"
        case "negate":
            return f"(-{first})" if of.is_float else f"(({kind})(0 - ({unsigned}){first}))"
        case "not":
            return f"(!{first})" if of is DType.I1 else f"(({kind})~{first})"
        case "abs":
            return (
                f"(({kind})fabs({first}))" if of.is_float else f"({first} < 0 ? ({kind})-{first} : {first})"
            )
        case "sign":
            return f"(({kind})(({first} > 0) - ({first} < 0)))"
        case "shift_left":
            return f"(({kind})(({unsigned}){first} << {rest[0]}))"
        case "shift_right_logical":
            return f"(({kind})(({unsigned}){first} >> {rest[0]}))"
        case "shift_right_arithmetic":
            return f"(({kind})((int{of.bits}_t){first} >> {rest[0]}))"
        case _:
            raise UsageError(f"{function} is not written as C")


def _whole(operator: str, above: str, below: str, of: DType, kind: str) -> str:
    """Integer division, which traps in C where a branch that is not taken may divide by 0."""
    value = f"({kind})({above} {operator} {below})"
    if of.is_signed:
        # The least integer has no negative; in the ops it is its own.
        wrapped = f"({kind})(0 - (uint{of.bits}_t){above})" if operator == "/" else "0"
        value = f"({below} == -1 ? {wrapped} : {value})"
    return f"({below} == 0 ? 0 : {value})"
