"""Limits as the rows of a linear programme: who pays which limit's price, and what an allocation uses of each.

Row c asks ``usage_c <= most_c``; floors enter with their sign turned. With a price per row (lambda >= 0) every user
is left with a score per offer,

    (1 + return) * value - spend[group] * cost - stock[offer] - users[group]        (none scores 0)

which is what :class:`Level` holds: five numbers or short vectors instead of one price per limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.policy.limits import Limits
from models.policy.price import Floats, Ints
from models.policy.prices import EVERYONE_ELSE, Prices

ABSENT = -1  # place of a limit that is not there; it reads the zero appended to the prices


@dataclass(frozen=True)
class Level:
    """What the limits' prices, or the widths of intervals around them, add up to: spend and users (G,), stock (K,)."""

    spend: Floats
    stock: Floats
    users: Floats
    returns: float


@dataclass(frozen=True)
class Terms:
    """m rows: ``names``, ``most`` (m,), and for each kind of limit the row's place or :data:`ABSENT`.

    ``stock`` is (K,); ``users_most``, ``users_least``, ``spend_most``, ``spend_least`` are (G,) for the groups in
    ``segments``, the first of which is everyone else.
    """

    names: tuple[str, ...]
    most: Floats
    segments: tuple[str, ...]
    budget: int
    stock: Ints
    users_most: Ints
    users_least: Ints
    spend_most: Ints
    spend_least: Ints
    returns: int
    roi_floor: float

    @classmethod
    def of(cls, limits: Limits, arms: tuple[str, ...]) -> Terms:
        """The rows of the limits over these arms, after ``limits.check``."""
        limits.check(arms)
        segments = (EVERYONE_ELSE, *limits.segments)
        names, most = list[str](), list[float]()
        place = {name: np.full(len(segments), ABSENT) for name in ("max_users", "min_users")}
        place |= {name: np.full(len(segments), ABSENT) for name in ("max_spend_cents", "min_spend_cents")}
        stock = np.full(len(arms), ABSENT)

        def row(name: str, bound: float | None, sign: int = 1) -> int:
            # A floor of nothing is no floor for users; for spend it is one, since costs may be negative.
            if bound is None or (name.endswith("min_users") and bound == 0):
                return ABSENT
            names.append(name)
            most.append(sign * float(bound))
            return len(names) - 1

        budget = row("budget_cents", limits.budget_cents)
        for offer, arm in enumerate(arms):
            if arm in limits.stock:
                stock[offer] = row(f"stock[{arm}]", limits.stock[arm])
        for group, segment in enumerate(segments[1:], start=1):
            for name, places in place.items():
                bound = getattr(limits.segments[segment], name)
                places[group] = row(f"segments[{segment}].{name}", bound, -1 if name.startswith("min") else 1)
        returns = row("roi_floor", None if limits.roi_floor is None else limits.roi_credit_cents)
        return cls(
            names=tuple(names),
            most=np.array(most),
            segments=segments,
            budget=budget,
            stock=stock,
            users_most=place["max_users"],
            users_least=place["min_users"],
            spend_most=place["max_spend_cents"],
            spend_least=place["min_spend_cents"],
            returns=returns,
            roi_floor=0.0 if limits.roi_floor is None else float(limits.roi_floor),
        )

    def keep(self, rows: Ints) -> Terms:
        """Only these rows, in this order."""
        place = np.full(len(self.names) + 1, ABSENT)
        place[rows] = np.arange(len(rows))
        return replace(
            self,
            names=tuple(self.names[row] for row in rows),
            most=self.most[rows],
            budget=int(place[self.budget]),
            stock=place[self.stock],
            users_most=place[self.users_most],
            users_least=place[self.users_least],
            spend_most=place[self.spend_most],
            spend_least=place[self.spend_least],
            returns=int(place[self.returns]),
        )

    @property
    def floors(self) -> Ints:
        """Rows that giving nobody anything would break."""
        return np.flatnonzero(self.most < 0)

    def level(self, price: Floats) -> Level:
        """Prices (m,) of the limits added up by what pays them."""
        known = np.append(price, 0.0)
        returns = float(known[self.returns])
        spend = known[self.budget] + known[self.spend_most] - known[self.spend_least] + self.roi_floor * returns
        return Level(spend, known[self.stock], known[self.users_most] - known[self.users_least], returns)

    def widths(self, width: Floats) -> Level:
        """Half widths (m,) of intervals around the prices, added up; the part of ``returns`` is kept apart."""
        known = np.append(width, 0.0)
        spend = known[self.budget] + known[self.spend_most] + known[self.spend_least]
        users = known[self.users_most] + known[self.users_least]
        return Level(spend, known[self.stock], users, float(known[self.returns]))

    def prices(self, price: Floats, tie_cents: float) -> Prices:
        """The rule: prices per cent of profit, all divided by what a cent of profit is worth under the return floor."""
        level = self.level(price)
        worth = 1.0 + level.returns
        unit = (level.stock[None, :] + level.users[:, None]) / worth
        unit[:, 0] = 0.0
        return Prices(
            self.segments,
            tuple((level.spend / worth).tolist()),
            tuple(tuple(row) for row in unit.tolist()),
            tie_cents,
        )

    def usage(self, units: NDArray[Any], spend: Floats, value: float) -> Floats:
        """What an allocation uses of each row (m,), from units (G, K), spend (G,) in cents and its total value."""
        used = np.zeros(len(self.names) + 1)  # the last place takes what no limit asks for
        given = units[:, 1:].sum(axis=1)
        used[self.stock] = units.sum(axis=0)
        used[self.users_most], used[self.users_least] = given, -given
        used[self.spend_most], used[self.spend_least] = spend, -spend
        used[self.budget] = spend.sum()
        used[self.returns] = self.roi_floor * spend.sum() - value
        return used[:-1]

    def columns(self, group: Ints, offer: Ints, instead: Ints, cost: Floats, value: Floats) -> Any:
        """What p exchanges of an offer for the one ``instead`` add to the usage: a sparse matrix (m, p).

        ``cost`` and ``value`` (p,) are the differences that the exchanges make.
        """
        from scipy import sparse

        p = np.arange(len(group))
        change = (offer > 0).astype(np.float64) - (instead > 0)
        one = np.ones(len(group))
        parts: list[tuple[NDArray[Any], Floats]] = [
            (np.full(len(group), self.budget), cost),
            (np.where(offer > 0, self.stock[offer], ABSENT), one),
            (np.where(instead > 0, self.stock[instead], ABSENT), -one),
            (self.users_most[group], change),
            (self.users_least[group], -change),
            (self.spend_most[group], cost),
            (self.spend_least[group], -cost),
            (np.full(len(group), self.returns), self.roi_floor * cost - value),
        ]
        rows = np.concatenate([places for places, _ in parts])
        columns = np.concatenate([p] * len(parts))
        entries = np.concatenate([entry for _, entry in parts])
        real = (rows != ABSENT) & (entries != 0)
        shape = (len(self.names), len(group))
        return sparse.csr_matrix((entries[real], (rows[real], columns[real])), shape=shape)
