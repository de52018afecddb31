"""The rows that an allocation decides, everybody's choice at given prices, and the dual's value there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.policy.price import Bools, Floats, Ints, blocks
from models.policy.solver.terms import Level, Terms


@dataclass(frozen=True)
class Rows:
    """Users' offers: ``value``, ``cost``, ``allowed`` (n, K), ``group`` (n,) and ``user`` (n,), None without a cap.

    ``most`` caps the offers over one user's rows. ``goal`` (n, K) is what is maximised, by default ``value``.
    """

    value: Floats
    cost: Floats
    allowed: Bools | None
    group: Ints
    user: Ints | None = None
    most: int = 0
    goal: Floats | None = None

    def __len__(self) -> int:
        return len(self.value)

    def take(self, rows: Ints) -> Rows:
        return replace(
            self,
            value=np.asfortranarray(self.value[rows]),
            cost=np.asfortranarray(self.cost[rows]),
            allowed=None if self.allowed is None else np.asfortranarray(self.allowed[rows]),
            group=self.group[rows],
            user=None if self.user is None else self.user[rows],
            goal=None if self.goal is None else np.asfortranarray(self.goal[rows]),
        )

    def block(self, rows: slice) -> Rows:
        """These rows, as views; without the users, whose cap goes over all rows."""
        allowed = None if self.allowed is None else self.allowed[rows]
        goal = None if self.goal is None else self.goal[rows]
        return Rows(self.value[rows], self.cost[rows], allowed, self.group[rows], goal=goal)

    def used(self, terms: Terms, offer: Ints) -> Floats:
        """What an allocation (n,) uses of each row of ``terms``."""
        groups, offers = len(terms.segments), self.value.shape[1]
        units: Any = np.bincount(self.group * offers + offer, minlength=groups * offers).reshape(groups, offers)
        at = np.arange(len(self))
        spend: Any = np.bincount(self.group, self.cost[at, offer], minlength=groups)
        return terms.usage(units, spend, float(self.value[at, offer].sum()))


@dataclass(frozen=True)
class Look:
    """Everybody's choice at some prices: ``offer``, its ``score``, and the user's own price ``own`` (n,) if capped."""

    offer: Ints
    score: Floats
    own: Floats | None


def scores(rows: Rows, level: Level, offer: int) -> Floats:
    """The scores (n,) of one offer, 1 or later."""
    if rows.goal is None:
        score = (1 + level.returns) * rows.value[:, offer]
    else:
        score = rows.goal[:, offer] + level.returns * rows.value[:, offer]
    if len(level.spend) == 1:
        score -= level.spend[0] * rows.cost[:, offer] + (level.stock[offer] + level.users[0])
    else:
        score -= level.spend[rows.group] * rows.cost[:, offer] + (level.stock[offer] + level.users)[rows.group]
    return score if rows.allowed is None else np.where(rows.allowed[:, offer], score, -np.inf)


def look(rows: Rows, terms: Terms, price: Floats) -> Look:
    """The best choice of every row at these prices; a capped user keeps their best rows."""
    level = terms.level(price)
    best, score = np.zeros(len(rows), dtype=np.intp), np.zeros(len(rows))
    for block in blocks(len(rows)):
        part, its_best, its_score = rows.block(block), best[block], score[block]
        for offer in range(1, rows.value.shape[1]):
            this = scores(part, level, offer)
            better = this > its_score
            np.copyto(its_best, offer, where=better)
            np.copyto(its_score, this, where=better)
    if rows.user is None:
        return Look(best, score, None)
    own, kept = own_prices(score, rows.user, rows.most)
    return Look(np.where(kept, best, 0), np.where(kept, score - own, 0.0), own)


def own_prices(gain: Floats, user: Ints, most: int) -> tuple[Floats, Bools]:
    """Half way between the last gain that a capped user keeps and the first that they do not, and which are kept."""
    order = np.lexsort((-gain, user))
    starts = np.flatnonzero(np.diff(user[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    rank = np.arange(len(order)) - np.repeat(starts, sizes)
    capped = sizes > most
    edge = np.zeros(len(starts))
    first_out = gain[order[starts[capped] + most]]
    edge[capped] = (gain[order[starts[capped] + most - 1]] + first_out) / 2 if most else first_out + 1.0
    own, kept = np.empty(len(gain)), np.empty(len(gain), dtype=np.bool_)
    own[order], kept[order] = np.repeat(edge, sizes), rank < most
    return own, kept & (gain > 0)


def dual(rows: Rows, terms: Terms, price: Floats) -> float:
    """The dual's value at these prices: a bound on what any allocation within the limits is worth."""
    found = look(rows, terms, price)
    total = float(found.score.sum()) + float(terms.most @ price)
    if found.own is not None and rows.user is not None:
        at = np.unique(rows.user, return_index=True)[1]
        total += rows.most * float(found.own[at].sum())
    return total
