"""Temporaries that nothing reads are not computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from .program import Assignment, Block, Columns, Item, Product, Sequential
from .terms import arrays_read


def assignments_of(items: Sequence[Item]) -> Iterator[Assignment]:
    """Every assignment, in loops too."""
    pending = list(items)
    while pending:
        item = pending.pop()
        match item:
            case Block(assignments):
                yield from assignments
            case Sequential(body=body):
                pending.extend(body)
            case Columns(statements=statements):
                yield from statements
            case Product():
                pass


def products_of(items: Sequence[Item]) -> Iterator[Product]:
    """Every product, in loops too."""
    pending = list(items)
    while pending:
        item = pending.pop()
        if isinstance(item, Product):
            yield item
        elif isinstance(item, Sequential):
            pending.extend(item.body)


def without_unused(items: tuple[Item, ...], temporaries: Set[str]) -> tuple[Item, ...]:
    """The items without what writes temporaries that nothing reads, over and over while there is any."""
    while True:
        read = set(arrays_read(a.body for a in assignments_of(items)))
        for product in products_of(items):
            read |= product.read
        unused = {a.array for a in assignments_of(items)} & temporaries - read
        if not unused:
            return items
        items = _without(items, unused)


def _without(items: tuple[Item, ...], unused: Set[str]) -> tuple[Item, ...]:
    kept: list[Item] = []
    for item in items:
        match item:
            case Block(assignments):
                left = tuple(a for a in assignments if a.array not in unused)
                if left:
                    kept.append(replace(item, assignments=left))
            case Sequential(body=body):
                # Loops nest as deep as the source's own do, so this recursion is short.
                kept.append(replace(item, body=_without(body, unused)))
            case Columns(statements=statements):
                rest = tuple(a for a in statements if a.array not in unused)
                if rest:
                    kept.append(replace(item, statements=rest))
            case Product():
                kept.append(item)
    return tuple(kept)
