"""Scalar algebras in which programs, formulas and lifted programs are run."""

from .integers import apply_integer, integer_identity, truncating_divide, truncating_remainder, wrap_integer
from .machine import Machine
from .other_division import OtherDivision
from .prime_field import PRIME, PrimeField
from .protocol import Algebra, Truth, Values
from .rational import Rational
from .wrapper import Wrapper

__all__ = [
    "PRIME",
    "Algebra",
    "Machine",
    "OtherDivision",
    "PrimeField",
    "Rational",
    "Truth",
    "Values",
    "Wrapper",
    "apply_integer",
    "integer_identity",
    "truncating_divide",
    "truncating_remainder",
    "wrap_integer",
]
