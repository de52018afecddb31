"""What a policy does as its budget grows: the steps of all users along their hulls, in the order they are bought.

A policy is a prediction of value and cost per user and offer. Every price of a cent decides for every user, so the
choices at all budgets are one list of steps (who moves to which offer), sorted by predicted value per predicted cost:
the linear relaxation of the multiple-choice knapsack over all budgets at once, as in Sverdrup, Wu, Athey & Wager,
"Qini curves for multi-armed treatment rules" (2023, grf-labs/maq). Steps of equal slope are bought together, each in
the same share, so a policy that tells nobody apart gives to a random share of users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.policy.price import Floats, Ints, best_offer, offers
from models.policy.solver.dual import hull_steps


@dataclass(frozen=True)
class Path:
    """``start``: (n,) offers before anything is bought. Steps (m,): ``row`` moves from offer ``before`` to ``after``.

    ``ends``: (b,) number of steps bought at the end of each block of equal slope; ``slope``: (b,) of the block.
    """

    start: Ints
    row: Ints
    before: Ints
    after: Ints
    ends: Ints
    slope: Floats

    @classmethod
    def of(cls, value: ArrayLike, cost: ArrayLike, eligible: ArrayLike | None = None) -> Path:
        """The path of predicted value and cost (n, K) against offer 0, which is nothing.

        It starts at each user's cheapest offer (nothing, unless an offer saves money) and ends where more spending
        is not predicted to earn more.
        """
        values, costs = (np.asarray(table, dtype=np.float64) for table in (value, cost))
        if values.ndim == 2 and costs.ndim == 2:  # predictions of levels instead of effects
            values, costs = values - values[:, :1], costs - costs[:, :1]
        values, costs = offers(values, costs, eligible)
        everyone = np.arange(len(values))
        start = best_offer(-costs, -values, 0.0)
        row, after, slope, _, _ = hull_steps(values, costs, best_offer(values, costs, 0.0), start, everyone)
        order = np.lexsort((row, -slope)) if len(row) else row
        row, after, slope = row[order], after[order], slope[order]
        last = np.flatnonzero(np.append(np.diff(slope) != 0, True)) if len(row) else row
        return cls(start, row, _before(start, row, after), after, last + 1, slope[last])

    def along(self, column: Floats) -> Floats:
        """Sums over users (b + 1,) of ``column`` (n, K) at the offers held at the start and after each block."""
        moved = column[self.row, self.after] - column[self.row, self.before]
        held = float(column[np.arange(len(column)), self.start].sum())
        total = np.concatenate(([0.0], np.cumsum(moved)))
        result: Floats = held + total[np.concatenate(([0], self.ends))]
        return result

    def held(self, blocks: int) -> Ints:
        """Offers (n,) after so many blocks."""
        offer = self.start.copy()
        steps = int(self.ends[blocks - 1]) if blocks else 0
        offer[self.row[:steps]] = self.after[:steps]  # later steps of a user overwrite earlier ones
        return offer


def _before(start: Ints, row: Ints, after: Ints) -> Ints:
    """The offer that each step leaves: where the same user's previous step went, or the start."""
    order = np.argsort(row, kind="stable")
    same = np.concatenate(([False], row[order][1:] == row[order][:-1])) if len(row) else np.zeros(0, dtype=bool)
    before = np.where(same, np.concatenate(([0], after[order][:-1])) if len(row) else row, start[row[order]])
    result = np.empty_like(row)
    result[order] = before
    return result
