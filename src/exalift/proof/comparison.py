"""One comparison of a source, as regions, with a lifted program: what is equal after which step.

Kept is, for every array that both sides have, the condition on its elements under which both hold the
same: the agreement. Elements in it are one symbol on both sides, all others are symbols of their side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exalift.affine import (
    ALWAYS,
    NEVER,
    Affine,
    Condition,
    Constraint,
    Guard,
    Region,
    RegionProgram,
    RegionStep,
    Role,
    SequentialLoop,
    loads,
)
from exalift.dialects import (
    ArrayValue,
    Dialect,
    Step,
    TensorLoop,
    TensorProgram,
    TensorType,
    Update,
    postorder,
)

from .formula_values import ELEMENT, Evaluator, Stored, chosen, inside, symbolic
from .opaque import Registry
from .source_steps import Scope, after_region, iterations, with_loops, written
from .sums import UndecidedError, Work, unequal

Agreement = dict[str, Condition]

_MOST_ROUNDS = 4
_EVERYWHERE, _NOWHERE = Condition.of(ALWAYS), Condition.of(NEVER)


@dataclass(frozen=True, slots=True)
class _Definition:
    """A step of one side that still says what an array holds: nothing that it reads was written since."""

    step: Region | Update
    scope: Scope
    reads: frozenset[str]

    @property
    def array(self) -> str:
        return self.step.array


class Comparison:
    """`equal` is the agreement at this point of both programs. Arrays go by the lifted program's names."""

    def __init__(
        self,
        regions: RegionProgram,
        lifted: TensorProgram,
        dialect: Dialect,
        work: Work,
        exact: bool = False,
    ) -> None:
        self.exact = exact
        self.regions = regions
        self.lifted = lifted
        self.dialect = dialect
        self.work = work
        self.steps = 0
        self.called = _called(regions, lifted)
        self.types = {
            self.called[array.name]: TensorType(array.shape, array.dtype) for array in regions.arrays
        }
        given = [*lifted.arguments, *lifted.locals]
        self.target_types = {item.name: item.type for item in given}
        if len(self.target_types) != len(given):
            raise UndecidedError("two arrays of the lifted program have one name")
        names = [*self.called, *self.target_types, *(size.name for size in regions.source.sizes)]
        if any("%" in name or "@" in name for name in names):
            raise UndecidedError("a name that the normal form uses itself")
        self.equal = self._equal_at_start()
        self.source_definitions: list[_Definition] = []
        self.target_definitions: list[_Definition] = []

    def _equal_at_start(self) -> Agreement:
        """Parameters that are arguments; and locals of both, whose contents the source cannot depend on."""
        parameters = {a.name for a in self.regions.source.arrays if a.role is Role.PARAMETER}
        arguments = {argument.name for argument in self.lifted.arguments}
        return {
            called: _EVERYWHERE
            for name, called in self.called.items()
            if self.types[called] == self.target_types.get(called)
            and (name in parameters) == (called in arguments)
            and (name == called or name not in parameters)
        }

    def run(self) -> None:
        """Raises UndecidedError where equality is not proved."""
        source = self.regions.source
        scope = Scope(Condition.on_sizes(source), frozenset(size.name for size in source.sizes), {}, {})
        self._steps(self.regions.body, self.lifted.body, scope)
        results = {result.name: result.array for result in self.lifted.results}
        homes = dict(self.regions.results)
        if self.regions.returned is not None:
            self._result("return", self.regions.returned, results.get("return"), scope)
        for array in source.arrays:
            if array.role is not Role.PARAMETER:
                continue
            name = array.name
            if name in results or (name in homes and name not in source.by_value):
                self._result(name, homes.get(name, name), results.get(name), scope)

    def _result(self, name: str, here: str, there: str | None, scope: Scope) -> None:
        if there is not None and self.called[here] == there and self.types[there] == self.target_types[there]:
            elements = scope.known & _in_bounds(self.types[there].shape)
            if elements.implies(self.equal.get(there, _NOWHERE)):
                return
        raise UndecidedError(f"{name!r} is not seen to end up equal")

    def _steps(self, source: Sequence[RegionStep], target: Sequence[Step], scope: Scope) -> None:
        """Go over both lists, segment by segment; afterwards `equal` is what holds after them."""
        loops = [step for step in target if isinstance(step, TensorLoop)]
        source = with_loops(source, loops, self.called, scope)
        at, to = 0, 0
        while at < len(source) or to < len(target):
            regions = _until_loop(source, at)
            updates = _until_update_ends(target, to)
            at, to = at + len(regions), to + len(updates)
            self._segment(regions, updates, scope)
            if at < len(source) and to < len(target):
                left, right = source[at], target[to]
                assert isinstance(left, SequentialLoop) and isinstance(right, TensorLoop)
                self._loop(left, right, scope)
                at, to = at + 1, to + 1
            elif at < len(source) or to < len(target):
                raise UndecidedError("only one of the programs has a loop")

    def _loop(self, source: SequentialLoop, target: TensorLoop, scope: Scope) -> None:
        """By induction over the iterations.

        The guess is that before an iteration, what agreed before the loop still does, and so does what the
        source wrote in earlier iterations. What one iteration does not keep is taken out of the guess.
        """
        iv = scope.variable()
        inner = scope.of_both(source, target)
        shift = scope.shift(source, target)
        there = iterations(iv, target.lower, target.upper, scope.target, shift)
        if not inner.known.equals(scope.known & there):
            raise UndecidedError("two loops do not run over the same range")
        self._forget(_written_by(source.body), _written_by(target.body))
        elements = written(source.body, inner)
        base = dict(self.equal)
        later = {self.called[name]: where for name, where in elements.items()}
        later = {name: where for name, where in later.items() if self._comparable(name)}
        definitions = (list(self.source_definitions), list(self.target_definitions))
        for round in range(_MOST_ROUNDS + len(later)):
            start = {name: base.get(name, _NOWHERE) for name in base | later}
            for name, where in later.items():
                start[name] = start[name] | _earlier(where & inner.known, iv)
            self.equal = dict(start)
            self.source_definitions, self.target_definitions = map(list, definitions)
            self._steps(source.body, target.body, inner)
            lost = self._lost(start, later, inner, iv)
            if not lost:
                break
            for name, where in lost.items():
                # What is lost again and again is given up.
                where = where if round < _MOST_ROUNDS else _EVERYWHERE
                base[name] = base.get(name, _NOWHERE) - where
                later[name] = later.get(name, _NOWHERE) - where
        else:
            raise UndecidedError("no agreement is seen that a loop keeps")
        self.source_definitions, self.target_definitions = definitions
        self.equal = {
            name: base.get(name, _NOWHERE) | (later.get(name, _NOWHERE) & inner.known).exists([iv])
            for name in base | later
        }

    def _lost(self, start: Agreement, later: Agreement, scope: Scope, iv: str) -> Agreement:
        """The elements, at any iteration, that should agree after it but are not seen to."""
        found: Agreement = {}
        for name, before in start.items():
            wanted = (before | later.get(name, _NOWHERE)) & scope.known
            wanted = wanted & _in_bounds(self.types[name].shape)
            lost = wanted - self.equal.get(name, _NOWHERE)
            if not lost.is_empty:
                found[name] = lost.exists([iv])
        return found

    def _comparable(self, name: str) -> bool:
        return name in self.types and self.types[name] == self.target_types.get(name)

    def _segment(self, regions: list[Region], updates: list[Update], scope: Scope) -> None:
        """Straight-line steps: one by one where both write the same arrays in one order, else as a whole."""
        before = dict(self.equal)
        definitions = (list(self.source_definitions), list(self.target_definitions))
        if [self.called[region.array] for region in regions] == [update.array for update in updates]:
            for region, update in zip(regions, updates, strict=True):
                if not self._one_step(region, update, scope):
                    break
            else:
                return
            self.equal = before
            self.source_definitions, self.target_definitions = definitions
        if len(regions) + len(updates) > 0:
            self._straight(regions, updates, scope)

    def _one_step(self, region: Region, update: Update, scope: Scope) -> bool:
        """Whether a step leaves in agreement what was, and what it writes."""
        name = update.array
        elements = written([region], scope)[region.array] & scope.known
        wanted = self.equal.get(name, _NOWHERE) | elements
        try:
            self._straight([region], [update], scope)
        except UndecidedError:
            self.work.check()
            return False
        inside_array = _in_bounds(self.types[name].shape) & scope.known
        return (wanted & inside_array).implies(self.equal.get(name, _NOWHERE))

    def _straight(self, regions: list[Region], updates: list[Update], scope: Scope) -> None:
        """Compose both sides and compare what they write; afterwards `equal` is right."""
        registry = Registry(self.work, scope.symbols)
        evaluator = Evaluator(self.dialect, registry, self.work, scope.known, scope.target, self.exact)
        left = self._source_at_entry(evaluator)
        right = self._target_at_entry(evaluator)
        for region in regions:
            left = {**left, region.array: after_region(region, scope.source, left, evaluator)}
        for update in updates:
            if self.target_types.get(update.array) != update.value.type:
                raise UndecidedError(f"{update.array!r} is given a value of another type")
            right = {**right, update.array: evaluator.node(update.value, right)}
        sources = {self.called[array.name]: left[array.name] for array in self.regions.arrays}
        names = dict.fromkeys([self.called[r.array] for r in regions] + [u.array for u in updates])
        after = dict(self.equal)
        for name in names:
            if self._comparable(name):
                after[name] = self._agreement(sources[name], right[name], evaluator)
        self.equal = after
        for step in regions:
            self._define(self.source_definitions, step, scope)
        for step in updates:
            self._define(self.target_definitions, step, scope)

    def _at_entry(self, name: str, type: TensorType, side: str) -> Stored:
        own = symbolic(f"{name}@{side}", type.shape)
        if not self._comparable(name):
            return own
        elements = self.equal.get(name, _NOWHERE)
        if elements.is_empty:
            return own
        shared = symbolic(name, type.shape)
        return shared if _EVERYWHERE.implies(elements) else chosen(shared, own, elements)

    def _source_at_entry(self, evaluator: Evaluator) -> dict[str, Stored]:
        found = {
            array.name: self._at_entry(self.called[array.name], self.types[self.called[array.name]], "source")
            for array in self.regions.arrays
        }
        for known in self.source_definitions:
            step = known.step
            assert isinstance(step, Region)
            found = {**found, step.array: after_region(step, known.scope.source, found, evaluator)}
        return found

    def _target_at_entry(self, evaluator: Evaluator) -> dict[str, Stored]:
        found = {name: self._at_entry(name, type, "target") for name, type in self.target_types.items()}
        for known in self.target_definitions:
            step = known.step
            assert isinstance(step, Update)
            found = {**found, step.array: evaluator.node(step.value, found)}
        return found

    def _agreement(self, left: Stored, right: Stored, evaluator: Evaluator) -> Condition:
        """The elements that two arrays are proved to agree on."""
        self.steps += 1
        names = {f"%t{k}": f"{ELEMENT}{k}" for k in range(len(left.shape))}
        at = tuple(map(Affine.symbol, names))
        where = evaluator.everywhere & Condition.of(inside(at, left.shape))
        mine, undefined = evaluator.element(left, at, where)
        theirs, divided = evaluator.element(right, at, where)
        # A lifted program may divide by 0 only where its source does.
        apart = unequal(mine, theirs, where, self.work) | (divided - undefined)
        return _EVERYWHERE if apart.is_empty else (where - apart).rename(names)

    def _define(self, known: list[_Definition], step: Region | Update, scope: Scope) -> None:
        """Keep what a step says of an array that only one side has, and drop what it makes outdated."""
        known[:] = [d for d in known if d.array != step.array and step.array not in d.reads]
        if isinstance(step, Region):
            reads = frozenset(load.array for load in loads(step.value))
            one_sided = not self._comparable(self.called[step.array])
        else:
            nodes = postorder(step.value)
            reads = frozenset(node.name for node in nodes if isinstance(node, ArrayValue))
            one_sided = not self._comparable(step.array)
        if one_sided and step.array not in reads and not scope.source:
            known.append(_Definition(step, scope, reads))

    def _forget(self, source: frozenset[str], target: frozenset[str]) -> None:
        """Drop definitions of and by arrays that are about to be written."""
        for known, names in ((self.source_definitions, source), (self.target_definitions, target)):
            known[:] = [d for d in known if d.array not in names and not d.reads & names]


