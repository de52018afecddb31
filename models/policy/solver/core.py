"""Closes the gap that a whole number of coupons leaves below the linear bound.

At the break price every choice of a user has a *loss*: how much worse its priced value is than the user's best. A
solution's distance to the bound is the sum of its losses plus the price of the budget it leaves unspent (weak
duality), so only choices whose loss is below the distance already reached can matter. Those few are searched by a
dynamic programme over (extra cost, loss) pairs that drops dominated pairs, as in Pisinger, "A minimal algorithm for
the multiple-choice knapsack problem", EJOR 83 (1995).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.policy.price import Floats, Ints

MOST_STATES = 20_000  # pairs kept after one user
MOST_WORK = 1_500_000  # pairs kept over all users: a fraction of a second, tens of megabytes


@dataclass(frozen=True)
class Deviations:
    """Choices other than the ones at the break price: row, offer, extra cost and loss, all (m,)."""

    row: Ints
    offer: Ints
    extra: Floats
    loss: Floats

    def where(self, keep: np.ndarray) -> Deviations:
        return Deviations(self.row[keep], self.offer[keep], self.extra[keep], self.loss[keep])


@dataclass(frozen=True)
class Closed:
    """Positions in the deviations to apply, the distance to the bound they leave, and whether that is the least."""

    chosen: Ints
    distance: float
    optimal: bool


def close_gap(deviations: Deviations, slack: float, price: float, enough: float) -> Closed:
    """The deviations (at most one per row) with total extra cost <= ``slack`` that end nearest to the bound.

    ``enough`` is a distance at which the search stops; the answer then counts as optimal only if it is zero.
    """
    best = _fill(deviations, slack, price)
    kept = np.flatnonzero(deviations.loss < best.distance)
    if best.distance <= enough or not len(kept):
        return Closed(best.chosen, best.distance, best.distance == 0 or not len(kept))
    return _search(deviations.where(kept), kept, best, slack, price, enough)


def _fill(deviations: Deviations, slack: float, price: float) -> Closed:
    """Greedy: again and again the one deviation that brings the solution nearest to the bound."""
    distance, chosen = price * slack, list[int]()
    gain = price * deviations.extra - deviations.loss
    open_ = gain > 0
    while True:
        fits = np.flatnonzero(open_ & (deviations.extra <= slack))
        if not len(fits):
            return Closed(np.array(chosen, dtype=np.intp), distance, distance == 0)
        at = int(fits[np.argmax(gain[fits])])
        chosen.append(at)
        slack -= float(deviations.extra[at])
        distance = max(distance - float(gain[at]), 0.0)
        open_ = open_ & (deviations.row != deviations.row[at]) & (deviations.extra <= slack)


def _search(deviations: Deviations, names: Ints, start: Closed, slack: float, price: float, enough: float) -> Closed:
    """Dynamic programme, one user after the other from the smallest loss; ``names`` are the caller's positions."""
    order = np.lexsort((deviations.loss, deviations.row))
    first = np.flatnonzero(np.diff(deviations.row[order], prepend=-1))
    users = np.split(order, first[1:])  # positions of each user's deviations, smallest loss first
    users.sort(key=lambda positions: float(deviations.loss[positions[0]]))
    # What later users can still give back decides how far over the slack a state may be.
    gives_back = np.array([max(0.0, -float(deviations.extra[positions].min())) for positions in users])
    returns = np.append(np.cumsum(gives_back[::-1])[::-1], 0.0)

    extra, loss = np.zeros(1), np.zeros(1)
    trail: list[tuple[Ints, Ints]] = []
    best, best_state, optimal, work = start.distance, (-1, -1), True, 0
    for stage, positions in enumerate(users):
        if float(deviations.loss[positions[0]]) >= best or best <= enough:
            break
        new_extra = np.concatenate([extra, *(extra + deviations.extra[p] for p in positions)])
        new_loss = np.concatenate([loss, *(loss + deviations.loss[p] for p in positions)])
        parent = np.tile(np.arange(len(extra)), len(positions) + 1)
        taken = np.repeat(np.append(-1, positions), len(extra))

        kept = np.flatnonzero((new_loss < best) & (new_extra - returns[stage + 1] <= slack))
        kept = kept[_undominated(new_extra[kept], price * new_extra[kept] - new_loss[kept])]
        if len(kept) > MOST_STATES:
            kept = kept[np.argpartition(new_loss[kept], MOST_STATES)[:MOST_STATES]]
            optimal = False
        extra, loss = new_extra[kept], new_loss[kept]
        trail.append((parent[kept], taken[kept]))

        distance = np.where(extra <= slack, loss + price * (slack - extra), np.inf)
        if len(distance) and distance.min() < best:
            best, best_state = float(distance.min()), (stage, int(distance.argmin()))
        work += len(extra)
        if work > MOST_WORK:
            optimal = False
            break
    if best_state[0] < 0:
        return Closed(start.chosen, best, optimal and (best > enough or best == 0))
    chosen, (stage, state) = list[int](), best_state
    for parents, takes in reversed(trail[: stage + 1]):
        if takes[state] >= 0:
            chosen.append(int(names[takes[state]]))
        state = int(parents[state])
    return Closed(np.array(chosen, dtype=np.intp), best, optimal and (best > enough or best == 0))


def _undominated(extra: Floats, value: Floats) -> Ints:
    """Positions of the pairs that no other pair beats with at most the cost and at least the value."""
    order = np.lexsort((-value, extra))
    highest = np.maximum.accumulate(value[order])
    return order[np.append(True, highest[1:] > highest[:-1])] if len(order) else order
