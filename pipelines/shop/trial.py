"""The randomised coupon trial: who is asked when, with which propensity, what they got and what they did.

A user is asked at a visit, at most once in fourteen days, so that the week of one decision never meets the week of
another. Propensities differ by member tier and by the channel the user came from; both are in the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.shop.baskets import Menu
from pipelines.shop.behaviour import Visits
from pipelines.shop.calendar import DAY, HOUR, MINUTE, SECOND, Calendar
from pipelines.shop.newcomers import SETTLED
from pipelines.shop.offers import OFFERS
from pipelines.shop.population import CHANNELS, Population
from pipelines.shop.response import Response, respond
from pipelines.shop.seeds import Bools, Floats, Ints, stream

HORIZON = 7 * DAY
GAP = 14 * DAY
_TAKES_PART = 0.85
_BY_TIER = np.array(
    [
        [0.28, 0.18, 0.10, 0.18, 0.16, 0.10],
        [0.30, 0.16, 0.16, 0.16, 0.10, 0.12],
        [0.40, 0.10, 0.20, 0.14, 0.06, 0.10],
    ]
)
_BOUGHT_CHANNELS = (CHANNELS.index("social"), CHANNELS.index("advert"))


@dataclass(frozen=True)
class Decisions:
    """Decisions of a block; ``row`` counts users within it, ``visit`` is where each was taken."""

    row: Ints
    user: Ints
    at: Ints
    visit: Ints
    offer: Ints
    propensity: Floats
    truth: Response


@dataclass(frozen=True)
class Outcomes:
    """What came of each decision: bought, when, which basket, whether the coupon was used on it."""

    bought: Bools
    at: Ints
    basket: Ints
    redeemed: Bools


def propensities(people: Population, users: Ints) -> Floats:
    """The chance of each offer for each user (n, offers); rows sum to 1."""
    chance = _BY_TIER[people.tier[users]].copy()
    chance[:, 4:] *= np.where(np.isin(people.channel[users], _BOUGHT_CHANNELS), 1.6, 1.0)[:, None]
    return chance / chance.sum(axis=1, keepdims=True)


def decide(
    people: Population, users: Ints, visits: Visits, menu: Menu, calendar: Calendar, seed: int, block: int
) -> Decisions:
    """Ask at visits and draw offers."""
    rng = stream(seed, "trial", block)
    visit = _asked(people, users, visits, calendar, rng)
    row, user = visits.row[visit], visits.user[visit]
    chance = propensities(people, user)
    offer = np.minimum((np.cumsum(chance, axis=1) <= rng.random(len(user))[:, None]).sum(axis=1), len(OFFERS) - 1)
    at = visits.start[visit] + 3 * SECOND
    truth = respond(people, user, menu, row, calendar.busy[calendar.day_of(at)])
    return Decisions(row, user, at, visit, offer, chance[np.arange(len(user)), offer], truth)


def _asked(people: Population, users: Ints, visits: Visits, calendar: Calendar, rng: np.random.Generator) -> Ints:
    # One long axis for all users makes "the first visit after" a single binary search for everyone at once.
    span = np.int64(4 * calendar.days * DAY)
    position = visits.row * span + (visits.start - calendar.begin)
    warm_up = min(14, calendar.days // 4) * DAY
    earliest = np.maximum(warm_up, people.registered[users] + SETTLED - calendar.begin)
    taken: list[Ints] = []
    rows = np.flatnonzero(people.in_trial[users])
    earliest = earliest[rows]
    while len(rows):
        found = np.searchsorted(position, rows * span + earliest)
        there = found < len(position)
        there[there] = visits.row[found[there]] == rows[there]
        rows, found = rows[there], found[there]
        asked = rng.random(len(rows)) < _TAKES_PART
        taken.append(found[asked])
        earliest = visits.start[found] - calendar.begin + np.where(asked, GAP, 1)
    return np.sort(np.concatenate(taken)) if taken else np.empty(0, np.int64)


def play_out(people: Population, decisions: Decisions, seed: int, block: int) -> Outcomes:
    """Draw what happened, with exactly the probabilities of the truth."""
    rng = stream(seed, "outcome", block)
    n = len(decisions.user)
    each = np.arange(n)
    bought = rng.random(n) < decisions.truth.buys[each, decisions.offer]
    weight = np.cumsum(decisions.truth.basket[each, :, decisions.offer], axis=1)
    basket = np.minimum((weight <= rng.random(n)[:, None]).sum(axis=1), weight.shape[1] - 1)
    usable = decisions.truth.off[each, basket, decisions.offer] > 0
    redeemed = bought & usable & (rng.random(n) < people.redeem[decisions.user])
    soon = rng.uniform(2, 25, n) * MINUTE
    later = np.minimum(6 * HOUR + rng.exponential(2.2 * DAY, n), HORIZON - HOUR)
    at = decisions.at + np.where(rng.random(n) < 0.55, soon, later).astype(np.int64)
    return Outcomes(bought, at, basket, redeemed)


def in_window(decisions: Decisions, visits: Visits, calendar: Calendar) -> Bools:
    """Which visits fall into the week of a decision (or just before it): no other purchase happens there."""
    span = np.int64(4 * calendar.days * DAY)
    opened = decisions.row * span + (decisions.at - calendar.begin) - HOUR
    moment = visits.row * span + (visits.start - calendar.begin)
    last = np.searchsorted(opened, moment, side="right") - 1
    inside = last >= 0
    inside[inside] = moment[inside] <= opened[last[inside]] + HOUR + HORIZON
    return inside
