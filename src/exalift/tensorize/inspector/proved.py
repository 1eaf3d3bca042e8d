"""Is what will be stored what was written? Asked of the prover, for all contents of the arrays."""

from __future__ import annotations

from collections.abc import Mapping

from exalift.affine import Affine, Constant, Expression, Formula, Load, rewrite
from exalift.proof import Equality, prove_formulas

from ..contraction import OUT, Role
from .read import ONES, Reading


def prove_reading(reading: Reading, shapes: Mapping[str, tuple[int, ...]], budget_s: float = 2.0) -> Equality:
    """Whether a contraction, with all that happens to its sum, is proved to be the formula that was read.

    `shapes` are those of the arrays that it loads. Equal at the sizes at hand, for all values, as
    `exalift.proof.prove_formulas` means it: sums of floats may be reassociated, integers wrap.
    """
    contraction, target = reading.contraction, reading.target
    once = {axis.name: Affine() for axis in reading.whole.axes if axis.extent.constant == 1}
    loops = {axis.name: axis.extent.constant for axis in reading.whole.axes if axis.name not in once}
    if loops != {d.name: d.extent for d in contraction.dimensions if d.role is not Role.K}:
        return Equality(False, "the loops are others")
    place = tuple(index.substitute(once) for index in target.indices)
    if (contraction.out.shape, contraction.out.indices) != (target.shape, place):
        return Equality(False, "it is stored elsewhere")
    operands = contraction.epilogue.operands if contraction.epilogue else ()
    if len(operands) != len(reading.extra):
        return Equality(False, "what follows reads other operands")
    names = {"lhs": reading.lhs, "rhs": reading.rhs, OUT: reading.out}
    names |= {name: array for (name, _), array in zip(operands, reading.extra, strict=True)}

    def named(node: Expression) -> Expression:
        if not isinstance(node, Load):
            return node
        array = names[node.array]
        return Constant(1, node.dtype) if array == ONES else Load(array, node.indices, node.dtype)

    stored = Formula(reading.whole.axes, rewrite(contraction.stored, named))
    return prove_formulas(reading.whole, stored, shapes, budget_s=budget_s)
