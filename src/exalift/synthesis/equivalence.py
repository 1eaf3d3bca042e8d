"""Steps 5 and 6: candidates of one value are one candidate; solutions are checked on larger inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from exalift.affine import Formula
from exalift.affine.algebra.protocol import Values
from exalift.dialects import ArrayValue, Dialect, Node, evaluate_node, postorder

from .bank import Bank
from .blocks import Block
from .environment import Environment
from .statistics import Statistics
from .table import Rows, State


@dataclass(frozen=True, slots=True)
class Kept:
    """Rows of the block's type: of new values, and of known ones that the search did not have."""

    fresh: Rows
    taken: Rows


def keep(bank: Bank, block: Block, state: State, statistics: Statistics) -> Kept:
    """Prune a block by observation: new values enter the bank, cheaper recipes replace dearer ones.

    `state` has one flag for each row of the type's table: whether the search has it.
    """
    signature = block.signature
    table = bank.table(signature.type)
    lead, last = block.costs(bank)
    sifted = table.sift(block.marks, lead, last, state)
    statistics.equivalent += len(block.marks) - len(sifted.fresh)
    places, rows = sifted.cheaper[:, 0], sifted.cheaper[:, 1]
    if len(rows):
        # The last recipe of a row is the cheapest.
        _, final = np.unique(rows[::-1], return_index=True)
        final = len(rows) - 1 - final
        table.replace(rows[final], _recipes(block, places[final]))
    fresh = np.empty(0, dtype=np.int64)
    if len(sifted.fresh):
        operands = block.operands(sifted.fresh)
        values = bank.compute(signature, operands, len(sifted.fresh))
        fresh = table.extend(
            values, block.marks[sifted.fresh], sifted.fresh_costs, _recipes(block, sifted.fresh)
        )
    return Kept(fresh, sifted.taken)


def _recipes(block: Block, places: Rows) -> Rows:
    number = np.full(len(places), block.signature.number, dtype=np.int64)
    return np.stack([number, *block.operands(places)], axis=1)


def observe(node: Node, contents: Mapping[str, Values], environment: Environment, dialect: Dialect) -> Values:
    """The value of a graph in an environment; arrays without given contents have random ones.

    The environment has one sample.
    """
    arrays = {
        part.name: contents[part.name] if part.name in contents else environment.random(part.name, part.type)
        for part in postorder(node)
        if isinstance(part, ArrayValue)
    }
    return evaluate_node(node, arrays, environment.sizes, environment.algebra, dialect)


def confirm(
    node: Node,
    goal: Formula,
    contents: Mapping[str, Values],
    environment: Environment,
    dialect: Dialect,
) -> bool:
    """Whether a graph has a goal's value in another environment, larger or with other contents.

    `contents` are the arrays that the goal reads. A value of another shape is no confirmation.
    """
    wanted = environment.evaluate(goal, contents)
    observed = observe(node, contents, environment, dialect)
    if observed.shape != wanted.shape:
        return False
    return bool(np.all(environment.algebra.equal(observed, wanted, goal.body.dtype)))
