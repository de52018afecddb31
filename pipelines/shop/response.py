"""The truth: how likely a user buys within a week under each offer, which basket, and with what coupon.

With offer a a user buys at most once in the week, with log odds

    buy + season / 2 + price x PULL x log(1 + saving_a / 4 yuan) x taste_a - reactance x (a is not none)

chooses basket m with weight habit_m x exp(TOP_UP x price x [the coupon applies to m]), remembers a usable coupon with
probability ``redeem``, and keeps the order with probability ``kept``. Expectations are sums over the menu.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.shop.baskets import Menu
from pipelines.shop.offers import KINDS, TEMPLATES, WELCOME, Template, discounts
from pipelines.shop.population import Population
from pipelines.shop.seeds import Floats, Ints

PULL = 1.0
TOP_UP = 0.8


@dataclass(frozen=True)
class Response:
    """Per decision and offer (n, offers), and per basket (n, baskets, offers): probabilities and cents."""

    buys: Floats
    basket: Floats
    off: Ints
    value: Floats
    cost: Floats
    redeems: Floats
    goods: Floats


def respond(
    people: Population,
    users: Ints,
    menu: Menu,
    rows: Ints,
    busy: Floats,
    templates: Sequence[Template] = TEMPLATES[:WELCOME],
) -> Response:
    """The truth for decisions of ``users``, whose menus are ``rows`` of ``menu``, on days that are ``busy``.

    The choices are ``none`` and the templates, by default the offers of the trial.

    ``value`` is the expected margin before coupon cost over that of ``none``; ``cost`` the expected discount of kept
    orders, ``goods`` the expected basket of a buyer.
    """
    price = people.price[users][:, None]
    off = discounts(menu.goods[rows], templates)
    weight = menu.habit[rows][:, :, None] * np.exp(TOP_UP * price[:, :, None] * (off > 0))
    basket = weight / weight.sum(axis=1, keepdims=True)
    saving = (basket * off).sum(axis=1) / 100
    taste = np.ones((len(users), 1 + len(templates)))
    taste[:, 1:] = people.taste[users][:, [KINDS.index(template.kind) for template in templates]]
    prodded = np.arange(1 + len(templates)) > 0
    odds = people.buy[users][:, None] + 0.5 * np.log(busy)[:, None]
    odds = odds + PULL * price * np.log1p(saving / 4) * taste - people.reactance[users][:, None] * prodded
    buys = np.minimum(1 / (1 + np.exp(-odds)), 0.95)
    kept = people.kept[users][:, None]
    margin = (basket * menu.margin[rows][:, :, None]).sum(axis=1) * buys * kept
    redeem = people.redeem[users][:, None]
    return Response(
        buys=buys,
        basket=basket,
        off=off,
        value=margin - margin[:, :1],
        cost=buys * kept * redeem * (basket * off).sum(axis=1),
        redeems=buys * kept * redeem * (basket * (off > 0)).sum(axis=1),
        goods=(basket * menu.goods[rows][:, :, None]).sum(axis=1),
    )
