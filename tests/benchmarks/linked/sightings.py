"""Sightings of accounts on shared values as a large shop has them: rings, farms, hubs, and chance.

Of ``accounts`` accounts 2 % are in rings of 3 to 12 on one device and one farm has up to 5,000. Everybody is seen on
hubs (one value in use by a tenth, a hundredth, a thousandth … of all accounts), whose company is hardly ever there for
coupons, and on values that chance gave to four accounts, whose links are weak: more than enough of them to tie the
whole shop into one component. Strengths are drawn, times run over 90 days; one seed gives one shop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY = 86_400_000_000
Ints, Floats = NDArray[np.int64], NDArray[np.float64]
CHANCE, FOUR = 2.65, 4  # sightings per account on chance values, accounts on one of these
HUBS = (1, 2, 3, 4)  # a hub for 10^-n of all accounts, for each n


@dataclass(frozen=True)
class Sightings:
    """Rows in time order; ``key``: the value's number; ``own`` and ``pure``: what the strength of a link is made of."""

    user: Ints
    at: Ints
    key: Ints
    own: Floats
    pure: Floats
    score: Floats


@dataclass(frozen=True)
class Shop:
    """Sightings by kind of value, and the planted ring of every account (-1: none)."""

    accounts: int
    devices: Sightings
    networks: Sightings
    ring: Ints


def shop(accounts: int, seed: int = 0) -> Shop:
    """A shop of so many accounts; about three links per account are strong enough to count."""
    rng = np.random.default_rng(seed)
    ring = _rings(accounts, rng)
    return Shop(accounts, _devices(ring, rng), _networks(accounts, ring, rng), ring)


def _rings(accounts: int, rng: np.random.Generator) -> Ints:
    size = rng.integers(3, 13, max(accounts // 375, 2))
    size[0] = min(5_000, accounts // 20)  # the farm
    members = np.repeat(np.arange(len(size)), size)
    ring = np.full(accounts, -1, np.int64)
    ring[rng.permutation(accounts)[: len(members)]] = members
    return ring


def _devices(ring: Ints, rng: np.random.Generator) -> Sightings:
    user = np.flatnonzero(ring >= 0)
    start = rng.integers(0, 85 * DAY, int(ring.max()) + 1)
    at = start[ring[user]] + rng.integers(0, 2 * DAY, len(user))
    strong = rng.uniform(0.8, 1.0, (2, len(user)))
    return _in_time_order(user, at, ring[user], *strong, rng.uniform(0.3, 0.99, len(user)))


def _networks(accounts: int, ring: Ints, rng: np.random.Generator) -> Sightings:
    chance = int(CHANCE * accounts)
    user, key = rng.integers(0, accounts, chance), rng.integers(0, chance // FOUR, chance)
    pure = rng.uniform(0.36, 0.55, chance)
    values = chance // FOUR
    hubs = [rng.permutation(accounts)[: accounts // 10**n] for n in HUBS]
    user = np.concatenate([user, *hubs])
    key = np.concatenate([key, *(np.full(len(hub), values + n) for n, hub in enumerate(hubs))])
    # Purity is the degree discount: of a hub's company next to nobody is there for the coupon only.
    pure = np.concatenate([pure, *(rng.beta(1.0, 20.0, len(hub)) for hub in hubs)])
    at = rng.integers(0, 90 * DAY, len(user))
    own = rng.uniform(0.97, 1.0, accounts)[user]
    return _in_time_order(user, at, key, own, pure, rng.uniform(0.0, 0.2, len(user)))


def _in_time_order(user: Ints, at: Ints, key: Ints, own: Floats, pure: Floats, score: Floats) -> Sightings:
    order = np.argsort(at, kind="stable")
    return Sightings(*(column[order] for column in (user, at, key, own, pure, score)))
