"""The price rule under any number of limits: what one user gets when budget, stock and segments have prices.

The dual of the allocation (``models.policy.program``) gives each limit a price. They add up to a price per cent of
cost and a price per unit of each offer, both per segment, and a user simply gets the best of

    value[k] - cost_price * cost[k] - unit_price[k] + tie_cents * draw(lot, k)        (none scores 0)

A batch of a million users and one user at the till are decided by the same lines, bit for bit. The last term, far
below a cent, is what separates users who are equal otherwise: it is drawn from the user's *lot*, a number in [0, 1)
that a hash of their id fixes, so a mass of equal users can be split in any proportion and every limit met exactly.
A price may be negative: a segment below its floor is subsidised.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from models.policy.price import Bools, Floats, Ints

EVERYONE_ELSE = ""
DRAWS = 7919  # a prime: the draws of two offers for one lot are as good as unrelated


@dataclass(frozen=True)
class Prices:
    """Prices for G segments (the first is "", everyone in no other) and K offers (the first is none, always free).

    ``cost`` (G,) is the profit that a cent of cost must bring, ``unit`` (G, K) the cents that one coupon of an offer
    must bring, ``tie_cents`` the size of the draw that splits equal users.
    """

    segments: tuple[str, ...]
    cost: tuple[float, ...]
    unit: tuple[tuple[float, ...], ...]
    tie_cents: float = 0.0

    def __post_init__(self) -> None:
        if not self.segments or self.segments[0] != EVERYONE_ELSE or len(set(self.segments)) != len(self.segments):
            raise InputError("prices.segments", self.segments, "distinct names, the first of them empty")
        if len(self.cost) != len(self.segments) or not all(map(math.isfinite, self.cost)):
            raise InputError("prices.cost", self.cost, f"{len(self.segments)} finite prices, one per segment")
        offers = len(self.unit[0]) if self.unit else 0
        if len(self.unit) != len(self.segments) or not offers or any(len(row) != offers for row in self.unit):
            raise InputError("prices.unit", self.unit, f"{len(self.segments)} rows of one price per offer")
        if not all(math.isfinite(price) for row in self.unit for price in row) or any(row[0] for row in self.unit):
            raise InputError("prices.unit", self.unit, "finite prices, 0 for offer 0, which is none")
        if not (math.isfinite(self.tie_cents) and self.tie_cents >= 0):
            raise InputError("prices.tie_cents", self.tie_cents, "a finite amount >= 0")

    @classmethod
    def of_cost(cls, price: float, offers: int, tie_cents: float = 0.0) -> Prices:
        """One price of cost for everybody and no other limit; ``of_cost(0, K)`` gives everybody their best offer."""
        return cls((EVERYONE_ELSE,), (float(price),), ((0.0,) * offers,), tie_cents)

    @property
    def offers(self) -> int:
        return len(self.unit[0])

    def groups(self, segment: Sequence[str] | NDArray[Any] | None, users: int) -> Ints:
        """Which prices (n,) each user pays, from the names of their segments; None is nobody in any segment."""
        return group_of(self.segments, segment, users)

    def tie(self, lots: Floats, offer: int) -> Floats:
        """What the lots (n,) add to the score of one offer, in cents."""
        return self.tie_cents * draw(lots, offer)

    def best(
        self,
        value: Floats,
        cost: Floats,
        lots: Floats | None = None,
        segment: Sequence[str] | NDArray[Any] | None = None,
        eligible: Bools | None = None,
    ) -> Ints:
        """The offer (n,) with the highest score; exact ties go to the cheaper offer, then to the earlier."""
        groups = self.groups(segment, len(value))
        best = np.zeros(len(value), dtype=np.intp)
        best_score, best_cost = np.zeros(len(value)), np.zeros(len(value))
        # Offer by offer: numpy's reductions along a short axis are many times slower than passes over columns.
        for offer in range(1, self.offers):
            offer_cost = cost[:, offer]
            score = self._score(value, cost, groups, lots, eligible, offer)
            better = (score > best_score) | ((score == best_score) & (offer_cost < best_cost))
            np.copyto(best, offer, where=better)
            np.copyto(best_score, score, where=better)
            np.copyto(best_cost, offer_cost, where=better)
        return best

    def scores(
        self,
        value: Floats,
        cost: Floats,
        lots: Floats | None = None,
        segment: Sequence[str] | NDArray[Any] | None = None,
        eligible: Bools | None = None,
    ) -> Floats:
        """Every offer's score (n, K) in cents: 0 for none, -inf where not eligible.

        Args:
            value, cost: (n, K) expected profit and cost in cents; column 0 zero.
            lots: (n,) numbers in [0, 1); without them users who tie are all decided alike.
            segment: (n,) names; those without own prices pay what everyone else pays.
            eligible: (n, K) booleans, by default all; ``none`` always is.
        """
        groups = self.groups(segment, len(value))
        result = np.zeros(value.shape)
        for offer in range(1, self.offers):
            result[:, offer] = self._score(value, cost, groups, lots, eligible, offer)
        return result

    def _score(
        self, value: Floats, cost: Floats, groups: Ints, lots: Floats | None, eligible: Bools | None, offer: int
    ) -> Floats:
        if len(self.segments) == 1:  # no look-up for a million users who all pay the same
            score = value[:, offer] - self.cost[0] * cost[:, offer] - self.unit[0][offer]
        else:
            unit = np.array([row[offer] for row in self.unit])
            score = value[:, offer] - np.array(self.cost)[groups] * cost[:, offer] - unit[groups]
        if lots is not None and self.tie_cents:
            score = score + self.tie(lots, offer)
        return score if eligible is None else np.where(eligible[:, offer], score, -math.inf)

    def to_spec(self) -> dict[str, Any]:
        """The prices as JSON values."""
        return {
            **asdict(self),
            "segments": list(self.segments),
            "cost": list(self.cost),
            "unit": [list(row) for row in self.unit],
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Prices:
        """The prices of a JSON mapping with the keys of :meth:`to_spec`."""
        try:
            return cls(
                segments=tuple(str(name) for name in spec["segments"]),
                cost=tuple(float(price) for price in spec["cost"]),
                unit=tuple(tuple(float(price) for price in row) for row in spec["unit"]),
                tie_cents=float(spec["tie_cents"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("prices", spec, f"the keys that Prices.to_spec writes ({error})") from error


def draw(lots: Floats, offer: int) -> Floats:
    """A number in [0, 1) per user and offer, from the users' lots (n,)."""
    spread = lots * float(DRAWS * offer + 1)
    return spread - np.floor(spread)


def group_of(segments: Sequence[str], segment: Sequence[str] | NDArray[Any] | None, users: int) -> Ints:
    """The place (n,) of each user's segment among ``segments``; 0 for names that are not among them."""
    if segment is None or len(segments) == 1:
        return np.zeros(users, dtype=np.intp)
    names = np.asarray(segment)
    if names.shape != (users,):
        raise InputError("segment", names.shape, f"{users} names, one per user")
    groups = np.zeros(users, dtype=np.intp)
    for place, name in enumerate(segments):
        if place:
            groups[names == name] = place
    return groups


def keep_best(gain: Floats, user: Sequence[str] | NDArray[Any], most: int) -> Bools:
    """Which rows (n,) keep their offer when a user may have ``most``: those with the highest gain, earlier ones first.

    ``gain`` (n,) is the score of the row's best offer; rows whose best is none have gain <= 0 and keep nothing.
    """
    _, users = np.unique(np.asarray(user), return_inverse=True)
    order = np.lexsort((-gain, users))
    starts = np.flatnonzero(np.diff(users[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    kept = np.empty(len(gain), dtype=np.bool_)
    kept[order] = place < most
    return kept & (gain > 0)
