"""Dialects as data, and lifted programs written in them."""

from .definition import Dialect, Elements, Hints, OpDefinition, no_attributes
from .evaluate import evaluate_node, evaluate_program
from .graph import (
    Argument,
    ArrayValue,
    ConstantValue,
    IndexScalar,
    Node,
    Operation,
    Result,
    Step,
    TensorLoop,
    TensorProgram,
    Update,
    postorder,
)
from .types import Attributes, AttributeValue, TensorType, attribute
from .validity import ill_formed, takes_operands

__all__ = [
    "Argument",
    "ArrayValue",
    "AttributeValue",
    "Attributes",
    "ConstantValue",
    "Dialect",
    "Elements",
    "Hints",
    "IndexScalar",
    "Node",
    "OpDefinition",
    "Operation",
    "Result",
    "Step",
    "TensorLoop",
    "TensorProgram",
    "TensorType",
    "Update",
    "attribute",
    "evaluate_node",
    "evaluate_program",
    "ill_formed",
    "no_attributes",
    "postorder",
    "takes_operands",
]
