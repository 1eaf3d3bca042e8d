"""Affine programs written in Python's syntax, for tests: `program("C[i, j] += A[i, k]", C="N, M", ...)`."""

from __future__ import annotations

import ast
from fractions import Fraction

import numpy as np

from exalift.affine import (
    ALWAYS,
    NEVER,
    Affine,
    Apply,
    Array,
    Assign,
    Constant,
    Constraint,
    Expression,
    Guard,
    If,
    IndexValue,
    Load,
    Loop,
    Program,
    Region,
    RegionProgram,
    RegionStep,
    Role,
    Size,
    Statement,
    evaluate_regions,
    interpret,
    print_expression,
    split_into_regions,
    verify_program,
)
from exalift.affine.algebra import PrimeField
from exalift.base import DType, Span

_OPERATORS = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Mod: "remainder",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
}
_COMPARISONS = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}
_CALLS = {"max": "maximum", "min": "minimum", "exp": "exponential", "sqrt": "sqrt", "select": "select"}


class _Reader:
    def __init__(self, arrays: dict[str, Array], sizes: set[str]) -> None:
        self.arrays = arrays
        self.indices = set(sizes)

    def affine(self, node: ast.expr) -> Affine:
        match node:
            case ast.Constant(value=int(value)):
                return Affine.of(value)
            case ast.Name(id=name) if name in self.indices:
                return Affine.symbol(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.affine(operand)
            case ast.BinOp(left, ast.Add(), right):
                return self.affine(left) + self.affine(right)
            case ast.BinOp(left, ast.Sub(), right):
                return self.affine(left) - self.affine(right)
            case ast.BinOp(left, ast.Mult(), right):
                a, b = self.affine(left), self.affine(right)
                return b * a.constant if a.is_constant else a * b.constant
            case ast.BinOp(left, ast.FloorDiv(), right):
                return self.affine(left) // self.affine(right).constant
            case ast.BinOp(left, ast.Mod(), right):
                return self.affine(left) % self.affine(right).constant
            case _:
                raise ValueError(ast.unparse(node))

    def guard(self, node: ast.expr) -> Guard:
        match node:
            case ast.BoolOp(ast.And(), values):
                result = ALWAYS
                for value in values:
                    result = result & self.guard(value)
                return result
            case ast.BoolOp(ast.Or(), values):
                result = NEVER
                for value in values:
                    result = result | self.guard(value)
                return result
            case ast.UnaryOp(ast.Not(), operand):
                return ~self.guard(operand)
            case ast.Compare(left, operators, comparators):
                result = ALWAYS
                for operator, right in zip(operators, comparators, strict=True):
                    result = result & self.comparison(self.affine(left), operator, self.affine(right))
                    left = right
                return result
            case _:
                raise ValueError(ast.unparse(node))

    @staticmethod
    def comparison(left: Affine, operator: ast.cmpop, right: Affine) -> Guard:
        match operator:
            case ast.Lt():
                return Guard.of(Constraint(right - left - 1))
            case ast.LtE():
                return Guard.of(Constraint(right - left))
            case ast.Gt():
                return Guard.of(Constraint(left - right - 1))
            case ast.GtE():
                return Guard.of(Constraint(left - right))
            case ast.Eq():
                return Guard.of(Constraint(left - right, True))
            case _:
                return ~Guard.of(Constraint(left - right, True))

    def subscripts(self, node: ast.expr) -> tuple[Affine, ...]:
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        return tuple(self.affine(part) for part in parts)

    def value(self, node: ast.expr, dtype: DType) -> Expression:
        match node:
            case ast.Constant(value=value):
                return Constant(Fraction(value) if dtype.is_float else value, dtype)
            case ast.Name(id=name) if name in self.indices:
                return IndexValue(Affine.symbol(name), dtype)
            case ast.Name(id=name):
                return Load(name, (), self.arrays[name].dtype)
            case ast.Subscript(value=ast.Name(id=name), slice=where):
                return Load(name, self.subscripts(where), self.arrays[name].dtype)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Apply("negate", (self.value(operand, dtype),), dtype)
            case ast.BinOp(left, operator, right):
                operands = (self.value(left, dtype), self.value(right, dtype))
                return Apply(_OPERATORS[type(operator)], operands, dtype)
            case ast.Compare(left, [operator], [right]):
                operands = (self.value(left, dtype), self.value(right, dtype))
                return Apply(f"compare_{_COMPARISONS[type(operator)]}", operands, DType.I1)
            case ast.Call(func=ast.Name(id=name), args=args):
                return Apply(_CALLS[name], tuple(self.value(arg, dtype) for arg in args), dtype)
            case _:
                raise ValueError(ast.unparse(node))

    def bounds(self, node: ast.expr, function: str) -> tuple[Affine, ...]:
        match node:
            case ast.Call(func=ast.Name(id=name), args=args) if name == function:
                return tuple(self.affine(arg) for arg in args)
            case _:
                return (self.affine(node),)

    def body(self, nodes: list[ast.stmt]) -> tuple[Statement, ...]:
        return tuple(statement for node in nodes for statement in self.statement(node))

    def statement(self, node: ast.stmt) -> list[Statement]:
        span = Span("<test>", node.lineno, 1, node.lineno, 80)
        match node:
            case ast.For(target=ast.Name(id=iv), iter=ast.Call(args=[lower, upper]), body=body):
                low, high = self.bounds(lower, "max"), self.bounds(upper, "min")
                self.indices.add(iv)
                return [Loop(iv, low, high, self.body(body), span)]
            case ast.If(test, then, otherwise):
                return [If(self.guard(test), self.body(then), self.body(otherwise), span)]
            case ast.Assign([target], value):
                return [self.assign(target, value, span)]
            case ast.AugAssign(target, operator, value):
                combined = ast.BinOp(target, operator, value)
                return [self.assign(target, combined, span)]
            case ast.Pass():
                return []
            case _:
                raise ValueError(ast.unparse(node))

    def assign(self, target: ast.expr, value: ast.expr, span: Span) -> Assign:
        match target:
            case ast.Name(id=name):
                indices: tuple[Affine, ...] = ()
            case ast.Subscript(value=ast.Name(id=name), slice=where):
                indices = self.subscripts(where)
            case _:
                raise ValueError(ast.unparse(target))
        return Assign(name, indices, self.value(value, self.arrays[name].dtype), span)


def program(
    text: str,
    *,
    local: str = "",
    returns: str = "",
    where: str = "",
    by_value: str = "",
    dtype: DType = DType.F64,
    minimum: int = 1,
    **shapes: str,
) -> Program:
    """A program from its body. `shapes` declares arrays ("" for scalars); capital letters in shapes,
    and names in `sizes`, are sizes. `local` names the arrays that are no parameters."""
    names = sorted(
        {n.id for s in shapes.values() if s for n in ast.walk(ast.parse(s)) if isinstance(n, ast.Name)}
    )
    tree = ast.parse(text.strip("\n"))
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    names += sorted(n for n in used if n.isupper() and n not in names and n not in shapes)
    reader = _Reader({}, set(names))
    for name, shape in shapes.items():
        extents = reader.subscripts(ast.parse(shape, mode="eval").body) if shape else ()
        role = Role.LOCAL if name in local.split() else Role.PARAMETER
        reader.arrays[name] = Array(name, dtype, extents, role)
    body = reader.body(tree.body)
    made = Program(
        "test",
        (*names, *(a.name for a in reader.arrays.values() if a.role is Role.PARAMETER)),
        tuple(Size(name, minimum=minimum) for name in names),
        tuple(reader.arrays.values()),
        body,
        reader.value(ast.parse(returns, mode="eval").body, dtype) if returns else None,
        frozenset(by_value.split()),
        constraints=reader.guard(ast.parse(where, mode="eval").body) if where else ALWAYS,
    )
    verify_program(made)
    return made


def check_regions(made: Program, *sizes: dict[str, int], seed: int = 0) -> RegionProgram:
    """The region program, after comparing it with the interpreter in the prime field at every size."""
    regions = split_into_regions(made)
    compare_regions(made, regions, *sizes, seed=seed)
    return regions


def compare_regions(made: Program, regions: RegionProgram, *sizes: dict[str, int], seed: int = 0) -> None:
    """Compare regions with the interpreter on their program, in the prime field at every size."""
    algebra = PrimeField()
    generator = np.random.default_rng(seed)
    for values in sizes:
        inputs = {
            array.name: algebra.random(
                generator, tuple(max(0, e.at(values)) for e in array.shape), array.dtype
            )
            for array in made.arrays
            if array.role is Role.PARAMETER
        }
        expected = interpret(made, inputs, values, algebra)
        actual = evaluate_regions(regions, inputs, values, algebra)
        for name, value in actual.items():
            if name in made.by_value:
                continue
            assert np.array_equal(value, expected[name]), f"{name} differs at {values}"


def render(made: RegionProgram) -> list[str]:
    """A region program as lines: `A[i, j] = value  for i < N, j < M  where guard`; loops indent."""
    lines: list[str] = []
    _render(made.body, "", lines)
    return lines


def _render(steps: tuple[RegionStep, ...], indent: str, lines: list[str]) -> None:
    for step in steps:
        if isinstance(step, Region):
            text = f"{step.array}[{', '.join(map(str, step.indices))}] = {print_expression(step.value)}"
            if step.axes:
                text += "  for " + ", ".join(f"{axis.name} < {axis.extent}" for axis in step.axes)
            if not step.guard.is_always:
                text += f"  where {step.guard}"
            lines.append(indent + text)
        else:
            lower, upper = ", ".join(map(str, step.lower)), ", ".join(map(str, step.upper))
            lines.append(f"{indent}loop {step.iv} in [{lower}, {upper}): {step.reason}")
            _render(step.body, indent + "  ", lines)


def loop_count(steps: tuple[RegionStep, ...]) -> int:
    """The number of sequential loops."""
    return sum(1 + loop_count(step.body) for step in steps if not isinstance(step, Region))
