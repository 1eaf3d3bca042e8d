"""Random element-wise integer programs in mixed types, and near misses of them.

`y[i] = e` with loads, constants, `i` itself, shifts, divisions, casts, comparisons and selects. A partner
is the same with one rewrite that is right in some types and ranges and wrong in others.
"""

from __future__ import annotations

import random

from proof_kernels import N, array_of, lifted, loop, program, store

from exalift.affine import Affine, Apply, Array, Cast, Constant, IndexValue, Load, children, with_children
from exalift.base import DType
from exalift.dialects import Update
from exalift.dialects.stablehlo import apply_function, compare, convert, iota, splat

TYPES = (DType.I8, DType.UI8, DType.I16, DType.UI16, DType.I32, DType.UI32, DType.I64)
_I = Affine.symbol("i")
_SHIFTS = ("shift_left", "shift_right_logical", "shift_right_arithmetic")


def constant(value: int, dtype: DType) -> Constant:
    low = -(1 << (dtype.bits - 1)) if dtype.is_signed else 0
    return Constant((value - low) % (1 << dtype.bits) + low, dtype)


def expression(generator: random.Random, dtype: DType, depth: int):
    """A random expression of a type."""
    choice = generator.random()
    if depth == 0 or choice < 0.1:
        kind = generator.randrange(4)
        if kind == 0:
            return constant(generator.choice((-1, 0, 1, 2, 3, 7, 8, 127, 128, 255, 300)), dtype)
        if kind == 1 and dtype.bits >= 32:
            return IndexValue(_I, dtype)
        return Load(f"a_{dtype}", (_I,), dtype)
    if choice < 0.35:
        return Cast(expression(generator, generator.choice(TYPES), depth - 1), dtype)
    if choice < 0.5:
        function = generator.choice((*_SHIFTS, "divide", "remainder", "and"))
        number = {"and": (1, 3, 7, 127, -1), "divide": (1, 2, 3, 8, -2), "remainder": (1, 2, 3, 8, -3)}
        by = constant(generator.choice(number.get(function, (0, 1, 3, dtype.bits - 1))), dtype)
        return Apply(function, (expression(generator, dtype, depth - 1), by), dtype)
    if choice < 0.62:
        of = generator.choice(TYPES)
        direction = generator.choice(("lt", "le", "gt", "ge", "eq", "ne"))
        pair = (expression(generator, of, depth - 1), expression(generator, of, depth - 1))
        truth = Apply(f"compare_{direction}", pair, DType.I1)
        if generator.random() < 0.4 and of is dtype:
            return Apply("select", (truth, *pair[:: generator.choice((1, -1))]), dtype)
        rest = (expression(generator, dtype, depth - 1), expression(generator, dtype, depth - 1))
        return Apply("select", (truth, *rest), dtype)
    if choice < 0.7:
        function = generator.choice(("negate", "not", "abs") if dtype.is_signed else ("negate", "not"))
        return Apply(function, (expression(generator, dtype, depth - 1),), dtype)
    function = generator.choice(("add", "subtract", "multiply", "maximum", "minimum", "and", "or", "xor"))
    operands = (expression(generator, dtype, depth - 1), expression(generator, dtype, depth - 1))
    return Apply(function, operands, dtype)


def _rewritten(generator: random.Random, node):
    """Another expression of the same type in the place of a node, equal to it at best sometimes."""
    dtype = node.dtype
    options = [lambda: Cast(Cast(node, generator.choice(TYPES)), dtype)]
    match node:
        case Cast(operand, _):
            options.append(lambda: Cast(Cast(operand, generator.choice(TYPES)), dtype))
            if operand.dtype is not dtype and isinstance(operand, Apply) and len(operand.operands) == 2:
                moved = tuple(Cast(part, dtype) for part in operand.operands)
                if all(part.operand.dtype is not DType.I1 for part in moved):
                    options.append(lambda: Apply(operand.function, moved, dtype))
        case Apply("select", (Apply(direction, (a, b), _), yes, no), _):
            options.append(lambda: Apply("select", (Apply(direction, (b, a), DType.I1), no, yes), dtype))
            options.append(lambda: Apply("select", (Apply(direction, (a, b), DType.I1), no, yes), dtype))
            if a.dtype is dtype:
                options.append(lambda: Apply(generator.choice(("maximum", "minimum")), (a, b), dtype))
                options.append(lambda: Apply("select", (node.operands[0], b, a), dtype))
        case Apply(function, (a, Constant(value, _)), _) if (
            function in _SHIFTS and 0 <= value < dtype.bits - 1
        ):
            by = constant(1 << value, dtype)
            options.append(lambda: Apply(generator.choice(_SHIFTS), node.operands, dtype))
            options.append(
                lambda: Apply("multiply" if function == "shift_left" else "divide", (a, by), dtype)
            )
        case Apply("divide" | "remainder", (a, Constant(value, _)), _) if value in (2, 8):
            by = constant(value.bit_length() - 1, dtype)
            mask = constant(value - 1, dtype)
            if node.function == "divide":
                options.append(lambda: Apply(generator.choice(_SHIFTS), (a, by), dtype))
            else:
                options.append(lambda: Apply("and", (a, mask), dtype))
        case Apply("multiply", (a, b), _):
            options.append(lambda: Apply("multiply", (b, a), dtype))
        case Apply("abs", (a,), _):
            options.append(lambda: Apply("maximum", (a, Apply("negate", (a,), dtype)), dtype))
        case _:
            pass
    return generator.choice(options)()


def partner(generator: random.Random, root):
    """The expression with one node rewritten."""
    below = children(root)
    places = [k for k, child in enumerate(below) if child.dtype is not DType.I1 or children(child)]
    if places and generator.random() < 0.75:
        k = generator.choice(places)
        changed = (*below[:k], partner(generator, below[k]), *below[k + 1 :])
        return with_children(root, changed)
    return root if root.dtype is DType.I1 else _rewritten(generator, root)


def source_of(value):
    arrays = [Array(f"a_{dtype}", dtype, (N,)) for dtype in TYPES] + [Array("y", value.dtype, (N,))]
    return program("random", arrays, [loop("i", 0, "N", store("y", [_I], value))])


def lifted_of(source, value):
    return lifted(source, [Update("y", _node(source, value))])


def _node(source, expression):
    match expression:
        case Load(name, _, _):
            return array_of(source, name)
        case Constant(number, dtype):
            return splat(number, array_of(source, f"a_{dtype}").type)
        case IndexValue(_, dtype):
            return iota((N,), 0, dtype)
        case Cast(operand, dtype):
            return convert(_node(source, operand), dtype)
        case Apply(function, operands, _):
            nodes = [_node(source, operand) for operand in operands]
            if function.startswith("compare_"):
                return compare(function[8:].upper(), *nodes)
            return apply_function(function, *nodes)
