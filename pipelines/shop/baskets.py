"""What a user buys: a menu of usual baskets, each with a habit weight.

A finite menu makes expectations exact: the truth of a coupon is a sum over baskets, not an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.shop.catalogue import Catalogue
from pipelines.shop.population import Population
from pipelines.shop.seeds import Floats, Ints, pick, stream

BASKETS = 10
LINES = 4


@dataclass(frozen=True)
class Menu:
    """Baskets of a block of users: ``sku`` and ``quantity`` (users, baskets, lines), quantity 0 where no line is.

    ``goods`` and ``margin`` in cents before any coupon, ``habit`` sums to 1 over a user's baskets.
    """

    sku: Ints
    quantity: Ints
    goods: Ints
    margin: Ints
    habit: Floats


def build_menu(people: Population, users: Ints, catalogue: Catalogue, seed: int, block: int) -> Menu:
    """The menus of a block of users."""
    rng = stream(seed, "menu", block)
    shape = (len(users), BASKETS, LINES)
    lines = 1 + np.minimum(rng.poisson(np.repeat(people.spend[users], BASKETS)), LINES - 1).reshape(shape[:2])
    rows = np.repeat(np.arange(len(users)), BASKETS * LINES)
    category = pick(np.cumsum(people.interest[users], axis=1), rows, rng)
    sku = catalogue.choose(category, people.premium[users][rows], rng).reshape(shape)
    quantity = 1 + np.minimum(rng.geometric(0.75, shape) - 1, 4)
    quantity[np.arange(LINES) >= lines[:, :, None]] = 0
    goods = (quantity * catalogue.price[sku]).sum(axis=2)
    margin = (quantity * (catalogue.price - catalogue.cost)[sku]).sum(axis=2)
    habit = rng.gamma(0.8, 1, shape[:2]) + 0.02
    return Menu(sku, quantity, goods, margin, habit / habit.sum(axis=1, keepdims=True))
