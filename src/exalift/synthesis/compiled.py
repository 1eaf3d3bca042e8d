# pyright: reportMissingTypeStubs=false, reportUntypedFunctionDecorator=false, reportUnknownMemberType=false
"""The inner loops of the search, compiled by numba: every candidate passes through here.

All arrays are C-contiguous, and int64 but for costs (float64) and flags (uint8), so that each function
is compiled once; the code is kept in numba's cache between processes. Residues are modulo 2^31 - 1; the
fold `(x & p) + (x >> 31)` keeps a number's residue and shortens it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.uint8]

F = TypeVar("F", bound=Callable[..., object])


def _compile(function: F) -> F:
    """The function compiled at its first call; without a cache where no folder can be written."""
    try:
        return cast(F, njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast(F, njit(nogil=True)(function))


_PRIME = (1 << 31) - 1
_SHIFT = 31
_MIX = 0x9E3779B97F4A7C15 - (1 << 64)
_STRIP = 512
EMPTY = -1


@_compile
def _reduced(value: int) -> int:
    value = (value & _PRIME) + (value >> _SHIFT)
    value = (value & _PRIME) + (value >> _SHIFT)
    return value - _PRIME if value >= _PRIME else value


@_compile
def _slot(key: int, mask: int) -> int:
    mixed = key * _MIX
    return (mixed ^ (mixed >> 29)) & mask


@_compile
def forms(values: Integers, first: Integers, second: Integers, out: Integers) -> None:
    """out[n] = the two forms of row n, packed. values (n, e), forms (e)."""
    for n in range(values.shape[0]):
        a = 0
        b = 0
        for e in range(values.shape[1]):
            x = values[n, e] * first[e]
            y = values[n, e] * second[e]
            a += (x & _PRIME) + (x >> _SHIFT)
            b += (y & _PRIME) + (y >> _SHIFT)
        out[n] = (_reduced(a) << _SHIFT) | _reduced(b)


@_compile
def duals(
    left: Integers,
    left_positions: Integers,
    right_positions: Integers,
    weights: Integers,
    out: Integers,
) -> None:
    """The forms on the right operand that fingerprint a product with each left one.

    out[n, f, right_positions[t]] += weights[f, t] * left[n, left_positions[t]], over points t.
    out (n, 2, right elements) starts as zeros.
    """
    for n in range(left.shape[0]):
        for t in range(left_positions.shape[0]):
            x = left[n, left_positions[t]]
            r = right_positions[t]
            a = x * weights[0, t]
            b = x * weights[1, t]
            out[n, 0, r] += (a & _PRIME) + (a >> _SHIFT)
            out[n, 1, r] += (b & _PRIME) + (b >> _SHIFT)
        for r in range(out.shape[2]):
            out[n, 0, r] = _reduced(out[n, 0, r])
            out[n, 1, r] = _reduced(out[n, 1, r])


@_compile
def products(dual: Integers, right: Integers, start: int, stop: int, out: Integers) -> None:
    """out[n - start, m] = the forms dual[n] (2, e) of right[:, m] (e, m), packed, for n in [start, stop)."""
    count = right.shape[1]
    a = np.empty(_STRIP, np.int64)
    b = np.empty(_STRIP, np.int64)
    for first in range(0, count, _STRIP):
        length = min(_STRIP, count - first)
        for n in range(start, stop):
            a[:length] = 0
            b[:length] = 0
            for e in range(right.shape[0]):
                u = dual[n, 0, e] & 0xFFFFFFFF
                v = dual[n, 1, e] & 0xFFFFFFFF
                if u == 0 and v == 0:
                    continue
                for m in range(length):
                    # The masks tell the compiler that 32-bit multiplications are enough.
                    value = right[e, first + m] & 0xFFFFFFFF
                    x = u * value
                    y = v * value
                    a[m] += (x & _PRIME) + (x >> _SHIFT)
                    b[m] += (y & _PRIME) + (y >> _SHIFT)
            for m in range(length):
                out[n - start, first + m] = (_reduced(a[m]) << _SHIFT) | _reduced(b[m])


@_compile
def sums(left: Integers, right: Integers, out: Integers) -> None:
    """out[n, m] = left[n] + right[m], residue by residue, packed."""
    for n in range(left.shape[0]):
        a = left[n] >> _SHIFT
        b = left[n] & _PRIME
        for m in range(right.shape[0]):
            x = a + (right[m] >> _SHIFT)
            y = b + (right[m] & _PRIME)
            x = x - _PRIME if x >= _PRIME else x
            y = y - _PRIME if y >= _PRIME else y
            out[n, m] = (x << _SHIFT) | y


@_compile
def place(marks: Integers, first_row: int, keys: Integers, rows: Integers) -> None:
    """Put marks that are not in the hash table into it, as consecutive rows."""
    mask = keys.shape[0] - 1
    for n in range(marks.shape[0]):
        slot = _slot(marks[n], mask)
        while keys[slot] != EMPTY:
            slot = (slot + 1) & mask
        keys[slot] = marks[n]
        rows[slot] = first_row + n


@_compile
def find(marks: Integers, keys: Integers, rows: Integers, out: Integers) -> None:
    """out[n] = the row of marks[n], or -1."""
    mask = keys.shape[0] - 1
    for n in range(marks.shape[0]):
        slot = _slot(marks[n], mask)
        while keys[slot] != EMPTY and keys[slot] != marks[n]:
            slot = (slot + 1) & mask
        out[n] = rows[slot] if keys[slot] != EMPTY else -1


@_compile
def match(marks: Integers, keys: Integers, hits: Integers) -> int:
    """The places of marks that are in a hash table, into `hits` while there is room; how many."""
    mask = keys.shape[0] - 1
    count = 0
    for n in range(marks.shape[0]):
        slot = _slot(marks[n], mask)
        while keys[slot] != EMPTY:
            if keys[slot] == marks[n]:
                if count < hits.shape[0]:
                    hits[count] = n
                    count += 1
                break
            slot = (slot + 1) & mask
    return count


@_compile
def sift(
    marks: Integers,
    lead_costs: Floats,
    last_costs: Floats,
    keys: Integers,
    rows: Integers,
    costs: Floats,
    state: Flags,
    fresh: Integers,
    fresh_costs: Floats,
    cheaper: Integers,
    taken: Integers,
) -> tuple[int, int, int]:
    """Decide candidates against what is known of their type; candidate n costs the sum of two costs.

    One with a new mark becomes a row after the known ones, of which there are as many as `costs`: its
    place goes to `fresh` (replaced by an equal and cheaper one of this call), its cost to `fresh_costs`.
    One that is cheaper than a known row with its mark goes to `cheaper` as (place, row), and `costs` is
    brought down. A known row that is not in this search (`state` 0) goes to `taken` and gets state 1.
    `keys` and `rows` have room for all. Returns how many are in the three lists.
    """
    count = costs.shape[0]
    mask = keys.shape[0] - 1
    width = last_costs.shape[0]
    fresh_count = 0
    cheaper_count = 0
    taken_count = 0
    for n in range(marks.shape[0]):
        slot = _slot(marks[n], mask)
        while keys[slot] != EMPTY and keys[slot] != marks[n]:
            slot = (slot + 1) & mask
        cost = lead_costs[n // width] + last_costs[n % width]
        if keys[slot] == EMPTY:
            row = count + fresh_count
            keys[slot] = marks[n]
            rows[slot] = row
            fresh[fresh_count] = n
            fresh_costs[fresh_count] = cost
            fresh_count += 1
            continue
        row = rows[slot]
        if row >= count:
            if cost < fresh_costs[row - count]:
                fresh[row - count] = n
                fresh_costs[row - count] = cost
            continue
        if cost < costs[row]:
            costs[row] = cost
            cheaper[cheaper_count, 0] = n
            cheaper[cheaper_count, 1] = row
            cheaper_count += 1
        if state[row] == 0:
            state[row] = 1
            taken[taken_count] = row
            taken_count += 1
    return fresh_count, cheaper_count, taken_count
