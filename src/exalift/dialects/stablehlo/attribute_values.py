"""Reading attributes in the one form that definitions keep them in.

Dimension numbers are tuples of ints; everything that counts elements (shapes, offsets, limits,
paddings, window sizes) is a tuple of `Affine`, in which a plain int is welcome.
"""

from __future__ import annotations

from exalift.affine import Affine
from exalift.base import DType, VerificationError

from ..types import Attributes, AttributeValue


def _find(attributes: Attributes, name: str) -> AttributeValue | None:
    return next((value for key, value in attributes if key == name), None)


def _wrong(name: str, expected: str, value: AttributeValue | None) -> VerificationError:
    return VerificationError(f"attribute {name} must be {expected}, got {value!r}")


def is_set(attributes: Attributes, name: str) -> bool:
    return _find(attributes, name) is not None


def integer(attributes: Attributes, name: str, default: int | None = None) -> int:
    """An integer; VerificationError where it is missing without a default, or something else."""
    value = _find(attributes, name)
    if value is None and default is not None:
        return default
    if isinstance(value, Affine) and value.is_constant:
        return value.constant
    if not isinstance(value, int):
        raise _wrong(name, "an integer", value)
    return value


def integers(attributes: Attributes, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """A tuple of integers."""
    values = affines(attributes, name, default)
    if any(not value.is_constant for value in values):
        raise _wrong(name, "a tuple of integers", _find(attributes, name))
    return tuple(value.constant for value in values)


def affines(attributes: Attributes, name: str, default: tuple[int, ...] | None = None) -> tuple[Affine, ...]:
    """A tuple of affine expressions; ints become constants."""
    value = _find(attributes, name)
    if value is None and default is not None:
        return tuple(Affine.of(item) for item in default)
    if not isinstance(value, tuple):
        raise _wrong(name, "a tuple", value)
    result: list[Affine] = []
    for item in value:
        if not isinstance(item, int | Affine):
            raise _wrong(name, "a tuple of affine expressions", value)
        result.append(Affine.of(item))
    return tuple(result)


def affine(attributes: Attributes, name: str, default: int) -> Affine:
    """An affine expression."""
    value = _find(attributes, name)
    if value is None:
        return Affine.of(default)
    if not isinstance(value, int | Affine):
        raise _wrong(name, "an affine expression", value)
    return Affine.of(value)


def affine_pairs(attributes: Attributes, name: str, rank: int) -> tuple[tuple[Affine, Affine], ...]:
    """A tuple of (low, high) pairs, zeros where it is not set."""
    value = _find(attributes, name)
    if value is None:
        return ((Affine(), Affine()),) * rank
    if not isinstance(value, tuple):
        raise _wrong(name, "a tuple of pairs", value)
    result: list[tuple[Affine, Affine]] = []
    for item in value:
        match item:
            case (int() | Affine() as low, int() | Affine() as high):
                result.append((Affine.of(low), Affine.of(high)))
            case _:
                raise _wrong(name, "a tuple of pairs", value)
    return tuple(result)


def text(attributes: Attributes, name: str) -> str:
    """A string."""
    value = _find(attributes, name)
    if not isinstance(value, str):
        raise _wrong(name, "a string", value)
    return value


def element_type(attributes: Attributes) -> DType:
    """The attribute `dtype`, by its StableHLO name."""
    try:
        return DType(text(attributes, "dtype"))
    except ValueError as error:
        raise _wrong("dtype", "an element type", _find(attributes, "dtype")) from error


def canonical(attributes: Attributes) -> Attributes:
    """The same attributes in one fixed form, so that equal meanings compare equal.

    Attributes that count elements hold `Affine` only, and the order is alphabetical.
    """
    return tuple(sorted((name, _canonical_value(name, value)) for name, value in attributes))


_COUNTS_ELEMENTS = frozenset(
    {
        "edge_padding_high",
        "edge_padding_low",
        "feature_group_count",
        "interior_padding",
        "limit_indices",
        "padding",
        "shape",
        "slice_sizes",
        "start_indices",
        "starts",
        "window_dimensions",
    }
)


def _canonical_value(name: str, value: AttributeValue) -> AttributeValue:
    if name not in _COUNTS_ELEMENTS:
        return value
    if isinstance(value, tuple):
        return tuple(_canonical_value(name, item) for item in value)
    return Affine.of(value) if isinstance(value, int) and not isinstance(value, bool) else value
