"""Play the shop and write its tables and truth.

Users are played in blocks of a fixed size, each from random streams of its own, so that memory does not grow with the
number of users and the order of blocks changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.shop.baskets import Menu
from pipelines.shop.behaviour import Events, browse, draw_visits, shopping_events, sign_ups
from pipelines.shop.calendar import Calendar
from pipelines.shop.organic import buy_at_visits, welcome
from pipelines.shop.purchases import Grants, Purchases, draw_fate
from pipelines.shop.response import respond
from pipelines.shop.rows import (
    coupon_rows,
    decision_rows,
    event_rows,
    order_rows,
    template_rows,
    user_rows,
)
from pipelines.shop.scripted import play_script, script_events
from pipelines.shop.seeds import Ints, stream
from pipelines.shop.trial import Decisions, decide, in_window, play_out
from pipelines.shop.truth import effect_rows, population_rows, response_rows
from pipelines.shop.verdicts import verdict_rows
from pipelines.shop.world import Shop
from pipelines.shop.writer import whole_folder

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Block:
    """What a block of users did."""

    decisions: Decisions
    orders: Purchases
    coupons: Grants
    events: Events


def simulate(users: int, days: int, seed: int, out: Path, progress: Progress | None = None) -> None:
    """Write the tables of a simulated shop to ``out`` and its truth to ``out/truth``, replacing what was there.

    Rings hold about 0.7 % of users; below 2,000 users the smallest rings (two accounts of each family) hold more.
    Raises :class:`InputError` for too few users or days.
    """
    shop = Shop.open(users, days, seed)
    with whole_folder(out) as writer:
        for block in range(shop.blocks):
            if progress:
                progress("simulate", block / shop.blocks)
            for name, rows in block_tables(shop, block).items():
                writer.add(name, rows)
        names = shop.names
        writer.add("users", user_rows(shop.people, names))
        writer.add("templates", template_rows())
        writer.add("verdicts", verdict_rows(shop.people, _seen(shop), names, shop.calendar, seed))
        writer.add("truth/population", population_rows(shop.people, names))
        facts = {"users": users, "days": days, "seed": seed, "start": shop.calendar.start.isoformat()}
        (writer.folder / "truth" / "shop.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    if progress:
        progress("simulate", 1.0)


def block_tables(shop: Shop, block: int) -> dict[str, pa.Table]:
    """The rows of one block, by table."""
    played = play_block(shop, block)
    names, calendar = shop.names, shop.calendar
    orders, lines = order_rows(played.orders, names, calendar, block)
    users = shop.members(block)
    ordinary = respond(shop.people, users, shop.menu(block), np.arange(len(users)), np.ones(len(users)))
    return {
        "decisions": decision_rows(played.decisions, names, block),
        "orders": orders,
        "order_lines": lines,
        "coupons": coupon_rows(played.coupons, played.orders, names, calendar, block),
        "events": event_rows(played.events, names, block),
        "truth/effects": effect_rows(played.decisions, names, block),
        "truth/responses": response_rows(ordinary, users, names),
    }


def play_block(shop: Shop, block: int) -> Block:
    """Play the users of one block through the period."""
    people, network, calendar, seed = shop.people, shop.network, shop.calendar, shop.seed
    users, menu = shop.members(block), shop.menu(block)
    visits = draw_visits(people, network, users, calendar, seed, block)
    decisions = decide(people, users, visits, menu, calendar, seed, block)
    browsed, with_cart = browse(people, shop.catalogue, users, visits, seed, block)
    free = ~in_window(decisions, visits, calendar)
    parts = [
        _trial_purchases(shop, decisions, menu, block),
        buy_at_visits(people, network, users, visits, free, with_cart, menu, seed, block),
        welcome(people, shop.newcomers, users, menu, calendar, seed, block),
        play_script(network, shop.script, shop.catalogue, users, seed, block),
    ]
    orders, coupons = _within(*_joined(parts), calendar)
    rng = stream(seed, "shopping", block)
    shopping = shopping_events(
        orders.user, orders.at, orders.sku, orders.quantity, orders.terminal, orders.device, orders.ip, rng
    )
    arriving = users[shop.newcomers.arrives[users]]
    first = sign_ups(people, shop.newcomers, shop.catalogue, arriving, rng)
    scripted = script_events(shop.script, users, network.terminal)
    events = Events.joined([browsed, shopping, first, scripted]).before(calendar.end)
    return Block(decisions, orders, coupons, events)


def _trial_purchases(shop: Shop, decisions: Decisions, menu: Menu, block: int) -> tuple[Purchases, Grants]:
    people, network = shop.people, shop.network
    done = play_out(people, decisions, shop.seed, block)
    rng = stream(shop.seed, "trial orders", block)
    bought = np.flatnonzero(done.bought)
    user, at, row, basket = decisions.user[bought], done.at[bought], decisions.row[bought], done.basket[bought]
    device, terminal = network.draw_device(user, at, rng)
    off = np.where(done.redeemed, decisions.truth.off[np.arange(len(done.basket)), done.basket, decisions.offer], 0)
    orders = Purchases(
        user=user,
        at=at,
        sku=menu.sku[row, basket],
        quantity=menu.quantity[row, basket],
        off=off[bought],
        fate=draw_fate(people.cancel[user], people.refund[user], rng),
        terminal=terminal,
        device=device,
        ip=network.draw_ip(user, at, rng),
        address=network.draw_address(user, rng),
    )
    position = np.full(len(decisions.user), -1)
    position[bought] = np.arange(len(bought))
    given = np.flatnonzero(decisions.offer > 0)
    asker, asked = decisions.user[given], decisions.at[given]
    coupons = Grants(
        user=asker,
        template=decisions.offer[given] - 1,
        decision=given,
        at=asked + 2_000_000,
        order=np.where(done.redeemed, position, -1)[given],
        off=off[given],
        device=network.draw_device(asker, asked, rng)[0],
        ip=network.draw_ip(asker, asked, rng),
    )
    return orders, coupons


def _joined(parts: list[tuple[Purchases, Grants]]) -> tuple[Purchases, Grants]:
    orders = Purchases.joined([purchases for purchases, _ in parts])
    return orders, Grants.joined([grants for _, grants in parts], [len(purchases) for purchases, _ in parts])


def _within(orders: Purchases, coupons: Grants, calendar: Calendar) -> tuple[Purchases, Grants]:
    """Without what happens after the end: orders not yet placed, coupons not yet claimed."""
    keep = np.flatnonzero(orders.at < calendar.end)
    position = np.full(len(orders) + 1, -1)
    position[keep] = np.arange(len(keep))
    return orders.take(keep), coupons.reorder(position).take(np.flatnonzero(coupons.at < calendar.end))


def _seen(shop: Shop) -> Ints:
    """When each account first did what it may be judged for: claimed as a newcomer, or acted with its ring."""
    people, script = shop.people, shop.script
    claimed = np.maximum(people.registered, shop.calendar.begin) + shop.newcomers.claim_after
    never = np.iinfo(np.int64).max
    acted = np.full(shop.users, never)
    np.minimum.at(acted, np.array(script.user, dtype=np.int64), np.array(script.at, dtype=np.int64))
    # An old account of a ring did nothing wrong before the ring's first new one came.
    began = np.full(int(people.ring.max()) + 1, never)
    arriving = np.flatnonzero(people.abusive & shop.newcomers.arrives)
    np.minimum.at(began, people.ring[arriving], claimed[arriving])
    old = people.abusive & ~shop.newcomers.arrives
    since = np.where(old, began[people.ring], claimed)
    return np.where(acted < never, acted, np.where(since < never, since, claimed))