def _in_bounds(shape: tuple[Affine, ...]) -> Condition:
    at = tuple(Affine.symbol(f"{ELEMENT}{k}") for k in range(len(shape)))
    return Condition.of(inside(at, shape))


def _earlier(where: Condition, iv: str) -> Condition:
    """That a condition holds for some smaller value of the variable; the loop's range is part of it."""
    before = f"{iv}'"
    earlier = Condition.of(Guard.of(Constraint(Affine.symbol(iv) - Affine.symbol(before) - 1)))
    return (where.rename({iv: before}) & earlier).exists([before])


def _written_by(steps: Sequence[RegionStep] | Sequence[Step]) -> frozenset[str]:
    found: set[str] = set()
    pending: list[RegionStep | Step] = list(steps)
    while pending:
        step = pending.pop()
        if isinstance(step, SequentialLoop | TensorLoop):
            pending += step.body
        else:
            found.add(step.array)
    return frozenset(found)


def _called(regions: RegionProgram, lifted: TensorProgram) -> dict[str, str]:
    """What the arrays of the source are called in the lifted program: mostly the same."""
    called = {array.name: array.name for array in regions.arrays}
    homes = dict(regions.results)
    if regions.returned is not None:
        homes["return"] = regions.returned
    there = {item.name for item in (*lifted.arguments, *lifted.locals)}
    for result in lifted.results:
        home = homes.get(result.name)
        if home is not None and home not in there and result.array not in called.values():
            called[home] = result.array
    return called


def _until_loop(steps: Sequence[RegionStep], start: int) -> list[Region]:
    found: list[Region] = []
    for step in steps[start:]:
        if not isinstance(step, Region):
            break
        found.append(step)
    return found


def _until_update_ends(steps: Sequence[Step], start: int) -> list[Update]:
    found: list[Update] = []
    for step in steps[start:]:
        if not isinstance(step, Update):
            break
        found.append(step)
    return found
