"""Visits to the shop and what is done in them short of buying: views, searches, carts, hesitation.

Latent traits leave their traces here: price-sensitive users browse long, fill carts and take them apart; users who
hate being prodded come, look at little and go; those who buy anyway review what they bought.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.contract import OneOf
from features.tables import TABLES
from pipelines.shop.calendar import DAY, HOUR, MINUTE, SECOND, Calendar, draw_hours
from pipelines.shop.catalogue import Catalogue
from pipelines.shop.network import Network
from pipelines.shop.newcomers import Newcomers
from pipelines.shop.population import Population
from pipelines.shop.seeds import Bools, Floats, Ints, pick, ranges, stream

_check = TABLES["events"]["kind"].check
assert isinstance(_check, OneOf)
KINDS = _check.values
VIEW, ADD, REMOVE, CHECKOUT, CANCEL, SHARE, SIGN_IN, REVIEW, SEARCH = range(len(KINDS))


@dataclass(frozen=True)
class Visits:
    """Visits of a block in the order of user and time; ``row`` counts within the block, ``user`` over all users."""

    row: Ints
    user: Ints
    start: Ints
    device: Ints
    terminal: Ints
    ip: Ints

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True)
class Events:
    """Event rows; ``sku`` is -1 and ``dwell`` NaN where there is none."""

    user: Ints
    at: Ints
    kind: Ints
    sku: Ints
    dwell: Floats
    terminal: Ints
    device: Ints
    ip: Ints

    @classmethod
    def joined(cls, parts: list[Events]) -> Events:
        names = cls.__dataclass_fields__
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    def before(self, end: int) -> Events:
        """Without the rows from ``end`` on."""
        keep = self.at < end
        return Events(**{name: getattr(self, name)[keep] for name in self.__dataclass_fields__})


def draw_visits(people: Population, network: Network, users: Ints, calendar: Calendar, seed: int, block: int) -> Visits:
    """When and from where each user of the block comes; nobody comes before registering or after lapsing."""
    rng = stream(seed, "visits", block)
    day = np.arange(calendar.days)
    registered_day = (people.registered[users] - calendar.begin) // DAY
    present = (day > registered_day[:, None]) & (day <= people.lapse[users][:, None])
    rate = people.activity[users][:, None] * calendar.busy * present
    counts = rng.poisson(rate)
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    row, on = cell // calendar.days, cell % calendar.days
    moment = draw_hours(people.hour[users][row], rng) * HOUR
    start = calendar.begin + on * DAY + moment.astype(np.int64)
    order = np.lexsort((start, row))
    row, start = row[order], start[order]
    user = users[row]
    device, terminal = network.draw_device(user, start, rng)
    return Visits(row, user, start, device, terminal, network.draw_ip(user, start, rng))


def browse(
    people: Population, catalogue: Catalogue, users: Ints, visits: Visits, seed: int, block: int
) -> tuple[Events, Bools]:
    """The events of the visits, and which visits ended with something in the cart."""
    rng = stream(seed, "browse", block)
    n = len(visits)
    price, reactance = people.price[users], people.reactance[users]
    want = 1 / (1 + np.exp(-people.buy[users]))
    # Habits differ between users of equal traits, so that traces are evidence and not proof.
    habit = rng.lognormal(0, 0.22, (4, len(users)))
    views = 1 + rng.poisson(((0.8 + 4.5 * price) * np.exp(-0.5 * reactance) * habit[0])[visits.row])
    searches = rng.poisson(((0.15 + 0.6 * price) * habit[1])[visits.row])
    adds = rng.poisson(((0.08 + 0.7 * price + 0.35 * want) * habit[2])[visits.row])
    removes = rng.binomial(adds, (0.08 + 0.4 * price)[visits.row])
    sign_in = (rng.random(n) < 0.25).astype(np.int64)
    share = (rng.random(n) < (0.01 + 0.06 * price * habit[3])[visits.row]).astype(np.int64)
    review = (rng.random(n) < (0.10 * want)[visits.row]).astype(np.int64)
    cancel = (rng.random(n) < (0.004 + 0.06 * reactance)[visits.row]).astype(np.int64)
    counts = np.stack([views, adds, removes, cancel, share, sign_in, review, searches])
    kinds = np.array([VIEW, ADD, REMOVE, CANCEL, SHARE, SIGN_IN, REVIEW, SEARCH])
    # An event's moment is a fraction of the visit: first sign in, then look, then put in the cart and out again.
    low = np.array([0.01, 0.3, 0.7, 0.9, 0.5, 0.0, 0.2, 0.01])
    visit = np.concatenate([np.repeat(np.arange(n), count) for count in counts])
    which = np.repeat(np.arange(len(kinds)), counts.sum(axis=1))
    length = (views * 40 + adds * 30 + 60) * SECOND
    share_of = low[which] + (1 - low[which]) * rng.random(len(visit)) * np.where(which == 5, 0.01, 1.0)
    at = visits.start[visit] + (share_of * length[visit]).astype(np.int64)
    kind = kinds[which]
    with_sku = np.isin(kind, (VIEW, ADD, REMOVE, SHARE, REVIEW))
    row = visits.row[visit]
    category = pick(np.cumsum(people.interest[users], axis=1), row, rng)
    sku = np.where(with_sku, catalogue.choose(category, people.premium[users][row], rng), -1)
    mean = (30 * np.exp(-0.7 * reactance) * (1 + 0.5 * price))[row]
    dwell = np.where(kind == VIEW, np.round(rng.gamma(1.5, mean / 1.5), 1), np.nan)
    user, terminal, device, ip = (getattr(visits, name)[visit] for name in ("user", "terminal", "device", "ip"))
    return Events(user, at, kind, sku, dwell, terminal, device, ip), adds > removes


def shopping_events(
    user: Ints, at: Ints, sku: Ints, quantity: Ints, terminal: Ints, device: Ints, ip: Ints, rng: np.random.Generator
) -> Events:
    """What leads up to orders placed ``at``: each line seen and put in the cart, then the checkout."""
    n, lines = sku.shape
    order = np.repeat(np.arange(n), lines)[quantity.ravel() > 0]
    line_sku = sku.ravel()[quantity.ravel() > 0]
    counts = np.bincount(order, minlength=n)
    lead = (ranges(counts) + 1) * rng.integers(15, 50, len(order)) * SECOND
    whose = np.concatenate([order, order, np.arange(n)])
    kind = np.repeat([VIEW, ADD, CHECKOUT], [len(order), len(order), n])
    before = np.concatenate([lead + 20 * SECOND, lead, np.full(n, 5 * SECOND)])
    seen = np.concatenate([np.round(rng.gamma(2, 12, len(order)), 1), np.full(len(order) + n, np.nan)])
    return Events(
        user=user[whose],
        at=np.minimum(at[whose] - before, at[whose]),
        kind=kind,
        sku=np.concatenate([line_sku, line_sku, np.full(n, -1)]),
        dwell=seen,
        terminal=terminal[whose],
        device=device[whose],
        ip=ip[whose],
    )


def sign_ups(
    people: Population, newcomers: Newcomers, catalogue: Catalogue, users: Ints, rng: np.random.Generator
) -> Events:
    """Everyone who registers within the period signs in at once and looks around, or does not."""
    views = newcomers.views[users]
    who = np.concatenate([np.arange(len(users)), np.repeat(np.arange(len(users)), views)])
    kind = np.repeat([SIGN_IN, VIEW], [len(users), int(views.sum())])
    user = users[who]
    nth = np.concatenate([np.zeros(len(users), dtype=np.int64), ranges(views) + 1])
    category = pick(np.cumsum(people.interest[users], axis=1), who, rng)
    return Events(
        user=user,
        at=people.registered[user] + MINUTE // 4 + nth * rng.integers(8 * SECOND, 40 * SECOND, len(who)),
        kind=kind,
        sku=np.where(kind == VIEW, catalogue.choose(category, people.premium[user], rng), -1),
        dwell=np.where(kind == VIEW, np.round(rng.gamma(2, 9, len(who)), 1), np.nan),
        terminal=newcomers.terminal[user],
        device=newcomers.device[user],
        ip=newcomers.ip[user],
    )
