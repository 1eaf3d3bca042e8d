"""Types and attributes of tensor ops; shapes are affine in the sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exalift.affine import Affine
from exalift.base import DType


@dataclass(frozen=True, slots=True)
class TensorType:
    """A tensor of `shape` (affine in the size parameters, never in induction variables)."""

    shape: tuple[Affine, ...]
    dtype: DType

    @property
    def rank(self) -> int:
        return len(self.shape)

    def at(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The concrete shape at given sizes."""
        return tuple(extent.at(sizes) for extent in self.shape)

    def __str__(self) -> str:
        return "tensor<" + "".join(f"{extent}x" for extent in self.shape) + f"{self.dtype}>"


AttributeValue = int | bool | str | Affine | tuple["AttributeValue", ...]
Attributes = tuple[tuple[str, AttributeValue], ...]


def attribute(attributes: Attributes, name: str) -> AttributeValue:
    """The value of a named attribute; KeyError where it is not set."""
    for key, value in attributes:
        if key == name:
            return value
    raise KeyError(name)
