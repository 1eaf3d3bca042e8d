"""Random `linalg.generic` ops, read here, against a plain loop over the iterators' space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exalift.affine.algebra import Machine
from exalift.dialects import evaluate_program
from exalift.dialects.stablehlo import IMPORTED
from exalift.frontend.mlir.linalg import import_linalg

Point = tuple[int, ...]
Value = Callable[[Point, list[float]], float]


@dataclass(frozen=True)
class Term:
    """`sum k. coefficients[k] d_k + offset`."""

    coefficients: tuple[int, ...]
    offset: int

    @property
    def text(self) -> str:
        parts = [f"d{k} * {c}" if c > 1 else f"d{k}" for k, c in enumerate(self.coefficients) if c]
        return " + ".join([*parts, str(self.offset)] if self.offset or not parts else parts)

    def at(self, point: Point) -> int:
        return sum(c * i for c, i in zip(self.coefficients, point, strict=True)) + self.offset


@dataclass(frozen=True)
class Generic:
    """One op: the extents of its iterators, which of them are reduced, maps, and what its region computes.

    body: lines that make `%v` of `%in0`, `%in1` and indices. value: the same as a function of the point and
    the inputs' elements. combine: how `%v` and `%out` make the result, where there are reductions.
    """

    extents: tuple[int, ...]
    reduced: frozenset[int]
    maps: tuple[tuple[Term, ...], ...]
    order: tuple[int, ...]
    body: tuple[str, ...]
    value: Value
    combine: str
    out_first: bool

    def shape(self, terms: tuple[Term, ...]) -> tuple[int, ...]:
        last = tuple(extent - 1 for extent in self.extents)
        return tuple(term.at(last) + 1 for term in terms)

    @property
    def out_shape(self) -> tuple[int, ...]:
        return tuple(self.extents[d] for d in self.order)

    @property
    def text(self) -> str:
        dims = ", ".join(f"d{k}" for k in range(len(self.extents)))
        maps = [", ".join(term.text for term in terms) for terms in self.maps]
        maps.append(", ".join(f"d{d}" for d in self.order))
        listed = ", ".join(f"affine_map<({dims}) -> ({map})>" for map in maps)
        kinds = ", ".join(
            '"reduction"' if d in self.reduced else '"parallel"' for d in range(len(self.extents))
        )
        types = [_type(self.shape(terms)) for terms in self.maps]
        arguments = ", ".join(f"%x{k}: {type}" for k, type in enumerate(types))
        names = ", ".join(f"%x{k}" for k in range(len(types)))
        ins = ", ".join(f"%in{k}: f64" for k in range(len(types)))
        out = _type(self.out_shape)
        pair = "%out, %v" if self.out_first else "%v, %out"
        lines = [*self.body, f"%r = {self.combine} {pair} : f64"]
        region = "\n".join(f"    {line}" for line in lines)
        return (
            f"func.func @f({arguments}, %o: {out}) -> {out} {{\n"
            f"  %y = linalg.generic {{indexing_maps = [{listed}], iterator_types = [{kinds}]}}\n"
            f"    ins({names} : {', '.join(types)}) outs(%o : {out}) {{\n"
            f"  ^bb0({ins}, %out: f64):\n{region}\n    linalg.yield %r : f64\n"
            f"  }} -> {out}\n  return %y : {out}\n}}\n"
        )

    def run(self, inputs: list[np.ndarray], start: np.ndarray) -> np.ndarray:
        found = start.copy()
        combine = _COMBINE[self.combine]
        for point in product(*(range(extent) for extent in self.extents)):
            read = [
                float(value[tuple(term.at(point) for term in terms)])
                for value, terms in zip(inputs, self.maps, strict=True)
            ]
            place = tuple(point[d] for d in self.order)
            new, old = self.value(point, read), float(found[place])
            found[place] = combine(old, new) if self.out_first else combine(new, old)
        return found


def _type(shape: tuple[int, ...]) -> str:
    return f"tensor<{''.join(f'{extent}x' for extent in shape)}f64>"


_COMBINE: dict[str, Callable[[float, float], float]] = {
    "arith.addf": lambda a, b: a + b,
    "arith.mulf": lambda a, b: a * b,
    "arith.maximumf": max,
    "arith.minimumf": min,
    "arith.subf": lambda a, b: a - b,
}


@st.composite
def bodies(draw: st.DrawFn, rank: int, inputs: int) -> tuple[tuple[str, ...], Value]:
    """Lines that make `%v`, three operations deep at most."""
    lines: list[str] = []
    values: list[tuple[str, Value]] = [(f"%in{k}", lambda p, x, k=k: x[k]) for k in range(inputs)]
    for d in range(rank):
        if draw(st.booleans()):
            lines += [
                f"%i{d} = linalg.index {d} : index",
                f"%n{d} = arith.index_cast %i{d} : index to i64",
                f"%f{d} = arith.sitofp %n{d} : i64 to f64",
            ]
            values.append((f"%f{d}", lambda p, x, d=d: float(p[d])))
    lines.append("%two = arith.constant 2.0 : f64")
    values.append(("%two", lambda p, x: 2.0))
    for step in range(draw(st.integers(1, 3))):
        (a, f), (b, g) = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        kind = draw(st.sampled_from(["arith.addf", "arith.subf", "arith.mulf", "arith.maximumf", "select"]))
        if kind == "select" and rank > 1:
            p, q = draw(st.permutations(range(rank)))[:2]
            lines += [
                f"%p{step} = linalg.index {p} : index",
                f"%q{step} = linalg.index {q} : index",
                f"%c{step} = arith.cmpi sle, %p{step}, %q{step} : index",
                f"%s{step} = arith.select %c{step}, {a}, {b} : f64",
            ]
            values.append(
                (f"%s{step}", lambda i, x, f=f, g=g, p=p, q=q: f(i, x) if i[p] <= i[q] else g(i, x))
            )
        elif kind == "select":
            lines += [
                f"%c{step} = arith.cmpf olt, {a}, {b} : f64",
                f"%s{step} = arith.select %c{step}, {a}, {b} : f64",
            ]
            values.append((f"%s{step}", lambda i, x, f=f, g=g: min(f(i, x), g(i, x))))
        else:
            lines.append(f"%s{step} = {kind} {a}, {b} : f64")
            values.append((f"%s{step}", lambda i, x, f=f, g=g, h=_COMBINE[kind]: h(f(i, x), g(i, x))))
    name, value = values[-1]
    lines.append("%zero = arith.constant 0.0 : f64")
    lines.append(f"%v = arith.addf {name}, %zero : f64")
    return tuple(lines), value


@st.composite
def generics(draw: st.DrawFn) -> Generic:
    rank = draw(st.integers(1, 3))
    extents = tuple(draw(st.integers(2, 4)) for _ in range(rank))
    reduced = frozenset(d for d in range(rank) if draw(st.booleans()))
    coefficients = st.lists(st.sampled_from([0, 0, 1, 2]), min_size=rank, max_size=rank)
    # Every iterator stands alone in the first map, so that its range is known.
    unit = tuple(Term(tuple(int(k == d) for k in range(rank)), 0) for d in range(rank))
    maps = [tuple(draw(st.permutations(unit)))]
    if draw(st.booleans()):
        terms = draw(st.lists(st.tuples(coefficients, st.integers(0, 2)), min_size=1, max_size=2))
        # A map to a constant alone needs no more than that element, which the verifier sees otherwise.
        if all(any(c) for c, _ in terms):
            maps.append(tuple(Term(tuple(c), k) for c, k in terms))
    order = tuple(draw(st.permutations([d for d in range(rank) if d not in reduced])))
    body, value = draw(bodies(rank, len(maps)))
    combine = draw(st.sampled_from(sorted(_COMBINE)))
    # `v - out` is a step of no reduction.
    out_first = combine == "arith.subf" or draw(st.booleans())
    return Generic(extents, reduced, tuple(maps), order, body, value, combine, out_first)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(op=generics(), seed=st.integers(0, 100))
def test_random_generics_are_what_a_loop_computes(op: Generic, seed: int) -> None:
    generator = np.random.default_rng(seed)
    inputs = [generator.integers(-2, 3, op.shape(terms)).astype(float) for terms in op.maps]
    start = generator.integers(-2, 3, op.out_shape).astype(float)
    program = import_linalg(op.text).program
    named = dict(zip((a.name for a in program.arguments), [*inputs, start], strict=True))
    found = evaluate_program(program, named, {}, Machine(), IMPORTED)
    # Small whole numbers: products are exact as long as they stay below 2^53.
    np.testing.assert_allclose(found["result0"], op.run(inputs, start), rtol=1e-12, err_msg=op.text)
