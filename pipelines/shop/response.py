"""The truth: how likely a user buys within a week under each offer, which basket, and with what coupon.

With offer a a user buys at most once in the week, with log odds

    buy + season / 2 + price x PULL x log(1 + saving_a / 4 yuan) x taste_a - reactance x (a is not none)

chooses basket m with weight habit_m x exp(TOP_UP x price x [the coupon applies to m]), remembers a usable coupon with
probability ``redeem``, and keeps the order with probability ``kept``. Expectations are sums over the menu.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.shop.baskets import Menu
from pipelines.shop.offers import KIND_OF, OFFERS, WELCOME, discounts
from pipelines.shop.population import Population
from pipelines.shop.seeds import Floats, Ints

PULL = 0.8
TOP_UP = 0.8
_KIND_OF_OFFER = KIND_OF[:WELCOME]


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


def respond(people: Population, users: Ints, menu: Menu, rows: Ints, busy: Floats) -> Response:
    """The truth for decisions of ``users``, whose menus are ``rows`` of ``menu``, on days that are ``busy``.

    ``value`` is the expected margin before coupon cost over that of ``none``; ``cost`` the expected discount of kept
    orders, ``goods`` the expected basket of a buyer.
    """
    price = people.price[users][:, None]
    off = discounts(menu.goods)[rows]
    weight = menu.habit[rows][:, :, None] * np.exp(TOP_UP * price[:, :, None] * (off > 0))
    basket = weight / weight.sum(axis=1, keepdims=True)
    saving = (basket * off).sum(axis=1) / 100
    taste = np.ones((len(users), len(OFFERS)))
    taste[:, 1:] = people.taste[users][:, _KIND_OF_OFFER]
    prodded = np.arange(len(OFFERS)) > 0
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
