"""Purchases outside the trial: at ordinary visits, with coupons from the coupon centre, and of newcomers."""

from __future__ import annotations

import numpy as np

from pipelines.shop.baskets import Menu
from pipelines.shop.behaviour import Visits
from pipelines.shop.calendar import MINUTE, Calendar
from pipelines.shop.network import Network
from pipelines.shop.newcomers import Newcomers
from pipelines.shop.offers import KIND_OF, PUBLIC, TEMPLATES, WELCOME
from pipelines.shop.population import Population
from pipelines.shop.purchases import UNPAID, Grants, Purchases, draw_fate
from pipelines.shop.response import TOP_UP
from pipelines.shop.seeds import Bools, Floats, Ints, pick, stream


def buy_at_visits(
    people: Population,
    network: Network,
    users: Ints,
    visits: Visits,
    free: Bools,
    with_cart: Bools,
    menu: Menu,
    seed: int,
    block: int,
) -> tuple[Purchases, Grants]:
    """Orders and self-service coupons at the ``free`` visits, and checkouts given up unpaid at any visit.

    The chance a visit is such that a week without the trial has the same chance of a purchase as the trial's ``none``.
    """
    rng = stream(seed, "organic", block)
    n = len(visits)
    row, user = visits.row, visits.user
    week = 1 / (1 + np.exp(-people.buy[users]))
    chance = 1 - (1 - week) ** (1 / np.maximum(7 * people.activity[users], 0.35))
    claims = free & (rng.random(n) < 0.3 * people.price[user])
    template = _centre_template(people, user, rng)
    lift = np.where(claims, 1 + 0.8 * people.price[user], 1.0)
    buys = free & (rng.random(n) < np.minimum(chance[row] * lift, 0.8))
    off = np.stack([TEMPLATES[index].discount(menu.goods) for index in PUBLIC], axis=-1)
    column = np.array(PUBLIC).searchsorted(template)
    weight = menu.habit[row] * np.exp(TOP_UP * (people.price[user] * claims)[:, None] * (off[row, :, column] > 0))
    basket = pick(np.cumsum(weight, axis=1), np.arange(n), rng)
    uses = buys & claims & (off[row, basket, column] > 0) & (rng.random(n) < people.redeem[user])
    unpaid = ~buys & with_cart & (rng.random(n) < 0.05)
    fate = np.where(unpaid, UNPAID, draw_fate(people.cancel[user], people.refund[user], rng))
    after = (rng.uniform(3, 28, n) * MINUTE).astype(np.int64)
    ordered = np.flatnonzero(buys | unpaid)
    position = np.full(n, -1)
    position[ordered] = np.arange(len(ordered))
    purchases = Purchases(
        user=user[ordered],
        at=(visits.start + after)[ordered],
        sku=menu.sku[row, basket][ordered],
        quantity=menu.quantity[row, basket][ordered],
        off=np.where(uses, off[row, basket, column], 0)[ordered],
        fate=fate[ordered],
        terminal=visits.terminal[ordered],
        device=visits.device[ordered],
        ip=visits.ip[ordered],
        address=network.draw_address(user[ordered], rng),
    )
    taken = np.flatnonzero(claims)
    grants = Grants(
        user=user[taken],
        template=template[taken],
        decision=np.full(len(taken), -1),
        at=visits.start[taken] + MINUTE,
        order=np.where(uses, position, -1)[taken],
        off=np.where(uses, off[row, basket, column], 0)[taken],
        device=visits.device[taken],
        ip=visits.ip[taken],
    )
    return purchases, grants


def _centre_template(people: Population, user: Ints, rng: np.random.Generator) -> Ints:
    weight: Floats = people.taste[user][:, KIND_OF[list(PUBLIC)]] ** 2
    return np.array(PUBLIC)[pick(np.cumsum(weight, axis=1), np.arange(len(user)), rng)]


def welcome(
    people: Population,
    newcomers: Newcomers,
    users: Ints,
    menu: Menu,
    calendar: Calendar,
    seed: int,
    block: int,
) -> tuple[Purchases, Grants]:
    """First orders and newcomer coupons of those who register in the period."""
    rng = stream(seed, "welcome", block)
    rows = np.flatnonzero(newcomers.arrives[users])
    user = users[rows]
    claims, orders = newcomers.claims[user], newcomers.orders[user]
    claimed = people.registered[user] + newcomers.claim_after[user]
    placed = claimed + newcomers.order_after[user]
    smallest = menu.goods[rows].argmin(axis=1)
    habit = pick(np.cumsum(menu.habit[rows], axis=1), np.arange(len(rows)), rng)
    basket = np.where(newcomers.thrift[user], smallest, habit)
    off = TEMPLATES[WELCOME].discount(menu.goods[rows, basket])
    uses = claims & orders & (off > 0) & (rng.random(len(rows)) < np.maximum(people.redeem[user], 0.8))
    fate = draw_fate(people.cancel[user], people.refund[user], rng)
    ordered = np.flatnonzero(orders)
    position = np.full(len(rows), -1)
    position[ordered] = np.arange(len(ordered))
    purchases = Purchases(
        user=user[ordered],
        at=placed[ordered],
        sku=menu.sku[rows, basket][ordered],
        quantity=menu.quantity[rows, basket][ordered],
        off=np.where(uses, off, 0)[ordered],
        fate=fate[ordered],
        terminal=newcomers.terminal[user][ordered],
        device=newcomers.device[user][ordered],
        ip=newcomers.ip[user][ordered],
        address=newcomers.address[user][ordered],
    )
    taken = np.flatnonzero(claims & (claimed < calendar.end))
    grants = Grants(
        user=user[taken],
        template=np.full(len(taken), WELCOME),
        decision=np.full(len(taken), -1),
        at=claimed[taken],
        order=np.where(uses, position, -1)[taken],
        off=np.where(uses, off, 0)[taken],
        device=newcomers.device[user][taken],
        ip=newcomers.ip[user][taken],
    )
    return purchases, grants
